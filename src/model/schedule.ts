/**
 * What is due, computed anew each time from the books and the clock, so that nothing about the schedule needs to be stored: a slot is due
 * under a schedule when it was not read (or tried) since that schedule's last tick. Missed ticks merge by themselves, a restart changes
 * nothing, and a range that one schedule has just read is not read again by the next.
 */
import { type Coverage, HORIZON_MS, type Slot } from './coverage.ts'
import { gridOf } from './grid.ts'
import { contains, DAY_MS, HOUR_MS, SECOND_MS, type Window } from './window.ts'

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
  /** A slot is settled when it was read completely at least this long after its end. */
  readonly settleMs: number
  /** Windows are planned to hold no more rows than this, as far as the books know how many there are. */
  readonly rowsPerWindow: number
}

export interface Due {
  /** hot, warm, cold, or backfill for what the schedule never reached. */
  readonly readBy: string
  readonly window: Window
  /**
   * The settled slots of the window, all of it, when it is enough to compare their count with the API's `total`; empty when the window is to be
   * read. The schedule with the longest interval always reads: what changed without changing the count is found there.
   */
  readonly settled: readonly Slot[]
  /** The books before this window is read, for whoever wants to tell which of its calls come late. */
  readonly books?: Coverage
}

/** Rows of the very last seconds are still moving. */
const EDGE_MS = 5 * SECOND_MS
/** What was never read and is this close to the API's horizon goes before everything else. */
export const RESCUE_MS = 12 * HOUR_MS
/** The longest window asked for at once. */
const LONGEST_MS = DAY_MS

interface Cell extends Window {
  readonly slot: Slot | null
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
  const reads = plan.schedule.at(-1)
  const dueUnder = (entry: ScheduleEntry, cell: Cell) => {
    const lookedAtMs = entry === reads ? cell.triedMs : Math.max(cell.triedMs, cell.slot?.checkedMs ?? 0)
    return cell.untilMs > nowMs - entry.spanMs && lookedAtMs < plan.tickMs(entry)
  }
  const isSettled = ({ slot }: Cell) => slot !== null && slot.newestReadMs >= slot.untilMs + plan.settleMs
  const newestRun = (found: readonly Cell[]) => latest(found, plan.rowsPerWindow)
  const isDue = (cell: Cell) => plan.schedule.some(entry => dueUnder(entry, cell))
  const unread = cells.filter(
    cell => cell.slot === null && (cell.untilMs <= hotFromMs ? cell.triedMs === 0 || isDue(cell) : dueUnder(hot, cell)),
  )

  const rescued = oldest(unread.filter(cell => cell.fromMs < nowMs - HORIZON_MS + RESCUE_MS))
  if (rescued !== null) return { readBy: 'backfill', window: rescued, settled: [] }
  const newest = newestRun(unread)
  if (newest !== null && newest.untilMs <= hotFromMs) return { readBy: 'backfill', window: newest, settled: [] }
  for (const entry of plan.schedule) {
    const due = cells.filter(cell => dueUnder(entry, cell))
    const isCounted = (cell: Cell) => isSettled(cell) && reads !== undefined && !dueUnder(reads, cell)
    const counted = due.filter(isCounted)
    const window = newestRun(due.filter(cell => !isCounted(cell)))
    if (window === null) {
      const unchanged = latest(counted, Number.POSITIVE_INFINITY)
      if (unchanged === null) continue
      const settled = counted.flatMap(({ slot }) => (slot !== null && contains(unchanged, slot) ? [slot] : []))
      return { readBy: entry.name, window: unchanged, settled }
    }
    // The last, unfinished slot is read along for freshness, and booked when it is whole.
    const atEdge = entry === hot && window.untilMs === cells.at(-1)?.untilMs
    return { readBy: entry.name, window: atEdge ? { ...window, untilMs: edgeMs } : window, settled: [] }
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
    const booked = slot?.untilMs === cell.untilMs ? slot : null
    return { ...cell, slot: booked, triedMs: Math.max(booked?.newestReadMs ?? 0, ...tries) }
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

/** The latest run of touching cells, at most a day long, with at most `mostRows` by the books unless its last cell alone has more. */
function latest(cells: readonly Cell[], mostRows: number): Window | null {
  let run: Window | null = null
  let rows = 0
  for (const cell of cells.toReversed()) {
    rows += cell.slot?.count ?? 0
    if (run === null) run = { fromMs: cell.fromMs, untilMs: cell.untilMs }
    else if (cell.untilMs !== run.fromMs || run.untilMs - cell.fromMs > LONGEST_MS || rows > mostRows) break
    else run = { fromMs: cell.fromMs, untilMs: run.untilMs }
  }
  return run
}
