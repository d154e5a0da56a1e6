/** Neither the API key nor the SID leaves the process other than to the API, the key of the HMACs not at all, and numbers as the rules say. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Connector, settingsFor } from '../support/connector.ts'
import { consumeAll } from '../support/independent-consumer.ts'
import type { Reach } from '../support/platform/platform.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { settledWorld } from '../support/settled-world.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'

let reach: Reach
let simulator: Simulator
beforeAll(async () => {
  reach = await platform()
  simulator = await startSimulator({ world: { seed: 9, history: 300, historyMs: 3_600_000, badRowShare: 0.05 } })
}, platformStartMs)
afterAll(() => simulator?.close())

const hmacKey = 'key-of-the-hmacs-0123456789abcdef'
const records = { privacy: { from_number: 'hmac', to_number: 'mask', bridge_number: 'drop' }, hmacKey }

/** Without the readings of the runtime's own series, whose names and labels stay: a lag of 0.010000001 s ends like a number of somebody's. */
function withoutReadings(metrics: string): string {
  return metrics.replaceAll(/^((?:nodejs|process)_\w+(?:\{[^}]*\})?) \S+$/gm, '$1')
}

test('logs, metrics, status and records of a run hold no secret and no number', async () => {
  const name = uniqueName('secret')
  for (const fault of ['http500', 'truncate', 'html', 'reset', 'rbc001'] as const) simulator.next({ fault, after: 1 })
  await using connector = await Connector.start(settingsFor(simulator, reach, name, { log: { level: 'trace' }, records }))
  const address = await connector.address()
  await connector.untilEvent('window.read', line => line.schedule === 'backfill')
  const pages = await Promise.all(
    ['/metrics', '/status', '/ready', '/live'].map(async path => (await fetch(address + path)).text()),
  )
  connector.kill('SIGTERM')
  await connector.exited
  const topics = [`${name}.call-logs`, `${name}.call-logs.dlq`, `${name}.ledger`]
  const written = (await Promise.all(topics.map(topic => consumeAll(reach, topic, { deadlineMs: 60_000 })))).flat()
  const bytes = written.map(({ key, value, headers }) => `${String(key)} ${value?.toString('latin1')} ${JSON.stringify(headers)}`)

  const { calls } = simulator.world.truthAt()
  const numbers = new Set(
    calls
      .flatMap(({ versions }) => versions.flatMap(({ facts: { from, to, bridge } }) => [from, to, bridge]))
      .filter(number => number !== null),
  )
  expect(numbers.size).toBeGreaterThan(100)
  expect(written.length).toBeGreaterThan(250)
  expect(connector.output.length).toBeGreaterThan(1_000)
  const [metrics = '', ...others] = pages
  expect(metrics).toMatch(/^nodejs_eventloop_lag_mean_seconds \S+$/m)
  for (const text of [connector.output, withoutReadings(metrics), ...others, ...bytes]) {
    expect(text).not.toContain(simulator.apiKey)
    expect(text).not.toContain(simulator.sid)
    expect(text).not.toContain(hmacKey)
    for (const number of numbers) expect(text).not.toContain(number.slice(-9))
  }
})

test('another privacy rule, and another key, re-base what is known: nothing is published again', async () => {
  const name = uniqueName('rebase')
  await using still = await startSimulator({
    world: settledWorld({ seed: 9, history: 200, historyMs: 3_600_000, badRowShare: 0.05 }),
  })
  const run = (more: Record<string, unknown>) => Connector.runOnce(settingsFor(still, reach, name, more))
  const topics = [`${name}.call-logs`, `${name}.call-logs.dlq`]
  const published = async () =>
    (await Promise.all(topics.map(topic => consumeAll(reach, topic, { deadlineMs: 60_000 })))).flat().length
  const rebased = ({ lines }: Connector) => lines.reduce((sum, { rebased }) => sum + Number(rebased ?? 0), 0)

  const plain = await run({})
  const first = await published()
  const keyed = await run({ records })
  const rotated = await run({ records: { ...records, hmacKey: `${hmacKey}0` } })
  const repeated = await run({ records: { ...records, hmacKey: `${hmacKey}0` } })

  expect([plain, keyed, rotated, repeated].map(({ exit }) => exit.code)).toEqual([0, 0, 0, 0])
  expect([rebased(plain), rebased(repeated)]).toEqual([0, 0])
  expect(first).toBe(200)
  expect([rebased(keyed), rebased(rotated)]).toEqual([first, first])
  expect(await published()).toBe(first)
})
