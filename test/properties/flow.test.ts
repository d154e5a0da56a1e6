/**
 * The whole account on an in-memory Kafka and a simulated world: lives that are killed, paused, stopped or fenced at any await, commits whose
 * outcome is unknown, an API that fails, calls that appear late and change, pages that move. Whatever happens, the topic holds each version
 * once, and nothing is called covered that is not there.
 */

import { serialize } from 'node:v8'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ConnectorError, codeOf, type ErrorCode } from '../../src/errors.ts'
import { AccountTask } from '../../src/flow/account.ts'
import { edgeOf } from '../../src/model/schedule.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/model/window.ts'
import type { Happening } from '../../src/ports.ts'
import { ledgerOn, memoryCluster } from '../support/ledger-on-memory.ts'
import { checkpointOn, publishedOn, untrueOn } from '../support/memory-books.ts'
import type { MemoryCluster } from '../support/memory-kafka.ts'
import { Mortal, mortalClock, mortalLedger } from '../support/mortal.ts'
import { Dice } from '../support/simulator/dice.ts'
import { judge } from '../support/simulator/judge.ts'
import { ioShape } from '../support/simulator/row.ts'
import { World } from '../support/simulator/world.ts'
import { soleOwner } from '../support/sole-owner.ts'
import { usualAccount } from '../support/usual-account.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { WorldSource } from '../support/world-source.ts'

const RUNS = 200
const FAILURES: readonly ErrorCode[] = ['API_UNAVAILABLE', 'API_MALFORMED', 'API_THROTTLED', 'API_UNAUTHORIZED']

const never = new AbortController().signal

/** How a life ended: an ending of the task, the code of what it threw, or `killed`. */
type End = string

class Story {
  readonly dice: Dice
  readonly clock: VirtualClock
  readonly world: World
  readonly cluster: MemoryCluster
  readonly reachMs: number
  readonly notes: Happening[] = []
  private readonly setting
  private readonly ghosts: { readonly soft: AbortController; readonly ended: Promise<End> }[] = []
  private calm = false

  constructor(seed: number, cluster: MemoryCluster) {
    const dice = new Dice(seed)
    this.dice = dice
    this.cluster = cluster
    this.clock = new VirtualClock({ startMs: Date.parse('2026-03-10T00:00:00Z') + dice.whole(0, DAY_MS) })
    this.reachMs = dice.whole(MINUTE_MS, 4 * HOUR_MS)
    // Enough for several transactions in one window, so that one is under way while the next is read.
    const isCrowded = dice.chance(0.05)
    this.world = new World({
      seed,
      now: () => this.clock.now(),
      history: isCrowded ? dice.whole(4_500, 7_000) : dice.whole(0, 250),
      historyMs: this.reachMs + HOUR_MS,
      livePerSecond: dice.pick([0, 0.005, 0.05]),
      lateShare: 0.2,
      lateMs: [MINUTE_MS, HOUR_MS],
      changeShare: 0.4,
      changeMs: [10 * SECOND_MS, HOUR_MS],
      badRowShare: 0.03,
      shape: { ...ioShape, wobble: dice.chance(0.5) },
    })
    this.setting = {
      pageSize: isCrowded ? dice.whole(200, 600) : dice.whole(3, 40),
      order: dice.pick(['newest', 'oldest', 'by-id'] as const),
      total: dice.chance(0.8) ? (matches: number) => matches : () => null,
      maxRowsPerRead: isCrowded ? 5_000 : dice.whole(10, 120),
      partitions: isCrowded ? 1 : 2,
      hotEveryMs: dice.whole(1, 10) * MINUTE_MS,
      slideShare: dice.pick([0, 0.2]),
      failureShare: dice.pick([0, 0.02, 0.1]),
      commitFaultShare: dice.pick([0, 0.1, 0.3]),
    }
  }

  /** From now on nothing fails any more, and nobody is left of those who came back. */
  async settle(): Promise<End[]> {
    this.calm = true
    for (const { soft } of this.ghosts) soft.abort()
    return Promise.all(this.ghosts.map(({ ended }) => ended))
  }

  /** One process from its start to its end. */
  async live(once: boolean, mortal: Mortal, stopAfterMs: number): Promise<End> {
    const { dice, clock, setting, cluster } = this
    const soft = new AbortController()
    const own = mortalClock(clock, mortal)
    const faults = dice.fork(`faults ${clock.now()}`)
    const source = new WorldSource({
      world: this.world,
      clock: own,
      pageSize: setting.pageSize,
      order: setting.order,
      total: setting.total,
      slides: () => faults.chance(setting.slideShare),
      mostRequests: 4_000,
      next: () => ({
        latencyMs: faults.whole(20, 3_000),
        failure: this.calm || !faults.chance(setting.failureShare) ? null : failureOf(faults.pick(FAILURES), faults),
      }),
    })
    const ledger = mortalLedger(ledgerOn(cluster, clock, { startFromMs: this.reachMs }), mortal, {
      cluster,
      clock,
      dice: faults,
      share: () => (this.calm ? 0 : setting.commitFaultShare),
    })
    const task = new AccountTask(
      {
        source,
        ledger,
        ownership: soleOwner(),
        encoder: { encode: event => serialize(event) },
        clock: own,
        random: () => faults.roll(),
        note: happening => this.notes.push(happening),
      },
      {
        ...usualAccount,
        events: { topic: 'events', partitions: setting.partitions },
        schedule: usualAccount.schedule.map(entry => (entry.name === 'hot' ? { ...entry, everyMs: setting.hotEveryMs } : entry)),
        maxRowsPerRead: setting.maxRowsPerRead,
        once,
      },
      { soft: soft.signal, hard: new AbortController().signal },
    )
    void clock.sleep(stopAfterMs, soft.signal).then(
      () => soft.abort(),
      () => undefined,
    )
    const ended = task.run().then(
      ending => ending,
      error => (codeOf(error) === 'BUG' ? Promise.reject(error) : codeOf(error)),
    )
    const end = await Promise.race([ended, mortal.dead.then(() => 'killed')])
    if (end !== 'killed') soft.abort()
    else if (dice.chance(0.4)) this.haunt(mortal, soft, ended)
    return end
  }

  /** It was not dead, only paused; it comes back while others live, knowing nothing. */
  private haunt(mortal: Mortal, soft: AbortController, ended: Promise<End>): void {
    void this.clock.sleep(this.dice.whole(0, 20 * MINUTE_MS), never).then(() => mortal.rise())
    this.ghosts.push({ soft, ended })
    // Looked at when the story settles; until then a failure must not count as unhandled.
    ended.catch(() => undefined)
  }
}

function failureOf(code: ErrorCode, dice: Dice): ConnectorError {
  return new ConnectorError(code, 'scripted', code === 'API_THROTTLED' ? { retryAfterMs: dice.whole(1_000, 60_000) } : {})
}

/** Lives full of trouble, one after the other or at once, then a calm one that reads everything. */
async function tell(seed: number) {
  const story = new Story(seed, await memoryCluster())
  const { dice, clock } = story
  const ends: End[] = []
  for (let left = dice.whole(1, 6); left > 0; left -= 1) {
    const mortal = new Mortal(dice.chance(0.6) ? dice.whole(1, 150) : Number.POSITIVE_INFINITY)
    const end = await story.live(dice.chance(0.4), mortal, dice.whole(0, 40 * MINUTE_MS))
    ends.push(end)
    expect(untrueOn(story.cluster, story.world), `covered and not published, after ${ends}`).toEqual([])
    await clock.sleep(dice.chance(0.7) ? dice.whole(0, MINUTE_MS) : dice.whole(0, 3 * HOUR_MS), never)
  }
  ends.push(...(await story.settle()))
  const settledMs = clock.now()
  const edgeMs = edgeOf(settledMs, 0)
  const last = await story.live(true, new Mortal(Number.POSITIVE_INFINITY), DAY_MS)
  return { story, ends, last, settledMs, edgeMs }
}

test('whatever dies or fails at whatever await, each version is published once and nothing is covered that was not read', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 }), async seed => {
      const { story, ends, last, settledMs, edgeMs } = await tell(seed)
      const context = `lives: ${ends} ${last}`
      const anchorMs = checkpointOn(story.cluster)?.coverage.anchorMs ?? 0
      const verdict = judge(story.world, publishedOn(story.cluster), { settledBefore: settledMs, from: anchorMs, until: edgeMs })

      expect(last, context).toBe('covered')
      expect({ ...verdict, untrue: untrueOn(story.cluster, story.world) }, context).toEqual({
        missing: [],
        repeated: [],
        stale: [],
        extra: [],
        untrue: [],
        clean: true,
      })
      const letters = story.cluster.committed('dlq').map(({ value }) => String(value))
      expect(new Set(letters).size, context).toBe(letters.length)
    }),
    { numRuns: RUNS, endOnFailure: true },
  )
}, 120_000)
