/**
 * The two headers that hold time. The API's `Date` tells how far its clock is from ours; `Retry-After` is seconds or a date, and such a date
 * is read against the answer's own `Date`, since our clock may be the wrong one.
 */

/** A header's date in epoch milliseconds; `null` when it is absent or no HTTP date. */
export function httpDateMs(value: string | readonly string[] | undefined): number | null {
  const text = typeof value === 'string' ? value : value?.[0]
  // Date.parse alone takes almost anything: "-5" would be a day in 2001.
  if (text === undefined || !/^[A-Za-z]{3,9}, .{15,30} GMT$/.test(text)) return null
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? null : ms
}

/**
 * How long to stay away, in milliseconds from now, never negative; `undefined` when the header is absent or unreadable.
 * `answeredMs` is the answer's own `Date`, or our clock when it has none.
 */
export function retryAfterMs(value: string | readonly string[] | undefined, answeredMs: number): number | undefined {
  const text = (typeof value === 'string' ? value : value?.[0])?.trim()
  if (text === undefined) return undefined
  if (/^\d{1,12}(\.\d{1,6})?$/.test(text)) return Math.ceil(Number(text) * 1_000)
  const untilMs = httpDateMs(text)
  return untilMs === null ? undefined : Math.max(0, untilMs - answeredMs)
}
