/**
 * The whole account against every dialect the vendor's page leaves open, over real HTTP in virtual time: request styles, limits, paging, totals,
 * orders, bounds, filters, shapes, clocks and rate limits in any combination, with calls that come late and change. Whatever is combined, the
 * account finds out how to ask, reads everything, publishes each version once, covers nothing it did not read, and never asks too fast.
 */

import { serialize } from 'node:v8'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AccountTask, type Ending } from '../../src/flow/account.ts'
import { createKaleyraSource } from '../../src/kaleyra/source.ts'
import { edgeOf } from '../../src/model/schedule.ts'
import { HOUR_MS, MINUTE_MS } from '../../src/model/window.ts'
import { ledgerOn, memoryCluster } from '../support/ledger-on-memory.ts'
import { checkpointOn, publishedOn, untrueOn } from '../support/memory-books.ts'
import type { MemoryCluster } from '../support/memory-kafka.ts'
import { judge } from '../support/simulator/judge.ts'
import type { SimulatorOptions } from '../support/simulator/options.ts'
import type { RowShape } from '../support/simulator/row.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'
import { World } from '../support/simulator/world.ts'
import { soleOwner } from '../support/sole-owner.ts'
import { usualAccount } from '../support/usual-account.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const RUNS = Number(process.env.DIALECT_RUNS ?? 240)
const REACH_MS = 3 * HOUR_MS
const never = new AbortController().signal

/** Where the rows are, and whether an id comes twice. */
type Envelope = Record<string, unknown> & { data: Record<string, unknown>[] }
const envelopes = {
  plain: null,
  nested: ({ data, ...rest }: Envelope) => ({ ...rest, data: { data } }),
  records: ({ data, ...rest }: Envelope) => ({ ...rest, data: { records: data } }),
  'records on top': ({ data, ...rest }: Envelope) => ({ ...rest, records: data }),
  'status as text': (envelope: Envelope) => ({ ...envelope, status: '200', error: [] }),
} as const

const one = <const T>(...values: readonly T[]) => fc.constantFrom(...values)
const dialect = fc.record({
  styles: one(['post-form'], ['get-query'], ['get-body'], ['post-form', 'get-query', 'get-body'], ['get-query', 'get-body']),
  unheard: one<'ignored' | 403 | 405>('ignored', 403, 405),
  limitIn: one('header', 'field', 'both'),
  maxLimit: one(10, 25, 40, 1_000),
  page: one('index', 'index', 'count', 'ignored'),
  offset: one('rows', 'from-page-2', 'ignored'),
  echo: one('obeyed', 'asked', 'absent'),
  filterBy: one('start', 'start', 'end'),
  bounds: one('inclusive', 'exclusive', 'half-open'),
  order: one('newest', 'newest', 'oldest', 'by-id', 'shuffled'),
  total: one('true', 'true', 'absent', 'text', 'page', 'zero'),
  instants: one('both', 'z', 'offset'),
  authStatus: one(200, 401),
  badTimeStatus: one(200, 400),
  skewMs: one(0, 0, -40_000, 40_000),
  requestsPerSecond: one(null, null, 2, 0.7),
  retryAfter: one('seconds', 'date', 'absent'),
  rateHeaders: fc.boolean(),
})
const shape = fc.record({
  keys: one('io', 'legacy'),
  times: one('z', 'offset', 'naive', 'epoch-seconds', 'epoch-ms'),
  timeZone: one('UTC', 'Asia/Kolkata', 'America/New_York'),
  wobble: fc.boolean(),
})
const account = fc.record({
  seed: fc.nat(1_000_000),
  envelope: one(...(Object.keys(envelopes) as (keyof typeof envelopes)[])),
  sendsBadRequest: fc.boolean(),
  pageSize: one(20, 50, 100),
  burst: one(1, 1, 3),
  maxRowsPerRead: one(60, 200, 5_000),
})

type Given = [Partial<SimulatorOptions>, RowShape, typeof account extends fc.Arbitrary<infer A> ? A : never]

class Scene {
  readonly clock: VirtualClock
  readonly world: World
  readonly simulator: Simulator
  readonly cluster: MemoryCluster
  private readonly given: Given

  private constructor(given: Given, clock: VirtualClock, world: World, simulator: Simulator, cluster: MemoryCluster) {
    this.given = given
    this.clock = clock
    this.world = world
    this.simulator = simulator
    this.cluster = cluster
  }

  static async open(given: Given): Promise<Scene> {
    const [options, shape, { seed, envelope }] = given
    const clock = new VirtualClock({ startMs: Date.parse('2026-03-10T00:00:00Z') + (seed % 1_440) * MINUTE_MS })
    const world = new World({
      seed,
      now: () => clock.now(),
      history: 180,
      historyMs: REACH_MS + HOUR_MS,
      livePerSecond: 0.01,
      lateShare: 0.1,
      lateMs: [MINUTE_MS, 20 * MINUTE_MS],
      changeShare: 0.2,
      changeMs: [MINUTE_MS, HOUR_MS],
      longShare: 0,
      shape,
    })
    const rewrite = envelopes[envelope] as SimulatorOptions['rewrite']
    const simulator = await startSimulator({ world, seed, options: { ...options, rewrite } })
    return new Scene(given, clock, world, simulator, await memoryCluster())
  }

  /** A life that reads all that is due and ends. */
  async live(): Promise<Ending> {
    const [, { times, timeZone }, { seed, envelope: _, ...api }] = this.given
    const { sid, apiKey, url: origin } = this.simulator
    const { clock, cluster } = this
    const zone = times === 'naive' ? { timeZone } : {}
    const source = createKaleyraSource(
      { sid, apiKey, origin, requestsPerSecond: 1, timeoutMs: 10_000, optIn: [], ...zone, ...api },
      { clock, random: () => (seed % 97) / 97, note: () => undefined },
    )
    const ledger = ledgerOn(cluster, clock, { startFromMs: REACH_MS }, source.notBeforeMs, source.dialect)
    const task = new AccountTask(
      {
        source,
        ledger,
        ownership: soleOwner(),
        encoder: { encode: event => serialize(event) },
        clock,
        random: () => 0.5,
        note: () => undefined,
      },
      {
        ...usualAccount,
        schedule: usualAccount.schedule.filter(({ name }) => name !== 'warm'),
        maxRowsPerRead: api.maxRowsPerRead,
      },
      { soft: never, hard: never },
    )
    try {
      return await task.run()
    } finally {
      await source.close()
    }
  }
}

/** A first life, one after most has come late and changed, and what they came to. */
async function told(given: Given) {
  const scene = await Scene.open(given)
  const { clock, world, cluster, simulator } = scene
  try {
    const first = await scene.live()
    const untrueThen = untrueOn(cluster, world, given[0].filterBy)
    await clock.sleep(HOUR_MS, never)
    const settledMs = clock.now()
    const edgeMs = edgeOf(settledMs, given[0].skewMs ?? 0)
    const last = await scene.live()
    // A call that gets its end in mid-pass moves from a window that is still to be read to one that was: the next pass finds it.
    if (given[0].filterBy === 'end') await scene.live()
    // Whatever ends after the edge is not shown there by an API that filters on ends.
    const until = given[0].filterBy === 'end' ? edgeMs - HOUR_MS : edgeMs
    const from = checkpointOn(cluster)?.coverage.anchorMs ?? 0
    const verdict = judge(world, publishedOn(cluster), { settledBefore: settledMs, from, until })
    const { burst } = given[2]
    const tooFast = [1_000, 10_000, 60_000].filter(spanMs => simulator.book.mostWithin(spanMs) > spanMs / 1_000 + burst)
    const untrue = [...untrueThen, ...untrueOn(cluster, world, given[0].filterBy)]
    return {
      endings: [first, last],
      ...verdict,
      untrue,
      tooFast,
      early: simulator.book.counts.early,
      published: publishedOn(cluster).length,
    }
  } finally {
    await simulator.close()
  }
}

test('every dialect is read completely, each version once, within the rate', async () => {
  let published = 0
  await fc.assert(
    fc.asyncProperty(dialect, shape, account, async (...given) => {
      const { published: count, ...found } = await told(given as unknown as Given)
      published += count
      const none = { missing: [], repeated: [], stale: [], extra: [], untrue: [], tooFast: [], early: 0, clean: true }
      expect(found).toEqual({ endings: ['covered', 'covered'], ...none })
    }),
    { numRuns: RUNS, endOnFailure: true },
  )
  expect(published).toBeGreaterThan(RUNS * 100)
}, 600_000)
