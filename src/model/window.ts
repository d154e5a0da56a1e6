/**
 * A window is a half-open range of time, `[fromMs, untilMs)`, in epoch milliseconds. The books hold whole seconds only, because that is
 * the precision the API is asked with: ends made at a finer precision than they are sent with left one-second gaps in other pollers.
 */

export const SECOND_MS = 1_000
export const MINUTE_MS = 60_000
export const HOUR_MS = 3_600_000
export const DAY_MS = 86_400_000

export interface Window {
  /** First instant inside, epoch milliseconds, a whole second. */
  readonly fromMs: number
  /** First instant after, epoch milliseconds, a whole second, later than `fromMs`. */
  readonly untilMs: number
}

/** What made a read due; travels into the record as `read_by`. */
export type ScheduleName = string

export function spanMs(window: Window): number {
  return window.untilMs - window.fromMs
}

export function contains(outer: Window, inner: Window): boolean {
  return outer.fromMs <= inner.fromMs && inner.untilMs <= outer.untilMs
}

/** What two windows that touch each other share; nothing inside when they do not. */
export function intersect(one: Window, other: Window): Window {
  return { fromMs: Math.max(one.fromMs, other.fromMs), untilMs: Math.min(one.untilMs, other.untilMs) }
}

/**
 * Cuts a window into at most `parts` neighbours of equal length in whole seconds, earliest first. Together they are exactly the window.
 * A window of one second stays whole.
 */
export function split(window: Window, parts: number): Window[] {
  const seconds = spanMs(window) / SECOND_MS
  const count = Math.max(1, Math.min(parts, seconds))
  const cut = (index: number) => window.fromMs + Math.floor((seconds * index) / count) * SECOND_MS
  return Array.from({ length: count }, (_, index) => ({ fromMs: cut(index), untilMs: cut(index + 1) }))
}

/** Merges touching and overlapping windows; sorted by start. */
export function union(windows: readonly Window[]): Window[] {
  const merged: { fromMs: number; untilMs: number }[] = []
  for (const { fromMs, untilMs } of [...windows].sort((a, b) => a.fromMs - b.fromMs)) {
    const last = merged.at(-1)
    if (last !== undefined && fromMs <= last.untilMs) last.untilMs = Math.max(last.untilMs, untilMs)
    else merged.push({ fromMs, untilMs })
  }
  return merged
}

/** The parts of `windows` that no window of `holes` touches; sorted by start. */
export function subtract(windows: readonly Window[], holes: readonly Window[]): Window[] {
  let rest = union(windows)
  for (const hole of union(holes)) {
    rest = rest.flatMap(window => {
      const before = { fromMs: window.fromMs, untilMs: Math.min(window.untilMs, hole.fromMs) }
      const after = { fromMs: Math.max(window.fromMs, hole.untilMs), untilMs: window.untilMs }
      return [before, after].filter(part => part.fromMs < part.untilMs)
    })
  }
  return rest
}

/** An instant as people and the API read it: UTC, whole seconds, `2026-01-02T03:04:05Z`. */
export function instantText(instantMs: number): string {
  return `${new Date(instantMs).toISOString().slice(0, 19)}Z`
}

export function windowText(window: Window): string {
  return `[${instantText(window.fromMs)}, ${instantText(window.untilMs)})`
}

/** The instant that `instantText` writes, epoch milliseconds; `null` for anything else. */
export function instantIn(text: unknown): number | null {
  const instantMs =
    typeof text === 'string' && /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(instantMs) ? null : instantMs
}
