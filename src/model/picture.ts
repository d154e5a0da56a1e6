/**
 * The books as people look at them: every second between the beginning of the books and now is in exactly one state; gaps alone may
 * reach back further. Nothing is summed up that the books do not hold.
 */
import { type Coverage, type Gap, HORIZON_MS, type Slot } from './coverage.ts'
import { floor } from './grid.ts'
import { HOUR_MS, intersect, spanMs, subtract, union, type Window } from './window.ts'

/**
 * - `covered`: read completely, again after it had settled.
 * - `settling`: read completely, not again since it has settled.
 * - `unread`: not read completely yet.
 * - `gap`: tried, and not proved complete; tried again.
 * - `lost`: out of the API's reach, never read completely.
 */
export type RangeState = 'covered' | 'settling' | 'unread' | 'gap' | 'lost'

export type Ranges = Readonly<Record<RangeState, readonly Window[]>>

/** One hour, or the part of it that lies in the books. */
export interface Hour extends Window {
  /** The worst state in it. */
  readonly state: RangeState
  /** The share that was read completely, 0 to 1. */
  readonly readShare: number
  /** Calls that start in it, by the newest complete read; slots are counted where they begin. */
  readonly calls: number
}

/** Worst first. */
const WORST: readonly RangeState[] = ['lost', 'gap', 'unread', 'settling', 'covered']

/** Sorted by start, merged, not overlapping across states. */
export function rangesOf(coverage: Coverage, settleMs: number, untilMs: number): Ranges {
  const isSettled = (slot: Slot) => slot.newestReadMs >= slot.untilMs + settleMs
  const gapsIn = (state: Gap['state']) =>
    subtract(
      coverage.gaps.filter(gap => gap.state === state),
      coverage.slots,
    )
  const lost = gapsIn('lost')
  const gap = subtract(gapsIn('open'), lost)
  const known = [...coverage.slots, ...lost, ...gap]
  return {
    covered: union(coverage.slots.filter(isSettled)),
    settling: union(coverage.slots.filter(slot => !isSettled(slot))),
    unread: coverage.anchorMs < untilMs ? subtract([{ fromMs: coverage.anchorMs, untilMs }], known) : [],
    gap,
    lost,
  }
}

/** The hours the API still knows, oldest first: at most 145. */
export function hoursOf(coverage: Coverage, ranges: Ranges, untilMs: number): Hour[] {
  const hours: Hour[] = []
  const beginMs = Math.max(coverage.anchorMs, untilMs - HORIZON_MS)
  for (let atMs = floor(beginMs, HOUR_MS); atMs < untilMs; atMs += HOUR_MS) {
    const hour = { fromMs: Math.max(atMs, beginMs), untilMs: Math.min(atMs + HOUR_MS, untilMs) }
    const within = (state: RangeState) =>
      ranges[state].reduce((sum, range) => sum + Math.max(0, spanMs(intersect(range, hour))), 0)
    const slots = coverage.slots.filter(({ fromMs }) => hour.fromMs <= fromMs && fromMs < hour.untilMs)
    hours.push({
      ...hour,
      state: WORST.find(state => within(state) > 0) ?? 'unread',
      readShare: (within('covered') + within('settling')) / spanMs(hour),
      calls: slots.reduce((sum, { count }) => sum + count, 0),
    })
  }
  return hours
}
