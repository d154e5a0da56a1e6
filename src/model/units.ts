/**
 * Settings carry their units in their text: `15s`, `30m`. A bare number is refused, because every program that accepts one has been
 * configured in seconds by people who meant milliseconds.
 */

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const LARGEST_FIRST = ['d', 'h', 'm', 's', 'ms'] as const

/** A whole number and its unit: `500ms`, `15s`, `5m`, `6h`, `6d`. */
export const DURATION = /^(\d{1,9})(ms|s|m|h|d)$/

/** Milliseconds of a duration's text; `NaN` when the text is none. */
export function durationMs(text: string): number {
  const [, count, unit] = DURATION.exec(text) ?? []
  const factor = Object.entries(UNITS).find(([name]) => name === unit)?.[1] ?? Number.NaN
  return Number(count) * factor
}

/** The shortest text for a whole number of milliseconds: 90,000 is `90s`. */
export function durationText(ms: number): string {
  const unit = LARGEST_FIRST.find(name => ms > 0 && ms % UNITS[name] === 0) ?? 's'
  return `${ms / UNITS[unit]}${unit}`
}

/** Numbers and flags may come out of the environment, as text: `8080` is a number then. Anything else stays what it is. */
export function numberIn(value: unknown): unknown {
  return typeof value === 'string' && /^-?\d{1,15}(\.\d{1,6})?$/.test(value) ? Number(value) : value
}

/** `true` and `false` as text become flags; anything else stays what it is. */
export function flagIn(value: unknown): unknown {
  return value === 'true' ? true : value === 'false' ? false : value
}
