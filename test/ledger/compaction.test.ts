/** Expiry, tombstones and compaction on a real broker whose log cleaner runs: what must be forgotten goes, and nothing else. */
import kafkajs from 'kafkajs'
import { beforeAll, expect, test } from 'vitest'
import { createLedger } from '../../src/ledger/ledger.ts'
import { book } from '../../src/model/coverage.ts'
import type { AccountState } from '../../src/model/state.ts'
import { DAY_MS, HOUR_MS } from '../../src/model/window.ts'
import type { Chunk, LedgerRecord } from '../../src/ports.ts'
import { topicSpec } from '../contracts/publisher.ts'
import { adaptersOn } from '../kafka/real-kafka.ts'
import { sighting } from '../support/calls.ts'
import { identity, noSignal, usualOptions } from '../support/ledger-on-memory.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { until } from '../support/platform/until.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** A broker takes no records of the future. */
const startMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 20 * DAY_MS
const DEADLINE_MS = 90_000

let brokers: readonly string[]
beforeAll(async () => {
  brokers = (await platform()).brokers
}, platformStartMs)

async function scene() {
  const name = uniqueName('compaction')
  const names = { ledgerTopic: `${name}.ledger`, eventsTopic: `${name}.events`, deadLettersTopic: `${name}.dlq` }
  const { topics, reader, publisher } = adaptersOn(brokers)
  const config = { 'segment.ms': '1000', 'min.cleanable.dirty.ratio': '0.01', 'delete.retention.ms': '0' }
  const required = { 'cleanup.policy': 'compact' }
  const held = { ...config, 'min.compaction.lag.ms': String(365 * DAY_MS) }
  const compacted = { ...topicSpec(names.ledgerTopic, 1), config: held, required }
  await topics.ensure([compacted, topicSpec(names.eventsTopic, 1), topicSpec(names.deadLettersTopic, 1)], true, noSignal)
  /** One process, that many days later. */
  const life = async (days: number) => {
    const clock = new VirtualClock({ startMs: startMs + days * DAY_MS })
    const ledger = createLedger(
      {
        publisher: publisher(name, Object.values(names)),
        reader,
        topics,
        clock,
        notBeforeMs: () => 0,
        dialect: () => null,
      },
      { ...usualOptions, identity: { ...identity, ...names } },
    )
    return { ledger, clock, state: await ledger.recall(noSignal) }
  }
  /** Until then nothing is old enough for the log cleaner. */
  const letCompact = async () => {
    const configEntries = Object.entries({ ...config, ...required }).map(([name, value]) => ({ name, value }))
    const admin = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING }).admin()
    await admin.connect()
    try {
      const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: names.ledgerTopic, configEntries }
      await admin.alterConfigs({ resources: [resource], validateOnly: false })
    } finally {
      await admin.disconnect()
    }
  }
  const records = async () => {
    const found: LedgerRecord[] = []
    await reader.read(names.ledgerTopic, 0, record => found.push(record), noSignal)
    return found
  }
  return { life, letCompact, records }
}

function remember(state: AccountState, callIds: readonly string[], atMs: number): Chunk {
  return { rest: [], entries: callIds.map(callId => state.seen.add(sighting({ call_id: callId }).print, atMs, state.rules)) }
}

const entryOf = (state: AccountState, callId: string, days: number) => {
  const found = state.seen.find(sighting({ call_id: callId }).print, startMs + days * DAY_MS)
  return found && { revision: found.revision, firstSeenMs: found.firstSeenMs, ageDays: found.ageDays }
}

test('after nine days a delta is tombstoned, compaction takes it away, and recall gives the same state as before', async () => {
  const { life, letCompact, records } = await scene()
  const first = await life(0)
  await first.ledger.commit(first.state, remember(first.state, ['old', 'kept'], startMs), noSignal)
  await first.ledger.close()
  const second = await life(5)
  const slot = second.state.seen.find(sighting({ call_id: 'kept' }).print, startMs + 5 * DAY_MS)?.slot ?? -1
  const kept = second.state.seen.rewrite(slot, sighting({ call_id: 'kept' }).print, 1, second.state.rules, second.clock.now())
  await second.ledger.commit(second.state, { rest: [], entries: [kept] }, noSignal)
  await second.ledger.close()
  // By our clock alone nothing expires: the ledger itself must have come so far.
  const third = await life(11)
  const byOurClockAlone = entryOf(third.state, 'old', 11)
  await third.ledger.close()
  const fourth = await life(11)
  const window = { fromMs: startMs + 10 * DAY_MS, untilMs: startMs + 10 * DAY_MS + 2 * HOUR_MS }
  fourth.state.coverage = book(fourth.state.coverage, [{ ...window, readAtMs: fourth.clock.now() }], fourth.clock.now())
  await fourth.ledger.commit(fourth.state, { rest: [], entries: [] }, noSignal)
  const before = await records()

  await letCompact()
  // The newest segment is never compacted, so something must come after what is to go.
  const after = await until({ what: 'the log cleaner has been', deadlineMs: DEADLINE_MS, everyMs: 1_000 }, async () => {
    fourth.clock.pass(2_000)
    await fourth.ledger.commit(fourth.state, { rest: [], entries: [] }, noSignal)
    const found = await records()
    if (!found.some(({ key }) => key === 'main/seen/0')) return found
    throw new Error(`still there: ${found.map(({ key, value }) => `${key}${value === null ? ' (tombstone)' : ''}`).join(', ')}`)
  })
  await fourth.ledger.close()
  const next = await life(11)
  await next.ledger.close()

  const keys = (found: readonly LedgerRecord[], start: string) => found.filter(({ key }) => key.startsWith(start)).length
  expect(byOurClockAlone).toMatchObject({ revision: 1 })
  expect(before.filter(({ key }) => key === 'main/seen/0').map(({ value }) => value === null)).toEqual([false, true])
  expect(after.filter(({ key }) => key.startsWith('main/seen/')).map(({ key }) => key)).toEqual(['main/seen/1'])
  expect(keys(after, 'main/checkpoint')).toBeLessThan(keys(before, 'main/checkpoint'))
  expect(keys(after, 'birth')).toBe(1)
  expect(next.state.coverage).toEqual(fourth.state.coverage)
  expect(next.state.incarnation).toBe(fourth.state.incarnation + 1)
  expect([entryOf(fourth.state, 'old', 11), entryOf(next.state, 'old', 11)]).toEqual([null, null])
  expect(entryOf(next.state, 'kept', 11)).toEqual(entryOf(fourth.state, 'kept', 11))
  expect(entryOf(next.state, 'kept', 11)).toEqual({ revision: 1, firstSeenMs: startMs, ageDays: 6 })
})
