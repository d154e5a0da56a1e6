/**
 * Ranges that an operator asked to have read (again), kept in the checkpoint until every second of them was proved. They take what the schedule
 * leaves of the budget, except near the API's horizon. What lies before the beginning of the books is read and published like the rest, but
 * does not become part of the books: coverage has no islands.
 */
import { HORIZON_MS } from './coverage.ts'
import { RESCUE_MS } from './schedule.ts'
import { DAY_MS, instantText, MINUTE_MS, SECOND_MS, spanMs, subtract, union, type Window } from './window.ts'

export interface Backfill extends Window {
  readonly orderedMs: number
  /** Still to be read, sorted; parts that were tried and not proved are in `unproved` until it is their turn again. */
  readonly left: readonly Window[]
  readonly unproved: readonly Window[]
  /** When a part was last tried and not proved, epoch milliseconds; 0 when none was. */
  readonly triedMs: number
}

export const MOST_BACKFILLS = 8
/** More parts than this are joined with what lies between them: reading a little twice is cheaper than a list without end. */
const MOST_PARTS = 24
const LONGEST_MS = DAY_MS
/** For the time it takes an order to arrive. */
const GRACE_MS = MINUTE_MS

/** Why such a range cannot be ordered, with the bound; `null` when it can. */
export function backfillRefusal({ fromMs, untilMs }: Window, backfills: readonly Backfill[], nowMs: number): string | null {
  if (!(fromMs < untilMs)) return 'the range ends before it begins'
  if (fromMs < nowMs - HORIZON_MS - GRACE_MS)
    return `the range begins at ${instantText(fromMs)}, and the API keeps 6 days: back to ${instantText(nowMs - HORIZON_MS)}`
  if (untilMs > nowMs + GRACE_MS)
    return `the range ends at ${instantText(untilMs)}, which is yet to come: it is ${instantText(nowMs)}`
  if (backfills.length >= MOST_BACKFILLS && !backfills.some(known => isSame(known, { fromMs, untilMs })))
    return `${MOST_BACKFILLS} backfills are under way; wait until one is done`
  return null
}

/** Orders a range; one that is under way already stays as it is, so that an order may be given twice. */
export function order(backfills: readonly Backfill[], range: Window, nowMs: number): readonly Backfill[] {
  const { fromMs, untilMs } = wholeSeconds(range)
  if (backfills.some(known => isSame(known, { fromMs, untilMs }))) return backfills
  return [...backfills, { fromMs, untilMs, orderedMs: nowMs, left: [{ fromMs, untilMs }], unproved: [], triedMs: 0 }]
}

/** A range was proved, by whichever schedule. */
export function proved(backfills: readonly Backfill[], window: Window): readonly Backfill[] {
  return changed(backfills, backfill => ({
    ...backfill,
    left: bounded(subtract(backfill.left, [window])),
    unproved: bounded(subtract(backfill.unproved, [window])),
  }))
}

/** A range was tried and could not be proved: its turn comes again with the slowest schedule. */
export function unproved(backfills: readonly Backfill[], window: Window, nowMs: number): readonly Backfill[] {
  return changed(backfills, backfill => {
    const tried = subtract([window], subtract([window], [...backfill.left, ...backfill.unproved]))
    if (tried.length === 0) return backfill
    const left = bounded(subtract(backfill.left, tried))
    return { ...backfill, left, unproved: bounded([...backfill.unproved, ...tried]), triedMs: nowMs }
  })
}

/** Time passes: what the API refuses by now leaves, and is told in `lost`; what was not proved is tried again once `tickMs` has come. */
export function ageBackfills(
  backfills: readonly Backfill[],
  nowMs: number,
  tickMs: number,
): { readonly backfills: readonly Backfill[]; readonly lost: readonly Window[] } {
  const gone = { fromMs: 0, untilMs: Math.floor((nowMs - HORIZON_MS - GRACE_MS) / SECOND_MS) * SECOND_MS }
  const within = ({ left, unproved: tried }: Backfill) => subtract([...left, ...tried], [])
  const lost = backfills.flatMap(backfill => subtract(within(backfill), subtract(within(backfill), [gone])))
  const aged = changed(backfills, backfill => {
    const isTurn = backfill.left.length === 0 && backfill.triedMs < tickMs
    const left = isTurn ? backfill.unproved : backfill.left
    const waiting = isTurn ? [] : backfill.unproved
    return { ...backfill, left: subtract(left, [gone]), unproved: subtract(waiting, [gone]) }
  })
  return { backfills: aged, lost: union(lost) }
}

/** The part to read next, newest first, at most a day and nothing at or after `edgeMs`; `null` when there is none. */
export function nextBackfill(backfills: readonly Backfill[], edgeMs: number): Window | null {
  const newest = union(partsUntil(backfills, edgeMs)).at(-1)
  return newest === undefined ? null : { ...newest, fromMs: Math.max(newest.fromMs, newest.untilMs - LONGEST_MS) }
}

/** The oldest part that the API is about to forget, which cannot wait; `null` when there is none. */
export function nextRescue(backfills: readonly Backfill[], nowMs: number, edgeMs: number): Window | null {
  const endangeredMs = Math.floor((nowMs - HORIZON_MS + RESCUE_MS) / SECOND_MS) * SECOND_MS
  return union(partsUntil(backfills, Math.min(edgeMs, endangeredMs))).at(0) ?? null
}

/** The share that was read, 0 to 1. */
export function doneShare({ left, unproved: tried, ...range }: Backfill): number {
  const leftMs = union([...left, ...tried]).reduce((sum, part) => sum + spanMs(part), 0)
  return 1 - leftMs / spanMs(range)
}

function partsUntil(backfills: readonly Backfill[], edgeMs: number): Window[] {
  return backfills
    .flatMap(({ left }) => left)
    .map(part => ({ fromMs: part.fromMs, untilMs: Math.min(part.untilMs, edgeMs) }))
    .filter(part => part.fromMs < part.untilMs)
}

/** What is read completely is no backfill any more. */
function changed(backfills: readonly Backfill[], change: (backfill: Backfill) => Backfill): readonly Backfill[] {
  return backfills.map(change).filter(({ left, unproved: tried }) => left.length + tried.length > 0)
}

function bounded(windows: readonly Window[]): Window[] {
  const parts = union(windows)
  while (parts.length > MOST_PARTS) {
    const distance = (index: number) => (parts[index + 1]?.fromMs ?? Number.POSITIVE_INFINITY) - (parts[index]?.untilMs ?? 0)
    const nearest = parts.reduce((best, _, index) => (distance(index) < distance(best) ? index : best), 0)
    parts.splice(nearest, 2, ...union([{ fromMs: parts[nearest]?.fromMs ?? 0, untilMs: parts[nearest + 1]?.untilMs ?? 0 }]))
  }
  return parts
}

function isSame(known: Window, range: Window): boolean {
  const { fromMs, untilMs } = wholeSeconds(range)
  return known.fromMs === fromMs && known.untilMs === untilMs
}

function wholeSeconds({ fromMs, untilMs }: Window): Window {
  return { fromMs: Math.floor(fromMs / SECOND_MS) * SECOND_MS, untilMs: Math.ceil(untilMs / SECOND_MS) * SECOND_MS }
}
