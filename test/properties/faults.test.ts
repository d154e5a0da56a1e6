/**
 * The whole account, its real reader and a real HTTP server that misbehaves in every way the simulator knows, in any order, in virtual time.
 * Whatever the API answers: nothing is covered that was not read, nobody asks in a circle, every wish to be left alone is obeyed, no secret is
 * told, and once the trouble is over everything is read.
 */
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { codeOf } from '../../src/errors.ts'
import { createKaleyraSource } from '../../src/kaleyra/source.ts'
import { edgeOf } from '../../src/model/schedule.ts'
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/model/window.ts'
import type { Happening } from '../../src/ports.ts'
import { clockUntil } from '../support/clock-until.ts'
import { memoryCluster } from '../support/ledger-on-memory.ts'
import { checkpointOn, publishedOn, untrueOn } from '../support/memory-books.ts'
import type { MemoryCluster } from '../support/memory-kafka.ts'
import { lifeOf } from '../support/one-account.ts'
import { Dice } from '../support/simulator/dice.ts'
import { type FaultKind, faultKinds, type ScriptedFault } from '../support/simulator/faults.ts'
import { judge } from '../support/simulator/judge.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'
import { World } from '../support/simulator/world.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const REACH_MS = 2 * HOUR_MS
const PER_SECOND = 5
/** Requests within any hour. Refused, a quarter of an hour passes before the next try: four requests for a rejected key, one for all else. */
const REFUSED = 24
/** Ill, ten minutes of rounds of five tries, up to half a minute apart, then a quarter of an hour of rest. Healthy polling takes fewer. */
const ILL = 450
/** A refusal may be about the way of asking: each of the three is tried as long as none has been heard. */
const STYLES = 3
const OVERSIZE = 33 * 1_024 * 1_024

/** An API, and an account in front of it that may live several times. */
class Stage {
  readonly clock: VirtualClock
  readonly notes: Happening[] = []
  readonly cluster: MemoryCluster
  readonly simulator: Simulator
  /** Calls whose slot was called covered, at any time, although they were not on the topic. */
  readonly lies = new Set<string>()
  private readonly dice = new Dice(7)

  private constructor(clock: VirtualClock, cluster: MemoryCluster, simulator: Simulator) {
    this.clock = clock
    this.cluster = cluster
    this.simulator = simulator
  }

  static async open(seed: number): Promise<Stage> {
    const clock = new VirtualClock({ startMs: Date.parse('2026-03-10T12:00:30Z') })
    const world = new World({
      seed,
      now: () => clock.now(),
      history: 120,
      historyMs: REACH_MS + HOUR_MS,
      livePerSecond: 0.005,
      changeShare: 0.3,
      changeMs: [10 * SECOND_MS, HOUR_MS],
      badRowShare: 0.02,
    })
    const options = { oversizeBytes: OVERSIZE, maxLimit: 15, order: 'oldest' as const }
    return new Stage(clock, await memoryCluster(), await startSimulator({ world, seed, options }))
  }

  /** One process, from its start until `untilMs`, or with `once` until nothing is due. Resolves to its ending or its error's code. */
  async live(once: boolean, untilMs: number, timeoutMs: number): Promise<string> {
    const { clock, cluster, simulator } = this
    const { own, stop } = clockUntil(clock, untilMs)
    const note = (happening: Happening) => {
      this.notes.push(happening)
      // At every commit, because the next read of the range may heal what this one claimed too early.
      if (happening.kind === 'committed') for (const id of this.untrue()) this.lies.add(id)
    }
    const random = () => this.dice.roll()
    const account = { sid: simulator.sid, apiKey: simulator.apiKey, origin: simulator.url, timeoutMs, optIn: [] }
    const source = createKaleyraSource(
      { ...account, pageSize: 15, requestsPerSecond: PER_SECOND, burst: 1 },
      { clock: own, random, note },
    )
    const life = lifeOf({ cluster, source, clock: own, once, startFromMs: REACH_MS, note, random, stop })
    const end = await life.run().catch((error: unknown) => (codeOf(error) === 'BUG' ? Promise.reject(error) : codeOf(error)))
    await source.close()
    return end
  }

  private untrue(): string[] {
    return untrueOn(this.cluster, this.simulator.world)
  }

  /** Secrets, numbers and ids of rows that turn up in what was told. */
  leaks(): string[] {
    const shown = inspect(this.notes, { depth: 20, showHidden: true, maxArrayLength: null })
    const { sid, apiKey, world } = this.simulator
    const numbers = world.calls.flatMap(({ versions }) => versions.flatMap(({ facts }) => [facts.from, facts.to]))
    return [sid, apiKey, ...numbers.filter(number => number !== null)].filter(secret => shown.includes(secret))
  }
}

describe.concurrent('a fault throughout', () => {
  const mostPerHour: Readonly<Record<FaultKind, number>> = {
    ...{ rbc001: REFUSED, empty200: REFUSED, oversize: REFUSED },
    ...{ rbc3004: STYLES * REFUSED, 'error-with-data': STYLES * REFUSED, redirect: REFUSED },
    ...{
      hang: ILL,
      reset: ILL,
      truncate: ILL,
      html: ILL,
      http500: ILL,
      http503: ILL,
      http429: ILL,
      garbage: ILL,
    },
  }

  test.for(faultKinds)(
    '%s covers nothing, publishes nothing, tells nothing, and is not asked for in a circle',
    async (kind, { expect }) => {
      const stage = await Stage.open(11)
      const { simulator } = stage
      simulator.options.faultShares = { [kind]: 1 }
      const end = await stage.live(false, stage.clock.now() + HOUR_MS, kind === 'hang' ? 10 : 20_000)
      await simulator.close()

      expect(end).toBe('stopped')
      expect(stage.notes.some(note => note.kind === 'task' && note.state === 'failed')).toBe(true)
      expect(simulator.book.mostWithin(HOUR_MS)).toBeGreaterThanOrEqual(3)
      expect(simulator.book.mostWithin(HOUR_MS)).toBeLessThanOrEqual(mostPerHour[kind])
      expect(simulator.book.counts.early).toBe(0)
      expect(stage.cluster.committed('ledger')).toEqual([])
      expect(stage.leaks()).toEqual([])
    },
  )
})

/** Real time: how long a request may hang where one does. On a busy machine a good answer, with what it asks for, may then be missed as well. */
const SHORT_TIMEOUT_MS = 300
const TIMEOUT_MS = 20_000
const fault: fc.Arbitrary<ScriptedFault> = fc
  .record({
    fault: fc.constantFrom(...faultKinds),
    count: fc.integer({ min: 1, max: 8 }),
    after: fc.integer({ min: 0, max: 25 }),
    retryAfterSeconds: fc.integer({ min: 1, max: 900 }),
  })
  .map(({ retryAfterSeconds, ...scripted }) => {
    const { fault: kind } = scripted
    if (kind === 'http429' || kind === 'http503') return { ...scripted, retryAfterSeconds }
    // What costs real time or real bytes comes one by one.
    return kind === 'hang' || kind === 'oversize' ? { ...scripted, count: 1 } : scripted
  })

test('any sequence of faults ends in a complete read; meanwhile nothing is covered that was not read', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 2 ** 31 }),
      fc.array(fault, { minLength: 1, maxLength: 8 }),
      async (seed, faults) => {
        const stage = await Stage.open(seed)
        const { simulator, clock } = stage
        for (const scripted of faults) simulator.next(scripted)

        const hangs = faults.some(({ fault: kind }) => kind === 'hang')
        const end = await stage.live(false, clock.now() + 90 * MINUTE_MS, hangs ? SHORT_TIMEOUT_MS : TIMEOUT_MS)
        simulator.clearFaults()
        const [settledBefore, until] = [clock.now(), edgeOf(clock.now(), 0)]
        const last = await stage.live(true, Number.POSITIVE_INFINITY, TIMEOUT_MS)
        await simulator.close()

        const from = checkpointOn(stage.cluster)?.coverage.anchorMs ?? 0
        const verdict = judge(simulator.world, publishedOn(stage.cluster), { settledBefore, from, until })
        expect({
          end,
          last,
          lies: [...stage.lies],
          leaks: stage.leaks(),
          early: simulator.book.counts.early,
        }).toEqual({
          end: 'stopped',
          last: 'covered',
          lies: [],
          leaks: [],
          early: hangs ? expect.any(Number) : 0,
        })
        expect(verdict).toEqual({ missing: [], repeated: [], stale: [], extra: [], clean: true })
        expect(simulator.book.strays).toEqual([])
        expect(simulator.book.mostWithin(SECOND_MS)).toBeLessThanOrEqual(PER_SECOND + 1)
        expect(simulator.book.mostWithin(HOUR_MS)).toBeLessThanOrEqual(ILL)
      },
    ),
    { numRuns: 12, endOnFailure: true },
  )
})
