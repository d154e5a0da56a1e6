/**
 * An account's life in virtual time, from its first start on: the real task, reader, paging, budget and sifting, with the ledger on an in-memory
 * Kafka, and what each schedule asked of the API.
 */

import { AccountTask } from '../../src/flow/account.ts'
import { DAY_MS, MINUTE_MS } from '../../src/model/window.ts'
import type { Happening } from '../../src/ports.ts'
import { ledgerOn, memoryCluster } from './ledger-on-memory.ts'
import { type Calls, PacedSource } from './paced-source.ts'
import { soleOwner } from './sole-owner.ts'
import { usualAccount } from './usual-account.ts'
import { VirtualClock } from './virtual-clock.ts'

export interface LifeOptions {
  /** Made when the clock is there: a world lives on it. */
  readonly calls: (clock: VirtualClock) => Calls
  readonly startMs: number
  readonly pageSize: number
  readonly maxRowsPerRead: number
  readonly requestsPerSecond: number
  /** From the end of the catch-up to the beginning of the day that is measured. */
  readonly settlingMs: number
}

/** The defaults of the settings. */
export const usualPolling = {
  schedule: usualAccount.schedule,
  settleMs: 5 * MINUTE_MS,
  startFromMs: 6 * DAY_MS,
}

/** What was asked and found between two instants. */
export class Chapter {
  /** Requests by schedule. */
  readonly requests: Record<string, number> = {}
  created = 0
  updated = 0
  readonly fromMs: number
  untilMs: number

  constructor(fromMs: number) {
    this.fromMs = fromMs
    this.untilMs = fromMs
  }

  note({ schedule, counts }: Extract<Happening, { kind: 'window.read' }>, nowMs: number): void {
    this.requests[schedule] = (this.requests[schedule] ?? 0) + counts.requests
    this.created += counts.created
    this.updated += counts.updated
    this.untilMs = nowMs
  }

  get allRequests(): number {
    return Object.values(this.requests).reduce((sum, requests) => sum + requests, 0)
  }
}

export interface Life {
  /** From the first start until everything in reach was read once. */
  readonly catchUp: Chapter
  /** 24 hours, some time later. */
  readonly day: Chapter
  readonly stretched: ReadonlyMap<string, number>
}

const LONGEST_MS = 10 * DAY_MS

export async function liveOneDay(options: LifeOptions): Promise<Life> {
  const clock = new VirtualClock({ startMs: options.startMs })
  const source = new PacedSource({ ...options, clock, calls: options.calls(clock) })
  const soft = new AbortController()
  const stretched = new Map<string, number>()
  const catchUp = new Chapter(clock.now())
  let [current, day]: [Chapter | null, Chapter | null] = [catchUp, null]
  let dayFromMs = Number.POSITIVE_INFINITY

  const note = (happening: Happening) => {
    const nowMs = clock.now()
    if (happening.kind === 'schedule.stretched') stretched.set(happening.schedule, happening.ratio)
    if (happening.kind === 'standing' && current === catchUp && happening.standing.coveredThroughMs !== null) {
      if (happening.standing.oldestUnreadMs === null) [current, dayFromMs] = [null, nowMs + options.settlingMs]
    }
    if (happening.kind !== 'window.read') return
    current?.note(happening, nowMs)
    if (day === null && nowMs >= dayFromMs) {
      day = new Chapter(nowMs)
      current = day
    }
    if (nowMs >= dayFromMs + DAY_MS || nowMs >= options.startMs + LONGEST_MS) soft.abort()
  }
  const task = new AccountTask(
    {
      source,
      ledger: ledgerOn(await memoryCluster(), clock, { startFromMs: usualPolling.startFromMs, maxSeen: 5_000_000 }),
      ownership: soleOwner(),
      // Values are not looked into here; the Avro encoder has its own tests.
      encoder: { encode: event => Buffer.from(event.call_id) },
      clock,
      random: () => 0.5,
      note,
    },
    { ...usualAccount, ...usualPolling, maxRowsPerRead: options.maxRowsPerRead, once: false },
    { soft: soft.signal, hard: new AbortController().signal },
  )
  await task.run()
  if (day === null) throw new Error(`not caught up after ${LONGEST_MS / DAY_MS} days`)
  return { catchUp, day, stretched }
}
