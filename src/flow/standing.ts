/** Where an account stands, as operators are told after each window: what is covered and settled, what is not, and which gaps came and went. */
import type { Backfill } from '../model/backfill.ts'
import { type Coverage, coveredThrough, settledThrough, unread } from '../model/coverage.ts'
import { floor, slotSizeAt } from '../model/grid.ts'
import type { AccountState } from '../model/state.ts'
import { MINUTE_MS, subtract } from '../model/window.ts'
import type { Books, Happening, Standing } from '../ports.ts'

/** Whether everything is read up to the last slot that ended before the edge, and what was asked for as well. */
export function isReadUntil({ coverage, backfills }: AccountState, edgeMs: number, nowMs: number): boolean {
  return unread(coverage, floor(edgeMs, slotSizeAt(nowMs)(edgeMs))).length === 0 && backfills.length === 0
}

/** What the last minutes hold is not unread but not due yet. */
const NOT_DUE_MS = 2 * MINUTE_MS

/** For the gauges, and for whoever draws the whole picture. */
export function shownOf(
  state: AccountState,
  { settleMs, schedule }: Pick<Books, 'settleMs' | 'schedule'>,
  nowMs: number,
): Happening[] {
  const { coverage, lateness, backfills, paused } = state
  return [
    { kind: 'standing', standing: standingOf(state, settleMs, nowMs) },
    { kind: 'books', books: { coverage, lateness, backfills, paused, settleMs, schedule } },
  ]
}

function standingOf({ coverage, seen }: AccountState, settleMs: number, nowMs: number): Standing {
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

/** Which backfills are new, and which are done. */
function backfillsBetween(before: readonly Backfill[], after: readonly Backfill[]): Happening[] {
  const without = (some: readonly Backfill[], others: readonly Backfill[]) =>
    some.filter(
      one =>
        !others.some(other => other.orderedMs === one.orderedMs && other.fromMs === one.fromMs && other.untilMs === one.untilMs),
    )
  return [
    ...without(after, before).map((window): Happening => ({ kind: 'backfill.ordered', window })),
    ...without(before, after).map((window): Happening => ({ kind: 'backfill.done', window })),
  ]
}

/** What became of gaps and of what was asked for. */
export function changesBetween(before: Pick<AccountState, 'coverage' | 'backfills'>, after: AccountState): Happening[] {
  return [...gapsBetween(before.coverage, after.coverage), ...backfillsBetween(before.backfills, after.backfills)]
}

/** A gap is told when it opens and when it closes, not at every read in between. */
function gapsBetween(before: Coverage, after: Coverage): Happening[] {
  const open = ({ gaps }: Coverage) => gaps.filter(({ state }) => state === 'open')
  const reasonAt = (atMs: number) => after.gaps.find(gap => gap.fromMs <= atMs && atMs < gap.untilMs)?.reason ?? ''
  return [
    ...subtract(open(after), open(before)).map(
      (window): Happening => ({ kind: 'gap.opened', window, reason: reasonAt(window.fromMs) }),
    ),
    ...subtract(open(before), open(after)).map((window): Happening => ({ kind: 'gap.closed', window })),
  ]
}
