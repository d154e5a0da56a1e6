import { describe, expect, test } from 'vitest'
import { decodeCheckpoint } from '../../src/ledger/codec.ts'
import { openGap } from '../../src/model/coverage.ts'
import type { AccountState } from '../../src/model/state.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/window.ts'
import type { Chunk, LedgerReader } from '../../src/ports.ts'
import { sighting } from '../support/calls.ts'
import { identity, ledgerOn, memoryCluster, noSignal } from '../support/ledger-on-memory.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const startMs = Date.parse('2026-03-10T12:00:00Z')
const clock = () => new VirtualClock({ startMs })

/** News of one call: remembered in `state`, with the event that goes with it. */
function news(state: AccountState, callId: string, atMs = startMs): Chunk {
  const entry = state.seen.add(sighting({ call_id: callId }).print, atMs, state.rules)
  const message = { partition: 0, key: callId, value: Buffer.from('event'), timestampMs: atMs }
  return { rest: [{ topic: 'events', messages: [message] }], entries: [entry] }
}
const knows = (state: AccountState, callId: string, atMs = startMs) =>
  state.seen.find(sighting({ call_id: callId }).print, atMs) !== null

describe('the first recall', () => {
  test('claims an empty ledger: birth and checkpoint are committed before anything is read', async () => {
    const cluster = await memoryCluster()
    const state = await ledgerOn(cluster, clock()).recall(noSignal)

    expect(state).toMatchObject({ incarnation: 1, notBeforeMs: 0, coverage: { anchorMs: startMs - DAY_MS, slots: [], gaps: [] } })
    expect(cluster.committed('ledger').map(({ key }) => String(key))).toEqual(['main/checkpoint', 'birth'])
  })

  test('never writes the SID, only a keyed hash of it', async () => {
    const cluster = await memoryCluster()
    await ledgerOn(cluster, clock()).recall(noSignal)

    const bytes = Buffer.concat(cluster.committed('ledger').map(({ value }) => value ?? Buffer.alloc(0)))
    expect(bytes.includes(identity.sid)).toBe(false)
  })
})

describe('a commit', () => {
  test('makes events, memory and coverage visible together, and the next life knows them', async () => {
    const cluster = await memoryCluster()
    const first = ledgerOn(cluster, clock())
    const state = await first.recall(noSignal)
    state.coverage = openGap(
      state.coverage,
      { fromMs: startMs - HOUR_MS, untilMs: startMs - HOUR_MS + MINUTE_MS },
      'unproved',
      startMs,
    )
    await first.commit(state, news(state, 'a'), noSignal)

    const next = await ledgerOn(cluster, clock()).recall(noSignal)

    expect(next.incarnation).toBe(2)
    expect(next.coverage).toEqual(state.coverage)
    expect([knows(next, 'a'), knows(next, 'b')]).toEqual([true, false])
    expect(cluster.committed('events')).toHaveLength(1)
  })

  test('whose answer is lost is found done, or not done, by the recall after it', async () => {
    for (const [fault, done] of [
      ['failAfterWrite', true],
      ['reject', false],
    ] as const) {
      const cluster = await memoryCluster()
      const ledger = ledgerOn(cluster, clock())
      const state = await ledger.recall(noSignal)
      cluster.failNextCommit(fault)

      await expect(ledger.commit(state, news(state, 'a'), noSignal)).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN' })
      const after = await ledger.recall(noSignal)

      expect(knows(after, 'a')).toBe(done)
      expect(cluster.committed('events')).toHaveLength(done ? 1 : 0)
    }
  })

  test('after a failed one is refused until the ledger has been recalled', async () => {
    const cluster = await memoryCluster()
    const ledger = ledgerOn(cluster, clock())
    const state = await ledger.recall(noSignal)
    cluster.failNextCommit('reject')
    await expect(ledger.commit(state, news(state, 'a'), noSignal)).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN' })

    await expect(ledger.commit(state, news(state, 'b'), noSignal)).rejects.toMatchObject({ code: 'BUG' })
  })

  test('of an instance that was succeeded is fenced, and publishes nothing', async () => {
    const cluster = await memoryCluster()
    const older = ledgerOn(cluster, clock())
    const state = await older.recall(noSignal)
    await ledgerOn(cluster, clock()).recall(noSignal)

    await expect(older.commit(state, news(state, 'a'), noSignal)).rejects.toMatchObject({ code: 'FENCED' })
    expect(cluster.committed('events')).toEqual([])
  })

  test('of unknown outcome does not fence a successor: the recall sees the claim and gives way', async () => {
    const cluster = await memoryCluster()
    const older = ledgerOn(cluster, clock())
    const state = await older.recall(noSignal)
    cluster.failNextCommit('reject')
    await expect(older.commit(state, news(state, 'a'), noSignal)).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN' })
    const newer = ledgerOn(cluster, clock())
    const owned = await newer.recall(noSignal)

    await expect(older.recall(noSignal)).rejects.toMatchObject({ code: 'FENCED' })
    await newer.commit(owned, news(owned, 'a'), noSignal)

    expect(cluster.committed('events')).toHaveLength(1)
  })
})

test('a claim of unknown outcome gives way to a successor that claimed the same number meanwhile', async () => {
  const cluster = await memoryCluster()
  const older = ledgerOn(cluster, clock())
  cluster.failNextCommit('reject')
  await expect(older.recall(noSignal)).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN' })
  await ledgerOn(cluster, clock()).recall(noSignal)

  await expect(older.recall(noSignal)).rejects.toMatchObject({ code: 'FENCED' })
})

test('a look tells that an open transaction hides what was committed behind it', async () => {
  const cluster = await memoryCluster()
  const owner = ledgerOn(cluster, clock())
  const before = await owner.look(noSignal)
  const state = await owner.recall(noSignal)
  cluster.leaveOpen('stranger', 'ledger', [{ partition: 0, key: 'x', value: null, timestampMs: startMs }])
  state.paused = true
  await owner.commit(state, { rest: [], entries: [] }, noSignal)

  const hidden = await ledgerOn(cluster, clock()).look(noSignal)
  cluster.fence('stranger')
  const whole = await ledgerOn(cluster, clock()).look(noSignal)

  expect([before, hidden, whole]).toMatchObject([
    { isWhole: true, paused: false },
    { isWhole: false, paused: false },
    { isWhole: true, paused: true },
  ])
})

test('a ledger that an open transaction hides from its very beginning is not taken for one that was created anew', async () => {
  const cluster = await memoryCluster()
  const reader = cluster.reader({ blockedMs: 1_000, clock: clock() })
  const hidesClaim: LedgerReader = {
    ...reader,
    read: async (...asked) => {
      await reader.read(...asked)
      cluster.leaveOpen('stranger', 'ledger', [{ partition: 0, key: 'x', value: null, timestampMs: startMs }])
    },
  }
  const owner = ledgerOn(cluster, clock(), {}, undefined, undefined, hidesClaim)
  const state = await owner.recall(noSignal)
  await owner.commit(state, news(state, 'a'), noSignal)

  const hidden = await ledgerOn(cluster, clock()).look(noSignal)
  const blocked = ledgerOn(cluster, clock()).recall(noSignal)

  expect(hidden).toMatchObject({ isWhole: false })
  await expect(blocked).rejects.toMatchObject({ code: 'LEDGER_BLOCKED' })
  cluster.fence('stranger')
  await expect(ledgerOn(cluster, clock()).recall(noSignal)).resolves.toMatchObject({ incarnation: 2 })
})

describe('retention', () => {
  test('a delta is tombstoned after nine days, and the calls in it are forgotten then and not before', async () => {
    const cluster = await memoryCluster()
    const first = ledgerOn(cluster, clock())
    const state = await first.recall(noSignal)
    await first.commit(state, news(state, 'old'), noSignal)

    const inTime = await ledgerOn(cluster, new VirtualClock({ startMs: startMs + 9 * DAY_MS })).recall(noSignal)
    const tooLate = () => ledgerOn(cluster, new VirtualClock({ startMs: startMs + 10 * DAY_MS })).recall(noSignal)
    const byOurClockAlone = await tooLate()
    const late = await tooLate()

    expect(knows(inTime, 'old', startMs + 9 * DAY_MS)).toBe(true)
    expect(knows(byOurClockAlone, 'old', startMs + 10 * DAY_MS)).toBe(true)
    expect(knows(late, 'old', startMs + 10 * DAY_MS)).toBe(false)
    const tombstones = cluster.committed('ledger').filter(({ value }) => value === null)
    expect(tombstones.map(({ key }) => String(key))).toEqual(['main/seen/0'])
  })

  test('sequence numbers go on after a tombstone, so that no delta is ever overwritten', async () => {
    const cluster = await memoryCluster()
    const first = ledgerOn(cluster, clock())
    const state = await first.recall(noSignal)
    await first.commit(state, news(state, 'a'), noSignal)
    const laterMs = startMs + 20 * DAY_MS
    await ledgerOn(cluster, new VirtualClock({ startMs: laterMs })).recall(noSignal)
    const second = ledgerOn(cluster, new VirtualClock({ startMs: laterMs }))
    const owned = await second.recall(noSignal)
    await second.commit(owned, news(owned, 'b', laterMs), noSignal)

    const keys = cluster.committed('ledger').map(({ key }) => String(key))
    expect(keys.filter(key => key.startsWith('main/seen/'))).toEqual(['main/seen/0', 'main/seen/0', 'main/seen/1'])
  })

  test('calls written under other rules keep them apart', async () => {
    const cluster = await memoryCluster()
    const first = ledgerOn(cluster, clock())
    const state = await first.recall(noSignal)
    await first.commit(state, news(state, 'a'), noSignal)

    const next = await ledgerOn(cluster, clock(), { rules: 'rules-2' }).recall(noSignal)

    expect(next.rules).not.toBe(next.seen.find(sighting({ call_id: 'a' }).print, startMs)?.rules)
  })
})

describe('a ledger that is not ours is refused with its remedy, and nobody is fenced', () => {
  const cases: [string, Partial<typeof identity>, RegExp][] = [
    ['another connector', { name: 'other' }, /belongs to the connector "kaleyra".*restore `name`/],
    ['another partition count', { ledgerPartitions: 3 }, /born with 1 partitions and now has 3/],
    ['other output topics', { eventsTopic: 'dlq', deadLettersTopic: 'events' }, /restore kafka\.topics/],
    ['another SID under the same label', { sid: 'HX0000000009US' }, /has another SID .* restore the SID/],
  ]
  test.each(cases)('%s', async (_, change, message) => {
    const cluster = await memoryCluster()
    const owner = ledgerOn(cluster, clock())
    const state = await owner.recall(noSignal)

    const stranger = ledgerOn(cluster, clock(), { identity: { ...identity, ...change } })

    await expect(stranger.recall(noSignal)).rejects.toMatchObject({
      code: 'LEDGER_MISMATCH',
      message: expect.stringMatching(message),
    })
    await owner.commit(state, news(state, 'a'), noSignal)
    expect(cluster.committed('events')).toHaveLength(1)
  })

  test('another connector whose account lives in another partition', async () => {
    const cluster = await memoryCluster(2)
    const both = { ...identity, ledgerPartitions: 2 }
    await ledgerOn(cluster, clock(), { identity: both, partition: 0 }).recall(noSignal)

    const stranger = ledgerOn(cluster, clock(), { identity: { ...both, name: 'other', account: 'elsewhere' }, partition: 1 })

    await expect(stranger.recall(noSignal)).rejects.toMatchObject({
      code: 'LEDGER_MISMATCH',
      message: expect.stringMatching(/belongs to the connector "kaleyra"/),
    })
  })

  test('an empty ledger beside output that somebody wrote, unless told it is the first start', async () => {
    const cluster = await memoryCluster()
    const owner = ledgerOn(cluster, clock())
    const state = await owner.recall(noSignal)
    await owner.commit(state, news(state, 'a'), noSignal)
    cluster.recreate('ledger', 1)

    await expect(ledgerOn(cluster, clock()).recall(noSignal)).rejects.toMatchObject({
      code: 'LEDGER_MISMATCH',
      message: expect.stringMatching(/holds nothing of the connector "kaleyra", yet events has .* --first-start/),
    })
    await expect(ledgerOn(cluster, clock(), { firstStart: true }).recall(noSignal)).resolves.toMatchObject({ incarnation: 1 })
  })

  test('an events topic that was created anew', async () => {
    const cluster = await memoryCluster()
    const owner = ledgerOn(cluster, clock())
    const state = await owner.recall(noSignal)
    await owner.commit(state, news(state, 'a'), noSignal)
    await owner.commit(state, news(state, 'b'), noSignal)
    cluster.recreate('events', 2)

    await expect(ledgerOn(cluster, clock()).recall(noSignal)).rejects.toMatchObject({
      code: 'LEDGER_MISMATCH',
      message: expect.stringMatching(/topic events, partition 0: .* created anew/),
    })
  })
})

test('a checkpoint survives its own encoding', async () => {
  const cluster = await memoryCluster()
  const ledger = ledgerOn(cluster, clock())
  const state = await ledger.recall(noSignal)
  state.coverage = {
    anchorMs: startMs - DAY_MS,
    slots: [
      {
        fromMs: startMs - DAY_MS,
        untilMs: startMs - 23 * HOUR_MS,
        firstReadMs: startMs - 5,
        newestReadMs: startMs,
        count: 12,
        checkedMs: startMs,
      },
      {
        fromMs: startMs - HOUR_MS,
        untilMs: startMs - HOUR_MS + MINUTE_MS,
        firstReadMs: startMs - HOUR_MS,
        newestReadMs: startMs - 7,
        count: 0,
        checkedMs: startMs - 7,
      },
    ],
    gaps: [
      {
        fromMs: startMs - 2 * HOUR_MS,
        untilMs: startMs - HOUR_MS,
        openedMs: startMs,
        attemptedMs: startMs,
        reason: 'unproved',
        state: 'lost',
      },
    ],
  }
  await ledger.commit(state, { rest: [], entries: [] }, noSignal)

  const last = cluster.committed('ledger').at(-1)?.value
  expect(decodeCheckpoint(Buffer.from(last ?? [])).coverage).toEqual(state.coverage)
})
