/** Neither the API key nor the SID leaves the process other than to the API. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Connector, settingsFor } from '../support/connector.ts'
import { consumeAll } from '../support/independent-consumer.ts'
import type { Reach } from '../support/platform/platform.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'

let reach: Reach
let simulator: Simulator
beforeAll(async () => {
  reach = await platform()
  simulator = await startSimulator({ world: { seed: 9, history: 300, historyMs: 3_600_000, badRowShare: 0.05 } })
}, platformStartMs)
afterAll(() => simulator?.close())

test('logs, metrics, status and records of a run hold neither the API key nor the SID', async () => {
  const name = uniqueName('secret')
  for (const fault of ['http500', 'truncate', 'html', 'reset', 'rbc001'] as const) simulator.next({ fault, after: 1 })
  await using connector = await Connector.start(settingsFor(simulator, reach, name, { log: { level: 'trace' } }))
  const address = await connector.address()
  await connector.untilEvent('window.read', line => line.schedule === 'backfill')
  const pages = await Promise.all(
    ['/metrics', '/status', '/ready', '/live'].map(async path => (await fetch(address + path)).text()),
  )
  connector.kill('SIGTERM')
  await connector.exited
  const topics = [`${name}.call-logs`, `${name}.call-logs.dlq`, `${name}.ledger`]
  const records = (await Promise.all(topics.map(topic => consumeAll(reach, topic, { deadlineMs: 60_000 })))).flat()
  const bytes = records.map(({ key, value, headers }) => `${String(key)} ${value?.toString('latin1')} ${JSON.stringify(headers)}`)

  expect(records.length).toBeGreaterThan(250)
  expect(connector.output.length).toBeGreaterThan(1_000)
  for (const text of [connector.output, ...pages, ...bytes]) {
    expect(text).not.toContain(simulator.apiKey)
    expect(text).not.toContain(simulator.sid)
  }
}, 180_000)
