/**
 * Did the API answer what was asked? Rows outside the window are normal one by one (calls that last, filters on start or end), so they are
 * published and counted. Two patterns are not normal and would have us book time that was never read: a whole page shifted by one constant
 * (a wrong time zone), and two different windows that answer with the same rows (the filter is ignored).
 */
import type { Sighting } from './sift.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, type Window } from './window.ts'

const SHIFT_STEP_MS = 15 * MINUTE_MS
const LARGEST_SHIFT_MS = 14 * HOUR_MS
/** With fewer rows than this on a page no pattern is believed. */
export const FEWEST_ROWS = 3

/** Rows whose start and end both lie more than a day outside the window. */
export function countOutside(window: Window, calls: readonly Sighting[]): number {
  return calls.filter(({ call }) => isOutside(window, DAY_MS, call.start_time, call.end_time)).length
}

/**
 * The one shift, in milliseconds, that would bring at least half of a first page's rows into the window they were asked for; else `null`.
 * Of several, the one that brings in most, and the middle one of equals: in a long window, many would do. `clockChangeMs`: by how much the clocks
 * of the API's time zone were set about then; times that happened twice are read as the earlier, which is no wrong zone.
 */
export function constantShift(window: Window, calls: readonly Sighting[], clockChangeMs = 0): number | null {
  const isInsideBut = (shiftMs: number) => (sighting: Sighting) => {
    const startMs = sighting.call.start_time
    return startMs !== null && !isOutside(window, SECOND_MS, startMs - shiftMs, null)
  }
  const isTwice = isInsideBut(clockChangeMs)
  const outside = calls.filter(
    row => isOutside(window, SECOND_MS, row.call.start_time, row.call.end_time) && !(clockChangeMs !== 0 && isTwice(row)),
  )
  if (outside.length < FEWEST_ROWS || outside.length * 2 < calls.length) return null
  let most = Math.max(FEWEST_ROWS, Math.ceil(calls.length / 2))
  let best: number[] = []
  for (let shiftMs = -LARGEST_SHIFT_MS; shiftMs <= LARGEST_SHIFT_MS; shiftMs += SHIFT_STEP_MS) {
    if (shiftMs === 0) continue
    const inside = outside.filter(isInsideBut(shiftMs)).length
    if (inside < most) continue
    best = inside > most ? [shiftMs] : [...best, shiftMs]
    most = inside
  }
  return best[Math.floor(best.length / 2)] ?? null
}

/** What the first page of a window held, to be compared with another window's. */
export interface FirstPage {
  readonly window: Window
  readonly ids: string
  readonly rows: number
}

export function firstPageOf(window: Window, calls: readonly Sighting[]): FirstPage {
  return { window, ids: calls.map(({ call }) => call.call_id).join('\n'), rows: calls.length }
}

/** True when two windows that share no time answered with the same rows. */
export function ignoresFilter(page: FirstPage, before: FirstPage | null): boolean {
  if (before === null || page.rows < FEWEST_ROWS || page.ids !== before.ids) return false
  const apartMs = Math.max(page.window.fromMs - before.window.untilMs, before.window.fromMs - page.window.untilMs)
  return apartMs > 2 * SECOND_MS
}

/** A shift for people: `+5:30`. */
export function shiftText(shiftMs: number): string {
  const minutes = Math.abs(shiftMs) / MINUTE_MS
  return `${shiftMs < 0 ? '-' : '+'}${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}`
}

function isOutside(window: Window, marginMs: number, startMs: number | null, endMs: number | null): boolean {
  const out = (atMs: number | null) => atMs === null || atMs < window.fromMs - marginMs || atMs >= window.untilMs + marginMs
  return (startMs !== null || endMs !== null) && out(startMs) && out(endMs)
}
