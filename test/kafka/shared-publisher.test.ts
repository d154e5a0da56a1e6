/** Accounts on one producer, interleaved in every way that two or three of them can be: none fences, loses, doubles or blocks another. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConnectorError, codeOf } from '../../src/errors.ts'
import { SharedPublisher, type SharedView } from '../../src/kafka/shared-publisher.ts'
import type { LedgerReader, TransactionalPublisher } from '../../src/ports.ts'
import { outcome } from '../contracts/publisher.ts'
import { type CommitFault, MemoryCluster } from '../support/memory-kafka.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const forever = new AbortController().signal
const record = (account: string, value: string) => ({
  checkpoint: {
    topic: 'ledger',
    message: { partition: 0, key: account, value: Buffer.from(value), timestampMs: 1_760_000_000_000 },
  },
  rest: [],
})

/** A cluster, the producer that is shared with the number of its opens and closes, and its views. */
function scene(turnMs?: number) {
  const cluster = new MemoryCluster()
  cluster.recreate('ledger', 1)
  const made = cluster.publisher('kaleyra-0')
  const calls = { opens: 0, closes: 0 }
  const publisher: TransactionalPublisher = {
    open: signal => {
      calls.opens += 1
      return made.open(signal)
    },
    commit: (batch, signal) => made.commit(batch, signal),
    close: () => {
      calls.closes += 1
      return made.close()
    },
  }
  const clock = new VirtualClock({ mode: 'manual' })
  // Whoever finds a transaction open does not wait for its end: reading at the wrong time shows at once.
  const reader = cluster.reader({ blockedMs: 0 })
  const shared = new SharedPublisher({ publisher, reader, clock, ...(turnMs !== undefined && { turnMs }) })
  const committed = () => cluster.committed('ledger').map(({ key, value }) => `${String(key)}=${String(value)}`)
  return { cluster, clock, calls, committed, view: () => shared.view() }
}

const read = async ({ reader }: SharedView, signal = forever) => {
  const seen: string[] = []
  await reader.read('ledger', 0, ({ key, value }) => seen.push(`${key}=${String(value)}`), signal)
  return seen
}
const commit = ({ publisher }: SharedView, account: string, value: string, signal = forever) =>
  publisher.commit(record(account, value), signal)
const open = ({ publisher }: SharedView) => publisher.open(forever)

describe('two accounts of one partition', () => {
  test('share a producer: the second one opens nothing and fences nobody', async () => {
    const { view, calls, committed } = scene()
    const [a, b] = [view(), view()]

    await open(a)
    await commit(a, 'a', '1')
    await open(b)
    await commit(b, 'b', '1')
    await commit(a, 'a', '2')

    expect(committed()).toEqual(['a=1', 'b=1', 'a=2'])
    expect(calls.opens).toBe(1)
  })

  test('commit one after the other, however they call', async () => {
    const { view, cluster, committed } = scene()
    const [a, b] = [view(), view()]
    await Promise.all([open(a), open(b)])
    const held = cluster.holdNextCommit()

    const first = commit(a, 'a', '1')
    await held.reached
    const second = commit(b, 'b', '1')
    held.release()
    await Promise.all([first, second])

    expect(committed()).toEqual(['a=1', 'b=1'])
  })

  test('do not read while the other one commits: the partition would never come to rest', async () => {
    const { view, cluster } = scene()
    const [a, b] = [view(), view()]
    await Promise.all([open(a), open(b)])
    const held = cluster.holdNextCommit()

    const committing = commit(a, 'a', '1')
    await held.reached
    const reading = read(b)
    held.release()
    await committing

    expect(await reading).toEqual(['a=1'])
  })

  test('look around without waiting for the other one', async () => {
    const { view, cluster } = scene()
    const [a, b] = [view(), view()]
    await open(a)
    await commit(a, 'a', '1')
    const held = cluster.holdNextCommit()
    const committing = commit(a, 'a', '2')
    await held.reached

    const seen: string[] = []
    const peeked = await b.reader.peek('ledger', 0, ({ value }) => seen.push(String(value)), forever)
    held.release()
    await committing

    expect(seen).toEqual(['1'])
    expect(peeked).toEqual({ isWhole: false })
  })
})

describe('a commit of one account that fails', () => {
  test.each<CommitFault>(['reject', 'failAfterWrite'])(
    'with %s voids what the other one knows, without anything of it being sent; one new producer serves both',
    async fault => {
      const { view, cluster, calls, committed } = scene()
      const [a, b] = [view(), view()]
      await Promise.all([open(a), open(b)])
      cluster.failNextCommit(fault)

      const failed = await outcome(commit(a, 'a', '1'))
      const told = await outcome(commit(b, 'b', 'void'))
      await open(b)
      await commit(b, 'b', '1')
      await open(a)
      await commit(a, 'a', '2')
      await commit(b, 'b', '2')

      expect([failed, told]).toEqual(['COMMIT_UNKNOWN', 'COMMIT_UNKNOWN'])
      expect(committed()).toEqual([...(fault === 'reject' ? [] : ['a=1']), 'b=1', 'a=2', 'b=2'])
      expect(calls.opens).toBe(2)
    },
  )

  test('voids what the other one knows even when the producer is back: a newer instance may have owned the partition between', async () => {
    const { view, cluster, committed } = scene()
    const [a, b] = [view(), view()]
    await Promise.all([open(a), open(b)])
    await commit(b, 'b', '1')
    cluster.failNextCommit('reject')
    await outcome(commit(a, 'a', '1'))
    const newer = cluster.publisher('kaleyra-0')
    await newer.open(forever)
    await newer.commit(record('b', '2'), forever)
    await open(a)

    expect(await outcome(commit(b, 'b', '2'))).toBe('COMMIT_UNKNOWN')
    expect(committed()).toEqual(['b=1', 'b=2'])
  })

  test('between open and read of the other one is told to it, instead of being waited for', async () => {
    const { view, cluster } = scene()
    const [a, b] = [view(), view()]
    await Promise.all([open(a), open(b)])
    cluster.failNextCommit('reject')
    await outcome(commit(a, 'a', '1'))

    const told = await outcome(read(b))
    await open(b)

    expect(told).toBe('COMMIT_UNKNOWN')
    expect(await read(b)).toEqual([])
  })

  test('because it was told to stop in the middle leaves the other one able to open and go on', async () => {
    const { view, cluster, committed } = scene()
    const [a, b] = [view(), view()]
    await Promise.all([open(a), open(b)])
    const [held, stop] = [cluster.holdNextCommit(), new AbortController()]

    const stopped = outcome(commit(a, 'a', '1', stop.signal))
    await held.reached
    stop.abort()
    const told = [await stopped, await outcome(commit(b, 'b', 'void'))]
    await open(b)
    await commit(b, 'b', '1')

    expect(told).toEqual(['STOPPED', 'COMMIT_UNKNOWN'])
    expect(committed()).toEqual(['b=1'])
  })
})

describe('a newer instance', () => {
  test('fences every account once, and none of them opens by mistake before it was told', async () => {
    const { view, cluster, calls, committed } = scene()
    const [a, b, late] = [view(), view(), view()]
    await Promise.all([open(a), open(b)])
    await cluster.publisher('kaleyra-0').open(forever)

    const codes = [
      await outcome(commit(a, 'a', '1')),
      await outcome(commit(b, 'b', '1')),
      // An account that begins only now must not take the partition back without knowing.
      await outcome(open(late)),
    ]

    expect(codes).toEqual(['FENCED', 'FENCED', 'FENCED'])
    expect([committed(), calls.opens]).toEqual([[], 1])
  })

  test('may be fenced in turn by who opens after being told', async () => {
    const { view, cluster, committed } = scene()
    const [a, b] = [view(), view()]
    await Promise.all([open(a), open(b)])
    await cluster.publisher('kaleyra-0').open(forever)
    await outcome(commit(a, 'a', '1'))

    await open(a)
    await commit(a, 'a', '2')

    expect(await outcome(commit(b, 'b', '1'))).toBe('FENCED')
    expect(committed()).toEqual(['a=2'])
  })
})

describe('waiting for a turn', () => {
  test('ends when told to stop, and nothing is sent', async () => {
    const { view, cluster, committed } = scene()
    const [a, b] = [view(), view()]
    await Promise.all([open(a), open(b)])
    const [held, stop] = [cluster.holdNextCommit(), new AbortController()]
    const committing = commit(a, 'a', '1')
    await held.reached

    const waiting = outcome(commit(b, 'b', '1', stop.signal))
    stop.abort()
    const code = await waiting
    held.release()
    await committing

    expect(code).toBe('STOPPED')
    expect(committed()).toEqual(['a=1'])
  })

  test('has an end of its own, each call with the code of its port', async () => {
    const { view, cluster, clock } = scene(5_000)
    const views = [view(), view(), view(), view()] as const
    const [a, b, c, d] = views
    await Promise.all([open(a), open(b), open(c)])
    const held = cluster.holdNextCommit()
    const committing = commit(a, 'a', '1')
    await held.reached

    const waiting = [outcome(commit(b, 'b', '1')), outcome(read(c)), outcome(open(d))]
    await clock.advance(5_000)
    const codes = await Promise.all(waiting)
    held.release()
    await committing

    expect(codes).toEqual(['COMMIT_UNKNOWN', 'KAFKA_UNREACHABLE', 'KAFKA_UNREACHABLE'])
  })
})

describe('closing', () => {
  test('one account leaves the producer to the others, the last one closes it, and it can be opened again', async () => {
    const { view, calls, committed } = scene()
    const [a, b] = [view(), view()]
    await Promise.all([open(a), open(b)])

    await a.publisher.close()
    await a.publisher.close()
    const closesAfterOne = calls.closes
    await commit(b, 'b', '1')
    await b.publisher.close()
    await open(a)
    await commit(a, 'a', '1')

    expect([closesAfterOne, calls.closes, calls.opens]).toEqual([0, 1, 2])
    expect(committed()).toEqual(['b=1', 'a=1'])
  })

  test('an account that never opened changes nothing', async () => {
    const { view, calls } = scene()
    const [a, b] = [view(), view()]
    await open(a)

    await b.publisher.close()

    expect(calls.closes).toBe(0)
  })
})

test('reading and committing without open is a bug', async () => {
  const it = scene().view()

  expect([await outcome(commit(it, 'a', '1')), await outcome(read(it))]).toEqual(['BUG', 'BUG'])
})

test('whatever the order of everything and whichever commits fail, each account counts up without a gap or a repeat', async () => {
  const goal = 6
  const faults = fc.array(fc.tuple(fc.nat({ max: 12 }), fc.constantFrom<CommitFault>('reject', 'failAfterWrite')), {
    maxLength: 5,
  })
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.integer({ min: 2, max: 4 }), faults, async (scheduler, accounts, script) => {
      const cluster = new MemoryCluster()
      cluster.recreate('ledger', 1)
      const late = async <T>(work: () => Promise<T>) => {
        await scheduler.schedule(Promise.resolve())
        return await work()
      }
      const [made, base] = [cluster.publisher('kaleyra-0'), cluster.reader({ blockedMs: 0 })]
      let commits = 0
      const publisher: TransactionalPublisher = {
        open: signal => late(() => made.open(signal)),
        commit: (batch, signal) =>
          late(() => {
            const fault = script.find(([at]) => at === commits)?.[1]
            commits += 1
            if (fault !== undefined) cluster.failNextCommit(fault)
            return made.commit(batch, signal)
          }),
        close: () => made.close(),
      }
      const reader: LedgerReader = { ...base, read: (...call) => late(() => base.read(...call)) }
      const shared = new SharedPublisher({ publisher, reader, clock: new VirtualClock({ mode: 'manual' }) })
      const codes = new Set<string>()

      /** As the ledger does: open, recall, commit what comes next, and all of it again after any failure. */
      const live = async (account: string) => {
        const view = shared.view()
        let known: number | null = null
        for (let tries = 0; known !== goal; tries += 1) {
          if (tries > 100) throw new Error(`${account} does not come to an end`)
          try {
            if (known === null) {
              await open(view)
              const mine = (await read(view)).filter(line => line.startsWith(`${account}=`))
              known = Number(mine.at(-1)?.slice(account.length + 1) ?? 0)
            } else {
              await commit(view, account, String(known + 1))
              known += 1
            }
            await scheduler.schedule(Promise.resolve())
          } catch (error) {
            known = null
            codes.add(codeOf(error))
            if (!(error instanceof ConnectorError)) throw error
          }
        }
        await view.publisher.close()
      }
      await scheduler.waitFor(Promise.all(Array.from({ length: accounts }, (_, index) => live(`account${index}`))))

      const counts = Array.from({ length: goal }, (_, index) => String(index + 1))
      for (let index = 0; index < accounts; index += 1) {
        const mine = cluster.committed('ledger').filter(({ key }) => key === `account${index}`)
        expect(mine.map(({ value }) => String(value))).toEqual(counts)
      }
      expect([...codes].filter(code => code !== 'COMMIT_UNKNOWN')).toEqual([])
    }),
    { numRuns: 200 },
  )
})
