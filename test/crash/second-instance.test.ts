/** Two instances of one name: one owns, the other stands by; who takes over, when, and that nothing is repeated or lost by it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { brokerProxy } from '../support/broker-proxy.ts'
import { Connector, settingsFor } from '../support/connector.ts'
import type { LogLine } from '../support/log-watch.ts'
import type { Reach } from '../support/platform/platform.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'
import { verdictOn } from '../support/verdict.ts'

let reach: Reach
let simulator: Simulator
beforeAll(async () => {
  reach = await platform()
  simulator = await startSimulator({
    world: {
      seed: 3,
      history: 2_000,
      historyMs: 3_600_000,
      livePerSecond: 5,
      lateShare: 0.2,
      lateMs: [1_000, 5_000],
      changeShare: 0.3,
      changeMs: [2_000, 8_000],
    },
  })
}, platformStartMs)
afterAll(() => simulator?.close())

const STILL_MS = 90_000

const polling = {
  startFrom: '2h',
  schedule: [
    { name: 'hot', every: '10s', span: '30m' },
    { name: 'warm', every: '30s', span: '2h' },
  ],
}

const isHot = (sinceMs: number) => (line: LogLine) => line.schedule === 'hot' && Date.parse(String(line.time)) > sinceMs

async function judged(name: string, settledBefore: number) {
  return await verdictOn(reach, `${name}.call-logs`, simulator.world, {
    settledBefore,
    from: settledBefore - 3_600_000 + 60_000,
    until: settledBefore,
  })
}

/** The brokers behind a network that can be cut. */
async function proxied({ brokers }: Reach) {
  const network = await brokerProxy(...brokers)
  return { ...network, [Symbol.asyncDispose]: () => network.close() }
}

const clean = { missing: [], repeated: [], stale: [], extra: [] }

/** The one that took over goes on undisturbed beside the one that is back; both stop in order, and nothing was repeated or lost. */
async function expectQuiet(name: string, owner: Connector, standby: Connector): Promise<void> {
  const sinceMs = Date.now()
  await owner.untilEvent('window.read', isHot(sinceMs + 12_000))
  expect(owner.lines.filter(({ event }) => event === 'task.fenced' || event === 'task.lost')).toEqual([])
  for (const instance of [standby, owner]) instance.kill('SIGTERM')
  expect([await standby.exited, await owner.exited]).toEqual([
    { code: 0, signal: null },
    { code: 0, signal: null },
  ])
  expect(await judged(name, sinceMs)).toMatchObject(clean)
}

test('the second instance stands by, is ready, and takes over when the first is told to stop', async () => {
  const name = uniqueName('pair')
  const settings = settingsFor(simulator, reach, name, { polling })
  await using first = await Connector.start(settings)
  await first.untilEvent('window.read', line => line.schedule === 'hot')

  await using second = await Connector.start(settings)
  await second.untilEvent('task.standby')
  expect((await fetch(`${await second.address()}/ready`)).status).toBe(200)
  expect(second.lines.some(({ event }) => event === 'recalled')).toBe(false)
  const stoppedMs = Date.now()
  first.kill('SIGTERM')
  expect(await first.exited).toEqual({ code: 0, signal: null })
  await second.untilEvent('recalled')

  await second.untilEvent('window.read', isHot(stoppedMs + 12_000))
  second.kill('SIGTERM')
  expect(await second.exited).toEqual({ code: 0, signal: null })
  expect(await judged(name, stoppedMs)).toMatchObject(clean)
})

test('an owner that stands still for 90 seconds is replaced; when it wakes up it stands by, and publishes nothing', async () => {
  const name = uniqueName('frozen')
  const settings = settingsFor(simulator, reach, name, { polling })
  await using first = await Connector.start(settings)
  await first.untilEvent('window.read', line => line.schedule === 'hot')
  await using second = await Connector.start(settings)
  await second.untilEvent('task.standby')

  first.kill('SIGSTOP')
  const stoppedMs = Date.now()
  await second.untilEvent('recalled')
  // By then its session, its transaction and its connections are all over.
  await second.untilEvent('window.read', isHot(stoppedMs + STILL_MS), STILL_MS + 60_000)
  first.kill('SIGCONT')
  await first.untilEvent('task.standby')

  await expectQuiet(name, second, first)
})

test('an owner cut off from Kafka is replaced; its late packets do no harm, and it stands by when the network is back', async () => {
  const name = uniqueName('cut')
  await using network = await proxied(reach)
  await using first = await Connector.start(
    settingsFor(simulator, { ...reach, brokers: [...network.addresses] }, name, { polling }),
  )
  await first.untilEvent('window.read', line => line.schedule === 'hot')
  await using second = await Connector.start(settingsFor(simulator, reach, name, { polling }))
  await second.untilEvent('task.standby')

  network.partition()
  await second.untilEvent('window.read', line => line.schedule === 'hot')
  await first.untilEvent('task.lost')
  network.heal()
  await first.untilEvent('task.standby')

  await expectQuiet(name, second, first)
})

test('--once beside a running owner says so, stops with 5 and disturbs nothing', async () => {
  const name = uniqueName('beside')
  const settings = settingsFor(simulator, reach, name, { polling })
  await using owner = await Connector.start(settings)
  await owner.untilEvent('window.read', line => line.schedule === 'hot')

  const once = await Connector.runOnce(settings)

  expect(once.exit, once.output.slice(-2_000)).toEqual({ code: 5, signal: null })
  expect(once.stderr).toMatch(/^call-log-source: FENCED: .* is running already/m)
  const afterMs = Date.now()
  await owner.untilEvent('window.read', isHot(afterMs))
  expect(owner.lines.filter(({ event }) => event === 'task.fenced' || event === 'recalled')).toHaveLength(1)
  owner.kill('SIGTERM')
  expect(await owner.exited).toEqual({ code: 0, signal: null })
})
