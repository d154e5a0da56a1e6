/** What the flow and its adapters tell the observer: facts, each with what an operator may want to know about it. */
import type { Backfill } from './backfill.ts'
import type { Coverage } from './coverage.ts'
import type { Lateness } from './lateness.ts'
import type { ScheduleEntry } from './schedule.ts'
import type { Window } from './window.ts'

/** Everything worth telling an operator. One place turns these into metrics and log lines. */
export type Happening =
  | { readonly kind: 'request'; readonly outcome: RequestOutcome; readonly durationMs: number }
  | { readonly kind: 'throttled'; readonly waitMs: number }
  | { readonly kind: 'budget'; readonly ratio: number }
  | {
      readonly kind: 'window.read'
      readonly schedule: string
      readonly window: Window
      readonly counts: WindowCounts
      readonly coveredThroughMs: number | null
    }
  | {
      readonly kind: 'window.bisected'
      readonly window: Window
      readonly parts: number
      readonly reason: 'too_many_rows' | 'unproved' | 'unpaged'
    }
  | { readonly kind: 'window.reread'; readonly window: Window; readonly reason: RereadReason }
  | { readonly kind: 'page.drift'; readonly window: Window }
  | { readonly kind: 'row.outside'; readonly count: number }
  | { readonly kind: 'gap.opened'; readonly window: Window; readonly reason: string }
  | { readonly kind: 'gap.closed'; readonly window: Window }
  | { readonly kind: 'committed'; readonly records: number; readonly durationMs: number; readonly commit: CommitSummary }
  | { readonly kind: 'commit.failed'; readonly result: 'unknown' | 'fenced'; readonly error: unknown }
  | { readonly kind: 'producer.reopened'; readonly reason: 'start' | 'unknown' | 'fenced' | 'assigned' }
  /** The account is no longer ours: given back in order, or lost because Kafka may have given it to another instance already. */
  | { readonly kind: 'ownership'; readonly change: 'revoked' | 'lost' }
  | { readonly kind: 'recalled'; readonly durationMs: number; readonly seen: number; readonly incarnation: number }
  | { readonly kind: 'unknown.value'; readonly of: UnknownKind; readonly count: number }
  | { readonly kind: 'standing'; readonly standing: Standing }
  | { readonly kind: 'books'; readonly books: Books }
  | { readonly kind: 'backfill.ordered' | 'backfill.done' | 'backfill.lost'; readonly window: Window }
  | { readonly kind: 'schedule.stretched'; readonly schedule: string; readonly ratio: number }
  /** With an error, `remedy` is what the operator can do about it. */
  | { readonly kind: 'task'; readonly state: TaskState; readonly error?: unknown; readonly remedy?: string }

export type RequestOutcome =
  | 'ok'
  | 'throttled'
  | 'unauthorized'
  | 'rejected'
  | 'unavailable'
  | 'malformed'
  | 'too_large'
  | 'redirected'
  | 'clock_skew'
  | 'probe'
  | 'aborted'
export type RereadReason = 'total_mismatch' | 'moved' | 'conflicting_rows' | 'no_total'
export type UnknownKind = 'status' | 'field' | 'time'
export type TaskState = 'running' | 'standby' | 'paused' | 'failed' | 'recalling'

/** What one window's read came to. */
export interface WindowCounts {
  readonly rows: number
  readonly created: number
  readonly updated: number
  readonly repeats: number
  readonly rebased: number
  readonly suppressed: number
  readonly bad: number
  readonly requests: number
}

/** What one transaction published, for counters that must never count what was not committed. */
export interface CommitSummary {
  readonly created: number
  readonly updated: number
  readonly deadLetters: Readonly<Record<string, number>>
  readonly repeats: number
  readonly rebased: number
  readonly suppressed: number
  readonly rows: number
  /** Per published CREATED: first seen minus call end, milliseconds, never negative. */
  readonly latenessMs: readonly number[]
  /** Per published UPDATED: observed minus first seen, milliseconds. */
  readonly changeDelayMs: readonly number[]
  readonly changedFields: Readonly<Record<string, number>>
}

/** What an account knows of itself, for whoever draws a picture of it. */
export interface Books {
  readonly coverage: Coverage
  readonly lateness: Lateness
  readonly backfills: readonly Backfill[]
  readonly paused: boolean
  readonly settleMs: number
  readonly schedule: readonly ScheduleEntry[]
}

/** Where an account stands after a commit. */
export interface Standing {
  readonly settledThroughMs: number | null
  readonly oldestUnreadMs: number | null
  readonly coveredThroughMs: number | null
  readonly gapOpenMs: number
  readonly gapLostMs: number
  readonly seenEntries: number
}
