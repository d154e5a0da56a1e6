/**
 * Into which slots time is cut, as of now: the books are as fine as re-reads need them where calls are fresh, and coarse where they are old, so
 * that a week of them fits in a checkpoint. Every slot begins at a multiple of its length, so coarse slots are made of whole fine ones.
 */
import { DAY_MS, HOUR_MS, MINUTE_MS, type Window } from './window.ts'

const QUARTER_MS = 15 * MINUTE_MS

/** The slots, as of now, of `[fromMs, untilMs)` that lie whole inside it; the first may be cut by the anchor. */
export function gridOf(window: Window, anchorMs: number, nowMs: number): Window[] {
  const sizeAt = slotSizeAt(nowMs)
  const slots: Window[] = []
  let atMs = floor(window.fromMs, sizeAt(window.fromMs))
  while (atMs < window.untilMs) {
    const untilMs = atMs + sizeAt(atMs)
    const fromMs = Math.max(atMs, anchorMs)
    if (fromMs < untilMs && fromMs >= window.fromMs && untilMs <= window.untilMs) slots.push({ fromMs, untilMs })
    atMs = untilMs
  }
  return slots
}

/** How long the slot is that holds an instant, as of now, in milliseconds. */
export function slotSizeAt(nowMs: number): (atMs: number) => number {
  const minutesFrom = floor(nowMs - 6 * HOUR_MS, QUARTER_MS)
  const quartersFrom = floor(nowMs - DAY_MS, HOUR_MS)
  return atMs => (atMs < quartersFrom ? HOUR_MS : atMs < minutesFrom ? QUARTER_MS : MINUTE_MS)
}

export function floor(valueMs: number, unitMs: number): number {
  return Math.floor(valueMs / unitMs) * unitMs
}
