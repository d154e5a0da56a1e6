/** kill -9, again and again, in the middle of a large read: every version is on the topic exactly once all the same. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Connector, settingsFor } from '../support/connector.ts'
import { consumeAll } from '../support/independent-consumer.ts'
import type { Reach } from '../support/platform/platform.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { settledWorld } from '../support/settled-world.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'

const KILLS = 10
const CALLS = 200_000

let reach: Reach
let simulator: Simulator
beforeAll(async () => {
  reach = await platform()
  simulator = await startSimulator({
    world: settledWorld({ seed: 11, history: CALLS, historyMs: 15 * 3_600_000 }),
  })
}, platformStartMs)
afterAll(() => simulator?.close())

test(`${KILLS} kills while ${CALLS.toLocaleString('en-US')} calls are read, then to the end: each version exactly once`, async () => {
  const name = uniqueName('kill')
  const settings = settingsFor(simulator, reach, name, { polling: { maxRowsPerRead: 20_000 } })
  for (let kill = 0; kill < KILLS; kill += 1) {
    await using connector = await Connector.start(settings)
    await connector.untilEvent('recalled')
    // From the first commit on, somewhere in the middle of what follows it.
    await connector.untilEvent('committed', line => Number(line.records) > 0)
    connector.kill('SIGKILL')
    expect((await connector.exited).signal).toBe('SIGKILL')
  }
  const killed = (await consumeAll(reach, `${name}.call-logs`, { values: false, deadlineMs: 120_000 })).length

  const last = await Connector.runOnce(settings)

  expect(last.exit, last.output.slice(-2_000)).toEqual({ code: 0, signal: null })
  const records = await consumeAll(reach, `${name}.call-logs`, { values: false, deadlineMs: 240_000 })
  const versions = records.map(({ key, headers }) => `${String(key)} ${headers.change} ${headers.revision}`)
  const published = new Set(versions)
  expect(killed).toBeGreaterThan(0)
  expect(killed).toBeLessThan(CALLS)
  expect(versions.length - published.size).toBe(0)
  expect(published.size).toBe(CALLS)
  expect(simulator.world.calls.filter(({ id }) => !published.has(`${id} CREATED 1`))).toEqual([])
}, 600_000)
