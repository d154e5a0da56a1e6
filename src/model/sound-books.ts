/**
 * Books that a clock set ahead wrote: ranges that it calls read before they have happened, and ranges it gave up as too old. Both are taken
 * back once the clock is right again, so that nothing counts as covered which was not read; what is read twice for that is recognised.
 */
import { BOOKS_MS, type Coverage, HORIZON_MS } from './coverage.ts'
import { HOUR_MS, MINUTE_MS } from './window.ts'

/** Clocks may be adjusted by so much without anybody having been wrong. */
export const LARGEST_ADJUSTMENT_MS = MINUTE_MS

/** The same coverage when it holds nothing of the future. */
export function withoutFuture(coverage: Coverage, nowMs: number): Coverage {
  const latestMs = nowMs + LARGEST_ADJUSTMENT_MS
  const slots = coverage.slots.filter(slot => slot.newestReadMs <= latestMs)
  const gaps = coverage.gaps.filter(gap => gap.attemptedMs <= latestMs && gap.openedMs <= latestMs)
  const isAhead = coverage.anchorMs > latestMs
  if (!isAhead && slots.length === coverage.slots.length && gaps.length === coverage.gaps.length) return coverage
  // Where reading once began is not known any more: as far back as the API can be asked.
  const anchorMs = isAhead ? Math.ceil((nowMs - HORIZON_MS) / HOUR_MS) * HOUR_MS : coverage.anchorMs
  return { anchorMs: Math.max(anchorMs, Math.floor((nowMs - BOOKS_MS) / HOUR_MS) * HOUR_MS), slots, gaps }
}
