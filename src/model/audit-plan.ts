/**
 * What an audit reads: the settled slots of a range, in windows of about a read's worth of rows, and what of the range it cannot speak of, with the
 * reason. A slot counts as settled when it was read again some time after its end; before, a call may still be on its way.
 */
import { type Coverage, HORIZON_MS, type Slot } from './coverage.ts'
import { contains, DAY_MS, intersect, MINUTE_MS, spanMs, subtract, union, type Window } from './window.ts'

/** Touching settled slots, or parts of them, that are read as one. */
export interface PlannedWindow extends Window {
  /** The slots that lie whole inside. */
  readonly slots: readonly Slot[]
  /** Rows to expect, by the books. */
  readonly rows: number
}

/** A part of the range about which nothing can be proved. */
export interface Hole extends Window {
  readonly reason: string
}

export interface AuditPlan {
  /** What the verdict will speak of: from the first instant asked for to the end of the last settled slot; `null` when nothing is settled. */
  readonly range: Window | null
  /** Oldest first. */
  readonly windows: readonly PlannedWindow[]
  readonly holes: readonly Hole[]
}

export interface AuditScope {
  /** `null` for everything that is settled and that the API still shows. */
  readonly asked: Window | null
  readonly settleMs: number
  readonly rowsPerWindow: number
  readonly nowMs: number
}

/** So much of what is nearly too old for the API is left out: it takes time to get there. */
const MARGIN_MS = 5 * MINUTE_MS

export function planAudit(coverage: Coverage, { asked, settleMs, rowsPerWindow, nowMs }: AuditScope): AuditPlan {
  const oldestMs = Math.ceil((nowMs - HORIZON_MS + MARGIN_MS) / MINUTE_MS) * MINUTE_MS
  const open = {
    fromMs: Math.max(coverage.anchorMs, asked?.fromMs ?? oldestMs, oldestMs),
    untilMs: asked?.untilMs ?? nowMs,
  }
  const settled = coverage.slots
    .filter(slot => slot.newestReadMs >= slot.untilMs + settleMs)
    .map(slot => ({ slot, part: intersect(slot, open) }))
    .filter(({ part }) => part.fromMs < part.untilMs)
  const last = settled.at(-1)
  if (last === undefined) return { range: null, windows: [], holes: [] }
  const range = { fromMs: open.fromMs, untilMs: last.part.untilMs }
  const holes = subtract(
    [range],
    settled.map(({ part }) => part),
  )
  return { range, windows: grouped(settled, rowsPerWindow), holes: holes.flatMap(hole => explained(coverage, hole)) }
}

interface Part {
  readonly slot: Slot
  readonly part: Window
}

function grouped(parts: readonly Part[], rowsPerWindow: number): PlannedWindow[] {
  const windows: { fromMs: number; untilMs: number; slots: Slot[]; rows: number }[] = []
  for (const { slot, part } of parts) {
    const last = windows.at(-1)
    const rows = Math.ceil((slot.count * spanMs(part)) / spanMs(slot))
    const fits =
      last !== undefined &&
      last.untilMs === part.fromMs &&
      part.untilMs - last.fromMs <= DAY_MS &&
      last.rows + rows <= rowsPerWindow
    const window = fits ? last : { fromMs: part.fromMs, untilMs: part.untilMs, slots: [], rows: 0 }
    if (!fits) windows.push(window)
    window.untilMs = part.untilMs
    window.rows += rows
    if (contains(part, slot)) window.slots.push(slot)
  }
  return windows
}

/** A hole in pieces, each with why nothing is settled there. */
function explained({ gaps, slots }: Coverage, hole: Window): Hole[] {
  const pieces = (windows: readonly Window[], reason: string) =>
    union(windows.map(window => intersect(window, hole)).filter(piece => piece.fromMs < piece.untilMs)).map(piece => ({
      ...piece,
      reason,
    }))
  const known = [
    ...gaps.flatMap(gap => pieces([gap], gap.state === 'lost' ? `lost: ${gap.reason}` : `gap: ${gap.reason}`)),
    ...pieces(subtract(slots, gaps), 'read, but not settled yet'),
  ]
  return [...known, ...pieces(subtract([hole], known), 'never read completely')].sort((a, b) => a.fromMs - b.fromMs)
}

/** How many calls the books hold in a window; `null` when no whole slots fill it, so that they cannot tell. */
export function bookedIn(coverage: Coverage, window: Window): number | null {
  const slots = coverage.slots.filter(slot => contains(window, slot))
  return subtract([window], slots).length > 0 ? null : slots.reduce((sum, { count }) => sum + count, 0)
}
