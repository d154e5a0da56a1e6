/** Another program leaves a transaction open on the events topic: it hides our records for a while and harms none, so it must not stop us. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { message } from '../contracts/publisher.ts'
import { foreignProducer } from '../kafka/foreign-producer.ts'
import { Connector, settingsFor } from '../support/connector.ts'
import type { Reach } from '../support/platform/platform.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { settledWorld } from '../support/settled-world.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'
import { verdictOn } from '../support/verdict.ts'

let reach: Reach
let simulator: Simulator
beforeAll(async () => {
  reach = await platform()
  simulator = await startSimulator({ world: settledWorld({ seed: 23, history: 600, historyMs: 3 * 3_600_000, badRowShare: 0 }) })
}, platformStartMs)
afterAll(() => simulator?.close())

test('with a foreign transaction open before our newest records, the connector starts, publishes and starts again', async () => {
  const name = uniqueName('foreign')
  const topic = `${name}.call-logs`
  const run = () => Connector.runOnce(settingsFor(simulator, reach, name))
  const first = await run()
  const stranger = await foreignProducer(reach.brokers, uniqueName('stranger'))
  const transaction = await stranger.begin()
  await transaction.send(
    topic,
    [0, 1, 2].map(partition => message(partition, 'foreign', 'x')),
  )

  // What the second run publishes lies behind the open transaction; the third one looks for it.
  for (const call of simulator.world.calls.slice(0, 50)) simulator.world.change(call.id ?? '', { credits: '4.5' })
  const [second, third] = [await run(), await run()]
  await transaction.abort()
  await stranger.close()

  const exits = [first, second, third].map(({ exit }) => exit)
  expect(exits, third.output.slice(-2_000)).toEqual([1, 2, 3].map(() => ({ code: 0, signal: null })))
  const verdict = await verdictOn(reach, topic, simulator.world)
  expect(verdict).toMatchObject({ missing: [], repeated: [], stale: [], extra: [] })
  expect(verdict.records.filter(({ revision }) => revision === 2)).toHaveLength(50)
})
