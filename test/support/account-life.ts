/**
 * An account's life in virtual time, from its first start on: the real task, reader, sifting and ledger on an in-memory Kafka, with the requests
 * of each schedule counted.
 */
import { AccountTask } from '../../src/flow/account.ts'
import type { ScheduleEntry } from '../../src/model/schedule.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/window.ts'
import type { Happening } from '../../src/ports.ts'
import { ledgerOn, memoryCluster } from './ledger-on-memory.ts'
import { type Calls, PacedSource } from './paced-source.ts'
import { VirtualClock } from './virtual-clock.ts'

export const defaultSchedule: readonly ScheduleEntry[] = [
  { name: 'hot', everyMs: MINUTE_MS, spanMs: 30 * MINUTE_MS },
  { name: 'warm', everyMs: 30 * MINUTE_MS, spanMs: 6 * HOUR_MS },
  { name: 'cold', everyMs: DAY_MS, spanMs: 6 * DAY_MS },
]

export interface LifeOptions {
  readonly calls: (clock: VirtualClock) => Calls
  readonly startMs: number
  readonly startFromMs: number
  readonly pageSize: number
  readonly maxRowsPerRead: number
  readonly requestsPerSecond: number
  readonly settleMs: number
  readonly latencyMs: number
}

export interface Load {
  windows: number
  requests: number
}

/** What was read between two instants. */
export interface Chapter {
  readonly bySchedule: ReadonlyMap<string, Load>
  readonly requests: number
  readonly created: number
  readonly updated: number
  readonly durationMs: number
}

export interface Life {
  /** From the first start until everything in reach was read once. */
  readonly catchUp: Chapter
  /** `lengthMs`, beginning `settlingMs` after the catch-up. */
  readonly steady: Chapter
  readonly steadyFromMs: number
  readonly stretched: ReadonlyMap<string, number>
  readonly notes: readonly Happening[]
}

export async function liveThrough(options: LifeOptions, settlingMs: number, lengthMs: number): Promise<Life> {
  const clock = new VirtualClock({ startMs: options.startMs })
  const source = new PacedSource({ ...options, clock, calls: options.calls(clock) })
  const cluster = await memoryCluster()
  const soft = new AbortController()
  const notes: Happening[] = []
  const stretched = new Map<string, number>()
  let chapter = begin()
  let caughtUp: Chapter | null = null
  let steadyFromMs = Number.POSITIVE_INFINITY
  let isSteady = false

  function begin() {
    return { bySchedule: new Map<string, Load>(), created: 0, updated: 0, fromMs: clock.now(), requestsBefore: source.requests() }
  }
  const end = ({ fromMs, requestsBefore, ...rest }: ReturnType<typeof begin>): Chapter => ({
    ...rest,
    requests: source.requests() - requestsBefore,
    durationMs: clock.now() - fromMs,
  })
  function turnPages() {
    if (!isSteady && clock.now() >= steadyFromMs) {
      isSteady = true
      steadyFromMs = clock.now()
      chapter = begin()
    }
    if (isSteady && clock.now() >= steadyFromMs + lengthMs) soft.abort()
  }
  const note = (happening: Happening) => {
    if (
      happening.kind === 'standing' &&
      happening.standing.oldestUnreadMs === null &&
      happening.standing.coveredThroughMs !== null &&
      caughtUp === null
    ) {
      caughtUp = end(chapter)
      steadyFromMs = clock.now() + settlingMs
    }
    if (happening.kind === 'schedule.stretched') stretched.set(happening.schedule, happening.ratio)
    if (happening.kind === 'window.bisected' || happening.kind === 'window.reread') notes.push(happening)
    if (happening.kind !== 'window.read') return
    const { schedule, counts } = happening
    const load = chapter.bySchedule.get(schedule) ?? { windows: 0, requests: 0 }
    chapter.bySchedule.set(schedule, { windows: load.windows + 1, requests: load.requests + counts.requests })
    chapter.created += counts.created
    chapter.updated += counts.updated
    turnPages()
  }
  const task = new AccountTask(
    {
      source,
      ledger: ledgerOn(cluster, clock, { startFromMs: options.startFromMs, maxSeen: 5_000_000 }),
      // Values are not looked into here; the Avro encoder has its own tests.
      encoder: { encode: event => Buffer.from(event.call_id) },
      clock,
      random: () => 0.5,
      note,
    },
    {
      account: 'main',
      events: { topic: 'events', partitions: 2 },
      deadLetters: { topic: 'dlq', partitions: 1 },
      keyOf: callId => callId,
      schedule: defaultSchedule,
      maxRowsPerRead: options.maxRowsPerRead,
      ignored: new Set(),
      settleMs: options.settleMs,
      retryFailedMs: 15 * MINUTE_MS,
      once: false,
      exitOnFailure: false,
    },
    { soft: soft.signal, hard: new AbortController().signal },
  )
  await task.run()
  if (caughtUp === null) throw new Error('never caught up')
  return { catchUp: caughtUp, steady: end(chapter), steadyFromMs, stretched, notes }
}
