/** Ownership is fencing: whoever claims last owns, and the one before stops by itself. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Connector, settingsFor } from '../support/connector.ts'
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

test('a second instance takes over: the first stops with 5, and nothing is published twice or lost', async () => {
  const name = uniqueName('pair')
  const settings = settingsFor(simulator, reach, name, {
    polling: {
      startFrom: '2h',
      schedule: [
        { name: 'hot', every: '10s', span: '30m' },
        { name: 'warm', every: '30s', span: '2h' },
      ],
    },
  })
  await using first = await Connector.start(settings)
  await first.untilEvent('window.read', line => line.schedule === 'hot')

  await using second = await Connector.start(settings)
  await second.untilEvent('recalled')
  const end = await first.exited

  expect(end, first.output.slice(-2_000)).toEqual({ code: 5, signal: null })
  expect(first.stderr).toMatch(/^call-log-source: FENCED: /m)
  const takenOverMs = Date.now()
  await second.untilEvent('window.read', line => line.schedule === 'hot' && Date.parse(String(line.time)) > takenOverMs + 12_000)
  second.kill('SIGTERM')
  expect(await second.exited).toEqual({ code: 0, signal: null })
  const verdict = await verdictOn(reach, `${name}.call-logs`, simulator.world, {
    settledBefore: takenOverMs,
    from: takenOverMs - 3_600_000 + 60_000,
    until: takenOverMs,
  })
  expect(verdict).toMatchObject({ missing: [], repeated: [], stale: [], extra: [] })
}, 240_000)
