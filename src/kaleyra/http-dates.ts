/**
 * The two headers that hold time. The API's `Date` tells how far its clock is from ours; `Retry-After` is seconds or a date, and such a date
 * is read against the answer's own `Date`, since our clock may be the wrong one.
 */
import { DAY_MS } from '../model/window.ts'

/** A header's date in epoch milliseconds; `null` when it is absent or no HTTP date. */
export function httpDateMs(value: string | readonly string[] | undefined): number | null {
  const text = typeof value === 'string' ? value : value?.[0]
  // Date.parse alone takes almost anything: "-5" would be a day in 2001.
  if (text === undefined || !/^[A-Za-z]{3,9}, .{15,30} GMT$/.test(text)) return null
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? null : ms
}

/** After a week the API has forgotten everything anyway: a longer wish is a mistake, an instant in place of a time, say. */
const LONGEST_WISH_MS = 7 * DAY_MS

/**
 * How long to stay away, in milliseconds from now, from 0 to a week; `undefined` when the header is absent, unreadable or asks for more.
 * `answeredMs` is the answer's own `Date`, or our clock when it has none.
 */
export function retryAfterMs(value: string | readonly string[] | undefined, answeredMs: number): number | undefined {
  const text = (typeof value === 'string' ? value : value?.[0])?.trim()
  if (text === undefined) return undefined
  const untilMs = httpDateMs(text)
  const isSeconds = /^\d{1,12}(\.\d{1,6})?$/.test(text)
  const wishMs = isSeconds ? Math.ceil(Number(text) * 1_000) : untilMs === null ? Number.NaN : Math.max(0, untilMs - answeredMs)
  return wishMs <= LONGEST_WISH_MS ? wishMs : undefined
}
