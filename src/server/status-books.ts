/** The part of `/status` that is drawn from an account's books: ranges, hours, lateness with the schedule that follows from it, backfills. */
import { type Backfill, doneShare } from '../model/backfill.ts'
import { advise, type LatenessKind, quantilesOf } from '../model/lateness.ts'
import { hoursOf, type RangeState, rangesOf } from '../model/picture.ts'
import { MINUTE_MS, union, type Window } from '../model/window.ts'
import type { Books } from '../ports.ts'

/** Of each list; the newest are kept. */
const MOST_RANGES = 50
/** What the last minutes hold is not unread but not due yet. */
const NOT_DUE_MS = 2 * MINUTE_MS

/** All fields are there before the books are, as `null`. */
export function booksShown(books: Books | null, nowMs: number): Record<string, unknown> {
  if (books === null)
    return { paused: null, ranges: null, hours: null, lateness: null, recommendedSchedule: null, backfills: null }
  const { coverage, settleMs, lateness, schedule, backfills, paused } = books
  const untilMs = Math.floor((nowMs - NOT_DUE_MS) / MINUTE_MS) * MINUTE_MS
  const ranges = rangesOf(coverage, settleMs, untilMs)
  const list = (state: RangeState) => ranges[state].slice(-MOST_RANGES).map(rangeShown)
  const omitted = Object.values(ranges).reduce((sum, { length }) => sum + Math.max(0, length - MOST_RANGES), 0)
  const quantiles = (...kinds: LatenessKind[]) => {
    const { count, p50, p90, p99, p999 } = quantilesOf(lateness, kinds)
    return { count, p50Seconds: seconds(p50), p90Seconds: seconds(p90), p99Seconds: seconds(p99), p999Seconds: seconds(p999) }
  }
  return {
    paused,
    ranges: {
      covered: list('covered'),
      settling: list('settling'),
      unread: list('unread'),
      gap: list('gap'),
      lost: list('lost'),
      omitted,
    },
    hours: hoursOf(coverage, ranges, untilMs).map(({ state, readShare, calls, ...hour }) => ({
      ...rangeShown(hour),
      state,
      readShare: rounded(readShare),
      calls,
    })),
    lateness: { seen: quantiles('new', 'late'), late: quantiles('late'), changed: quantiles('changed') },
    recommendedSchedule: advise(lateness, schedule).map(({ name, everyMs, spanMs, found, neededMs, reachesEnd }) => ({
      name,
      everySeconds: everyMs / 1_000,
      spanSeconds: spanMs / 1_000,
      found,
      neededSpanSeconds: seconds(neededMs),
      reachesEnd,
    })),
    backfills: backfills.map(backfillShown),
  }
}

function backfillShown(backfill: Backfill): Record<string, unknown> {
  const { orderedMs, left, unproved } = backfill
  return {
    ...rangeShown(backfill),
    orderedAt: instant(orderedMs),
    doneShare: rounded(doneShare(backfill)),
    left: union([...left, ...unproved]).map(rangeShown),
  }
}

function rangeShown({ fromMs, untilMs }: Window): { readonly from: string; readonly until: string } {
  return { from: instant(fromMs), until: instant(untilMs) }
}

function instant(ms: number): string {
  return new Date(ms).toISOString()
}

/** `null` for nothing counted and for what no number tells: later than a week. */
function seconds(ms: number | null): number | null {
  return ms === null || !Number.isFinite(ms) ? null : ms / 1_000
}

function rounded(share: number): number {
  return Math.round(share * 1_000) / 1_000
}
