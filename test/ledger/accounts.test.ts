/** Several accounts in one ledger: each has its own memory, and what all of them share (topic, partition, producer) comes between none. */

import { describe, expect, test } from 'vitest'
import { filtersText } from '../../src/ledger/identity.ts'
import { createLedger } from '../../src/ledger/ledger.ts'
import type { Dialect } from '../../src/model/dialect.ts'
import type { AccountState } from '../../src/model/state.ts'
import { DAY_MS } from '../../src/model/window.ts'
import type { Chunk, Topics } from '../../src/ports.ts'
import { sighting } from '../support/calls.ts'
import { identity, ledgerOn, memoryCluster, noSignal, processOn, usualOptions } from '../support/ledger-on-memory.ts'
import { usualDialect } from '../support/usual-dialect.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const startMs = Date.parse('2026-03-10T12:00:00Z')
const clock = () => new VirtualClock({ startMs })

/** News of one call: remembered in `state`, with the event that goes with it. */
function news(state: AccountState, callId: string): Chunk {
  const entry = state.seen.add(sighting({ call_id: callId }).print, startMs, state.rules)
  const message = { partition: 0, key: callId, value: Buffer.from('event'), timestampMs: startMs }
  return { rest: [{ topic: 'events', messages: [message] }], entries: [entry] }
}
const knows = (state: AccountState, callId: string) => state.seen.find(sighting({ call_id: callId }).print, startMs) !== null

describe('accounts that share a partition', () => {
  test('claim it at the same moment: one birth is read, neither fences the other, and each remembers its own calls only', async () => {
    const cluster = await memoryCluster()
    const ledgerOf = processOn(cluster, clock())
    const [a, b] = [ledgerOf('a'), ledgerOf('b')]

    const [ofA, ofB] = await Promise.all([a.recall(noSignal), b.recall(noSignal)])
    await Promise.all([a.commit(ofA, news(ofA, 'one'), noSignal), b.commit(ofB, news(ofB, 'two'), noSignal)])

    const next = processOn(cluster, clock())
    const [againA, againB] = await Promise.all([next('a').recall(noSignal), next('b').recall(noSignal)])
    expect([ofA, ofB, againA, againB].map(({ incarnation }) => incarnation)).toEqual([1, 1, 2, 2])
    expect([knows(againA, 'one'), knows(againA, 'two'), knows(againB, 'one'), knows(againB, 'two')]).toEqual([
      true,
      false,
      false,
      true,
    ])
  })

  test.each(['failAfterWrite', 'reject'] as const)(
    'lose no call and publish none twice when a commit of one ends in %s: both recall and go on',
    async fault => {
      const cluster = await memoryCluster()
      const ledgerOf = processOn(cluster, clock())
      const [a, b] = [ledgerOf('a'), ledgerOf('b')]
      const [ofA, ofB] = [await a.recall(noSignal), await b.recall(noSignal)]
      cluster.failNextCommit(fault)

      await expect(a.commit(ofA, news(ofA, 'one'), noSignal)).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN' })
      await expect(b.commit(ofB, news(ofB, 'two'), noSignal)).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN' })
      const [againA, againB] = await Promise.all([a.recall(noSignal), b.recall(noSignal)])
      for (const [ledger, state, call] of [
        [a, againA, 'one'],
        [b, againB, 'two'],
      ] as const) {
        if (!knows(state, call)) await ledger.commit(state, news(state, call), noSignal)
      }

      expect(cluster.committed('events').map(({ key }) => key)).toEqual(['one', 'two'])
    },
  )

  test('give way together to a newer instance', async () => {
    const cluster = await memoryCluster()
    const ledgerOf = processOn(cluster, clock())
    const [a, b] = [ledgerOf('a'), ledgerOf('b')]
    const [ofA, ofB] = [await a.recall(noSignal), await b.recall(noSignal)]
    await processOn(cluster, clock())('a').recall(noSignal)

    await expect(b.commit(ofB, news(ofB, 'two'), noSignal)).rejects.toMatchObject({ code: 'FENCED' })
    await expect(a.commit(ofA, news(ofA, 'one'), noSignal)).rejects.toMatchObject({ code: 'FENCED' })
    expect(cluster.committed('events')).toEqual([])
  })
})

describe('an account without a memory', () => {
  test.each([
    ['in the partition of another one', 0],
    ['in a partition of its own', 1],
  ])('is new when others of the same connector have published: %s', async (_, partition) => {
    const cluster = await memoryCluster(2)
    const ledgerOf = processOn(cluster, clock(), 2)
    const first = ledgerOf('first')
    const state = await first.recall(noSignal)
    await first.commit(state, news(state, 'one'), noSignal)

    await expect(ledgerOf('second', partition).recall(noSignal)).resolves.toMatchObject({ incarnation: 1 })
  })

  test('is not taken for forgotten because another one publishes for the first time while it looks', async () => {
    const cluster = await memoryCluster(2)
    const ledgerOf = processOn(cluster, clock(), 2)
    const topics: Topics = {
      ...cluster.topics(),
      offsets: async (topic, signal) => {
        if (topic === 'events' && cluster.committed('events').length === 0) {
          const other = ledgerOf('other')
          const state = await other.recall(noSignal)
          await other.commit(state, news(state, 'one'), noSignal)
        }
        return await cluster.topics().offsets(topic, signal)
      },
    }
    const late = createLedger(
      {
        publisher: cluster.publisher('kaleyra-1'),
        reader: cluster.reader({ blockedMs: 1_000, clock: clock() }),
        topics,
        clock: clock(),
        notBeforeMs: () => 0,
        dialect: () => null,
      },
      { ...usualOptions, identity: { ...identity, account: 'late', ledgerPartitions: 2 }, partition: 1 },
    )

    await expect(late.look(noSignal)).resolves.toMatchObject({ notBeforeMs: 0 })
    expect(cluster.committed('events')).toHaveLength(1)
  })

  test('is refused, whichever it is, when the whole ledger was emptied beside output', async () => {
    const cluster = await memoryCluster(2)
    const ledgerOf = processOn(cluster, clock(), 2)
    const first = ledgerOf('first')
    const state = await first.recall(noSignal)
    await first.commit(state, news(state, 'one'), noSignal)
    cluster.recreate('ledger', 2)

    const next = processOn(cluster, clock(), 2)

    for (const account of ['first', 'second']) {
      await expect(next(account, 1).recall(noSignal)).rejects.toMatchObject({
        code: 'LEDGER_MISMATCH',
        message: expect.stringMatching(/holds nothing of the connector "kaleyra", yet events has .* --first-start/),
      })
    }
    expect(cluster.committed('ledger')).toEqual([])
  })

  test('is refused although a transaction that somebody left open hides all the output', async () => {
    const cluster = await memoryCluster()
    cluster.leaveOpen('stranger', 'events', [{ partition: 0, key: 'x', value: null, timestampMs: startMs }])

    await expect(ledgerOn(cluster, clock()).look(noSignal)).rejects.toMatchObject({ code: 'LEDGER_MISMATCH' })
    await expect(ledgerOn(cluster, clock(), { firstStart: true }).look(noSignal)).resolves.toMatchObject({ notBeforeMs: 0 })
  })
})

test('a transaction that a stranger leaves open on the events topic is not mistaken for a topic created anew', async () => {
  const cluster = await memoryCluster()
  cluster.leaveOpen('stranger', 'events', [{ partition: 0, key: 'x', value: null, timestampMs: startMs }])
  const owner = ledgerOn(cluster, clock(), { firstStart: true })
  const state = await owner.recall(noSignal)
  await owner.commit(state, news(state, 'one'), noSignal)
  await owner.commit(state, news(state, 'two'), noSignal)

  await expect(ledgerOn(cluster, clock()).recall(noSignal)).resolves.toMatchObject({ incarnation: 2 })
})

test.each([0, 1])(
  'a SID under a new label is refused with the remedy, also when the old one lives in partition %i',
  async partition => {
    const cluster = await memoryCluster(2)
    const as = (account: string, at: number) =>
      processOn(cluster, clock(), 2)(account, at, { identity: { ...identity, account, ledgerPartitions: 2 } })
    const owner = as('old', partition)
    const state = await owner.recall(noSignal)

    await expect(as('new', 0).recall(noSignal)).rejects.toMatchObject({
      code: 'LEDGER_MISMATCH',
      message: expect.stringMatching(
        /the SID of account "new" was read as account "old" so far.*restore the id "old".*--first-start/,
      ),
    })
    await owner.commit(state, news(state, 'one'), noSignal)
    expect(cluster.committed('ledger').map(({ key }) => String(key))).not.toContain('new/checkpoint')
  },
)

test('a SID that the settings give to two labels at once is read under both', async () => {
  const cluster = await memoryCluster()
  const labels = ['one', 'two']
  const as = (account: string) => processOn(cluster, clock())(account, 0, { identity: { ...identity, account, labels } })
  await as('one').recall(noSignal)

  await expect(as('two').recall(noSignal)).resolves.toMatchObject({ incarnation: 1 })
})

describe('two accounts that exchange their labels', () => {
  const sids = ['HX0000000001US', 'HX0000000002US'] as const

  test.each([
    ['in one partition', 0],
    ['each in a partition of its own', 1],
  ])('%s are both refused with the remedy, and nobody is fenced', async (_, partition) => {
    const cluster = await memoryCluster(2)
    const under = (ledgerOf: ReturnType<typeof processOn>, account: string, sid: string) =>
      ledgerOf(account, account === 'a' ? 0 : partition, { identity: { ...identity, account, sid, ledgerPartitions: 2 } })
    const before = processOn(cluster, clock(), 2)
    const [a, b] = [under(before, 'a', sids[0]), under(before, 'b', sids[1])]
    const [ofA, ofB] = [await a.recall(noSignal), await b.recall(noSignal)]

    const now = processOn(cluster, clock(), 2)
    for (const [account, sid] of [
      ['a', sids[1]],
      ['b', sids[0]],
    ] as const) {
      await expect(under(now, account, sid).recall(noSignal)).rejects.toMatchObject({
        code: 'LEDGER_MISMATCH',
        message: expect.stringMatching(
          `account "${account}" has another SID .*restore the SID, or give the new SID a new account id`,
        ),
      })
    }
    await a.commit(ofA, news(ofA, 'one'), noSignal)
    await b.commit(ofB, news(ofB, 'two'), noSignal)

    expect(cluster.committed('events')).toHaveLength(2)
  })
})

describe('the filters a ledger was written under', () => {
  const under = (bridge: string[], status: string[]) => ({
    identity: { ...identity, filters: filtersText({ bridge, status }) },
  })

  test('are the same in any order, and none are none', () => {
    expect(filtersText({ bridge: ['2', '1', '2'], status: ['BUSY', 'ANSWER'] })).toBe(
      filtersText({ bridge: ['1', '2'], status: ['ANSWER', 'BUSY', 'BUSY'] }),
    )
    expect(filtersText({ bridge: [], status: [] })).toBe('')
    expect(filtersText({ bridge: ['1'], status: [] })).not.toBe(filtersText({ bridge: [], status: ['1'] }))
  })

  test('stay small and never show a number', () => {
    const long = Array.from({ length: 100 }, (_, index) => `STATUS-${index}-${'x'.repeat(50)}`)
    const text = filtersText({ bridge: ['+911234567890'], status: long })

    expect(text).toMatch(/^status [0-9a-f]{16} \(digest of 100\); bridge [0-9a-f]{16} \(digest of 1\)$/)
  })

  test.each<[string, [string[], string[]], [string[], string[]], RegExp]>([
    ['narrowed', [[], []], [[], ['ANSWER']], /with no api\.filters so far and has api\.filters "status ANSWER" now.*restore/],
    ['widened', [[], ['ANSWER']], [[], []], /with api\.filters "status ANSWER" so far and has no api\.filters now.*new `name`/],
    ['changed', [['+911'], []], [['+912'], []], /with api\.filters "bridge [0-9a-f]{16} .* new ledger topic with --first-start/],
  ])('%s: refused with the remedy, before anybody is disturbed', async (_, before, now, message) => {
    const cluster = await memoryCluster()
    const owner = ledgerOn(cluster, clock(), under(...before))
    const state = await owner.recall(noSignal)

    const error: unknown = await ledgerOn(cluster, clock(), under(...now))
      .recall(noSignal)
      .catch(thrown => thrown)

    expect(error).toMatchObject({ code: 'LEDGER_MISMATCH', message: expect.stringMatching(message) })
    expect(String(error)).not.toMatch(/\+91/)
    await owner.commit(state, news(state, 'a'), noSignal)
    expect(cluster.committed('events')).toHaveLength(1)
  })

  test('unchanged: accepted', async () => {
    const cluster = await memoryCluster()
    await ledgerOn(cluster, clock(), under(['2', '1'], ['BUSY'])).recall(noSignal)

    await expect(ledgerOn(cluster, clock(), under(['1', '2'], ['BUSY'])).recall(noSignal)).resolves.toMatchObject({
      incarnation: 2,
    })
  })
})

test('the dialect that an account learned is what its next life finds, and that of no other account', async () => {
  const cluster = await memoryCluster()
  const dialect: Dialect = usualDialect({ probedAtMs: startMs - DAY_MS })
  let known: Dialect | null = null
  const parts = {
    publisher: cluster.publisher('kaleyra-0'),
    reader: cluster.reader({ blockedMs: 1_000, clock: clock() }),
    topics: cluster.topics(),
    clock: clock(),
    notBeforeMs: () => 0,
    dialect: () => known,
  }
  const ledger = createLedger(parts, usualOptions)
  const state = await ledger.recall(noSignal)
  const before = await ledger.look(noSignal)
  known = dialect
  await ledger.commit(state, { rest: [], entries: [] }, noSignal)

  const stranger = ledgerOn(cluster, clock(), { identity: { ...identity, account: 'other', sid: 'HX-other' } })

  expect(before.dialect).toBeNull()
  expect((await ledgerOn(cluster, clock()).look(noSignal)).dialect).toEqual(dialect)
  expect((await stranger.look(noSignal)).dialect).toBeNull()
})
