/** Where an account stands, as operators are told after each window: what is covered and settled, what is not, and which gaps came and went. */
import { type Coverage, coveredThrough, settledThrough, unread } from '../model/coverage.ts'
import type { AccountState } from '../model/state.ts'
import { MINUTE_MS, subtract } from '../model/window.ts'
import type { Happening, Standing } from '../ports.ts'

/** What the last minutes hold is not unread but not due yet. */
const NOT_DUE_MS = 2 * MINUTE_MS

export function standingOf({ coverage, seen }: AccountState, settleMs: number, nowMs: number): Standing {
  const length = (gapState: 'open' | 'lost') =>
    coverage.gaps.filter(gap => gap.state === gapState).reduce((sum, gap) => sum + gap.untilMs - gap.fromMs, 0)
  return {
    settledThroughMs: settledThrough(coverage, settleMs),
    oldestUnreadMs: unread(coverage, nowMs - NOT_DUE_MS).at(0)?.fromMs ?? null,
    coveredThroughMs: coveredThrough(coverage),
    gapOpenMs: length('open'),
    gapLostMs: length('lost'),
    seenEntries: seen.size,
  }
}

/** A gap is told when it opens and when it closes, not at every read in between. */
export function gapsBetween(before: Coverage, after: Coverage): Happening[] {
  const open = ({ gaps }: Coverage) => gaps.filter(({ state }) => state === 'open')
  const reasonAt = (atMs: number) => after.gaps.find(gap => gap.fromMs <= atMs && atMs < gap.untilMs)?.reason ?? ''
  return [
    ...subtract(open(after), open(before)).map(
      (window): Happening => ({ kind: 'gap.opened', window, reason: reasonAt(window.fromMs) }),
    ),
    ...subtract(open(before), open(after)).map((window): Happening => ({ kind: 'gap.closed', window })),
  ]
}
