/**
 * What it takes to compare a settled range with the API for one request instead of a page for every hundred rows: bounds that make its `total`
 * count exactly what the books count. The vendor states neither whether bounds are inclusive nor what they filter on, so the three ways of
 * asking are tried, and one that a complete read has disproved is left. Where none fits, comparing is tried less and less often.
 *
 * Equal counts say that nothing has come or gone, not that nothing has changed: only the schedule with the longest interval finds that.
 */
import type { Slot } from '../model/coverage.ts'
import { SECOND_MS, type Window } from '../model/window.ts'

/** For calls that start in `[from, until)`, in milliseconds around it: inclusive bounds, half-open ones, exclusive ones. */
const WAYS = [
  { before: 0, after: -SECOND_MS },
  { before: 0, after: 0 },
  { before: SECOND_MS, after: 0 },
] as const
/** A match of so many calls is no accident of the bounds. */
const CONVINCING = 10
const MOST_PASSES = 64

export class Counting {
  private way = 0
  private proved = false
  private disproved = 0
  private passes = 0

  /** Whether a count that differs means that a row has come or gone, so that it is worth looking for in halves. */
  get isProved(): boolean {
    return this.proved
  }

  /** What to ask for `window`; `null` when it is better read right away. */
  boundsOf({ fromMs, untilMs }: Window): Window | null {
    if (this.passes > 0) {
      this.passes -= 1
      return null
    }
    const { before, after } = WAYS[this.way] ?? WAYS[0]
    const bounds = { fromMs: fromMs - before, untilMs: untilMs + after }
    return bounds.fromMs < bounds.untilMs ? bounds : null
  }

  /** The API counts as many as the books. */
  matched(count: number): void {
    if (count >= CONVINCING) this.proved = true
  }

  /** It did not, so the range was read completely: `found` calls are there, and `booked` were. */
  differed({ total, found, booked }: { readonly total: number | null; readonly found: number; readonly booked: number }): void {
    if (total === found) {
      this.proved = true
      this.disproved = 0
    } else if (total === null || found === booked) {
      this.proved = false
      this.disproved += 1
      this.way = (this.way + 1) % WAYS.length
      if (this.disproved >= WAYS.length) this.passes = Math.min(MOST_PASSES, 2 ** (this.disproved - WAYS.length))
    }
  }
}

/** The range that touching slots fill. */
export function rangeOf(slots: readonly Slot[]): Window {
  const [first, last] = [slots[0], slots.at(-1)]
  if (first === undefined || last === undefined) throw new Error('no slots')
  return { fromMs: first.fromMs, untilMs: last.untilMs }
}
