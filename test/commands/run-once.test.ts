/** The main job on real Kafka and a real registry, as its users run it and as an independent consumer sees it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Connector, settingsFor } from '../support/connector.ts'
import { consumeAll } from '../support/independent-consumer.ts'
import type { Reach } from '../support/platform/platform.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { settledWorld } from '../support/settled-world.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'
import { verdictOn } from '../support/verdict.ts'

let reach: Reach
let simulator: Simulator
const name = uniqueName('once')
const topic = `${name}.call-logs`
const clean = { missing: [], repeated: [], stale: [], extra: [], clean: true }

beforeAll(async () => {
  reach = await platform()
  simulator = await startSimulator({
    world: settledWorld({ seed: 5, history: 5_000, historyMs: 15 * 3_600_000, badRowShare: 0.002 }),
  })
}, platformStartMs)
afterAll(() => simulator?.close())

const run = () => Connector.runOnce(settingsFor(simulator, reach, name))

test('5,000 calls are on the topic once each, decodable by the schema id they carry', async () => {
  const connector = await run()

  expect(connector.exit, connector.output.slice(-2_000)).toEqual({ code: 0, signal: null })
  const verdict = await verdictOn(reach, topic, simulator.world)
  expect(verdict).toMatchObject(clean)
  expect(verdict.records.length).toBe(simulator.world.truthAt().calls.length)
})

test('rows that cannot become calls are on the dead-letter topic once each, with their reason', async () => {
  const letters = await consumeAll(reach, `${topic}.dlq`, { deadlineMs: 60_000 })

  expect(letters).toHaveLength(simulator.world.truthAt().badRows.length)
  for (const letter of letters) {
    expect(letter.headers).toMatchObject({ 'dlq.reason': 'no_call_id', 'dlq.account': 'main' })
    expect(JSON.parse(String(letter.value))).toMatchObject({ account: 'main', reason: 'no_call_id', row: expect.any(Object) })
  }
})

test('run again: not one record more', async () => {
  const before = await consumeAll(reach, topic, { deadlineMs: 60_000, values: false })
  const letters = await consumeAll(reach, `${topic}.dlq`, { deadlineMs: 60_000, values: false })

  const connector = await run()

  expect(connector.exit.code).toBe(0)
  expect(await consumeAll(reach, topic, { deadlineMs: 60_000, values: false })).toHaveLength(before.length)
  expect(await consumeAll(reach, `${topic}.dlq`, { deadlineMs: 60_000, values: false })).toHaveLength(letters.length)
})

test('a call changed in between: exactly one UPDATED, revision 2, naming what changed', async () => {
  const call = simulator.world.calls[2_345]
  const id = call?.id ?? ''
  const before = await consumeAll(reach, topic, { deadlineMs: 60_000, values: false })
  simulator.world.change(id, { credits: '9.75' })

  const connector = await run()

  expect(connector.exit.code).toBe(0)
  const verdict = await verdictOn(reach, topic, simulator.world)
  expect(verdict).toMatchObject(clean)
  expect(verdict.records).toHaveLength(before.length + 1)
  const versions = verdict.records.filter(record => record.callId === id)
  expect(versions.map(({ change, revision }) => `${change} ${revision}`).sort()).toEqual(['CREATED 1', 'UPDATED 2'])
  expect(versions.find(({ revision }) => revision === 2)?.content).toMatchObject({
    changed_fields: ['cost'],
    cost: '9.750000',
    regressed: false,
  })
})
