/**
 * What is due, computed anew each time from the books and the clock, so that nothing about the schedule needs to be stored: a slot is due
 * under a schedule when it was not read (or tried) since that schedule's last tick. Missed ticks merge by themselves, a restart changes
 * nothing, and a range that one schedule has just read is not read again by the next.
 */
import { type Coverage, HORIZON_MS } from './coverage.ts'
import { gridOf } from './grid.ts'
import { DAY_MS, HOUR_MS, SECOND_MS, type Window } from './window.ts'

export interface ScheduleEntry {
  readonly name: string
  readonly everyMs: number
  readonly spanMs: number
}

export interface Plan {
  /** Shortest interval first. */
  readonly schedule: readonly ScheduleEntry[]
  /** The newest tick of a schedule at or before now, epoch milliseconds. */
  readonly tickMs: (entry: ScheduleEntry) => number
}

export interface Due {
  /** hot, warm, cold, or backfill for what the schedule never reached. */
  readonly readBy: string
  readonly window: Window
}

/** Rows of the very last seconds are still moving. */
const EDGE_MS = 5 * SECOND_MS
/** What was never read and is this close to the API's horizon goes before everything else. */
const RESCUE_MS = 12 * HOUR_MS
/** The longest window asked for at once. */
const LONGEST_MS = DAY_MS

interface Cell extends Window {
  readonly readMs: number | null
  /** The newest time it was read or tried. */
  readonly triedMs: number
}

/**
 * The window to read next, or `null` when nothing is due. In order of what would be lost: never read and near the API's horizon, oldest
 * first; never read, newest first; then re-reads, shortest interval first and newest first. Nothing at or after `edgeMs` is asked for.
 */
export function nextDue(coverage: Coverage, plan: Plan, nowMs: number, edgeMs: number): Due | null {
  const cells = cellsOf(coverage, edgeMs, nowMs)
  const [hot] = plan.schedule
  if (hot === undefined) return null
  const hotFromMs = nowMs - hot.spanMs
  const dueUnder = (entry: ScheduleEntry, cell: Cell) => cell.untilMs > nowMs - entry.spanMs && cell.triedMs < plan.tickMs(entry)
  const isDue = (cell: Cell) => plan.schedule.some(entry => dueUnder(entry, cell))
  const unread = cells.filter(
    cell => cell.readMs === null && (cell.untilMs <= hotFromMs ? cell.triedMs === 0 || isDue(cell) : dueUnder(hot, cell)),
  )

  const rescued = oldest(unread.filter(cell => cell.fromMs < nowMs - HORIZON_MS + RESCUE_MS))
  if (rescued !== null) return { readBy: 'backfill', window: rescued }
  const newest = latest(unread)
  if (newest !== null && newest.untilMs <= hotFromMs) return { readBy: 'backfill', window: newest }
  for (const entry of plan.schedule) {
    const window = latest(cells.filter(cell => dueUnder(entry, cell)))
    if (window === null) continue
    // The last, unfinished slot is read along for freshness, and booked when it is whole.
    const atEdge = entry === hot && window.untilMs === cells.at(-1)?.untilMs
    return { readBy: entry.name, window: atEdge ? { ...window, untilMs: edgeMs } : window }
  }
  return null
}

/** Nothing at or after this is asked for: 5 s before now, by the earlier of our clock and the API's, in whole seconds. */
export function edgeOf(nowMs: number, skewMs: number | null): number {
  return Math.floor((nowMs + Math.min(0, skewMs ?? 0) - EDGE_MS) / SECOND_MS) * SECOND_MS
}

/** The newest tick at or before now of a schedule that runs every `everyMs`, shifted by `phaseMs` so that accounts do not all run at once. */
export function tickAt(everyMs: number, phaseMs: number, nowMs: number): number {
  return Math.floor((nowMs - phaseMs) / everyMs) * everyMs + phaseMs
}

function cellsOf(coverage: Coverage, edgeMs: number, nowMs: number): Cell[] {
  const fromMs = Math.max(coverage.anchorMs, nowMs - HORIZON_MS)
  if (fromMs >= edgeMs) return []
  const read = new Map(coverage.slots.map(slot => [slot.fromMs, slot]))
  return gridOf({ fromMs, untilMs: edgeMs }, coverage.anchorMs, nowMs).map(cell => {
    const slot = read.get(cell.fromMs)
    const tries = coverage.gaps.filter(gap => gap.fromMs < cell.untilMs && cell.fromMs < gap.untilMs).map(gap => gap.attemptedMs)
    const readMs = slot?.untilMs === cell.untilMs ? slot.newestReadMs : null
    return { ...cell, readMs, triedMs: Math.max(readMs ?? 0, ...tries) }
  })
}

/** The earliest run of touching cells, at most a day long. */
function oldest(cells: readonly Cell[]): Window | null {
  let run: Window | null = null
  for (const cell of cells) {
    if (run === null) run = { fromMs: cell.fromMs, untilMs: cell.untilMs }
    else if (cell.fromMs !== run.untilMs || cell.untilMs - run.fromMs > LONGEST_MS) break
    else run = { fromMs: run.fromMs, untilMs: cell.untilMs }
  }
  return run
}

/** The latest run of touching cells, at most a day long. */
function latest(cells: readonly Cell[]): Window | null {
  let run: Window | null = null
  for (const cell of cells.toReversed()) {
    if (run === null) run = { fromMs: cell.fromMs, untilMs: cell.untilMs }
    else if (cell.untilMs !== run.fromMs || run.untilMs - cell.fromMs > LONGEST_MS) break
    else run = { fromMs: cell.fromMs, untilMs: run.untilMs }
  }
  return run
}
