/**
 * Wall-clock times of a time zone as instants. `Intl` is exact and slow, so offsets are remembered: one per local hour away from clock
 * changes, which is nearly all of them. Near a change the two candidate instants are checked.
 */
import { ConnectorError } from '../errors.ts'
import type { Window } from '../model/window.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
const AROUND_MS = 3 * HOUR_MS
/** About a year of hours; then memory starts anew. */
const MOST_HOURS = 10_000

/**
 * A converter from local milliseconds (the wall clock read as if it were UTC) to epoch milliseconds. A time skipped by a clock change
 * moves forward by the change (02:30 becomes 03:30), and one that happened twice is the earlier. Throws `SETTINGS_INVALID`.
 */
export function createZone(timeZone: string): (localMs: number) => number {
  const offsetAt = offsetReader(timeZone)
  const offsets = new Map<number, number>()
  let lastHour = Number.NaN
  let lastOffsetMs = 0

  return localMs => {
    const hour = Math.floor(localMs / HOUR_MS)
    if (hour === lastHour) return localMs - lastOffsetMs
    let offsetMs = offsets.get(hour)
    if (offsetMs === undefined) {
      const before = offsetAt(hour * HOUR_MS - DAY_MS)
      const after = offsetAt(hour * HOUR_MS + DAY_MS)
      if (before !== after) return nearChange(localMs, before, after)
      if (offsets.size >= MOST_HOURS) offsets.clear()
      offsets.set(hour, before)
      offsetMs = before
    }
    lastHour = hour
    lastOffsetMs = offsetMs
    return localMs - offsetMs
  }

  function nearChange(localMs: number, before: number, after: number): number {
    const early = localMs - before
    const late = localMs - after
    const isEarly = offsetAt(early) === before
    const isLate = offsetAt(late) === after
    if (isEarly && isLate) return Math.min(early, late)
    // In a gap neither holds; counting with the offset before it moves the time forward by the gap.
    return isLate ? late : early
  }
}

/**
 * By how much the clocks of a time zone are set within a window or three hours around it, in milliseconds: -3,600,000 in autumn, else 0. Throws
 * `SETTINGS_INVALID`.
 */
export function createClockChange(timeZone: string): (window: Window) => number {
  const offsetAt = offsetReader(timeZone)
  return ({ fromMs, untilMs }) => offsetAt(untilMs + AROUND_MS) - offsetAt(fromMs - AROUND_MS)
}

/** The offset in force at an instant, as `Intl` prints it: `GMT+05:30`, `GMT-00:44:30`, `GMT`. */
function offsetReader(timeZone: string): (instantMs: number) => number {
  const format = formatFor(timeZone)
  return instantMs => {
    const match = /GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/.exec(format.format(instantMs))
    const [, sign, hours, minutes, seconds] = match ?? []
    const ms = Number(hours ?? 0) * HOUR_MS + Number(minutes ?? 0) * 60_000 + Number(seconds ?? 0) * 1_000
    return sign === '-' ? -ms : ms
  }
}

function formatFor(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' })
  } catch (cause) {
    throw new ConnectorError(
      'SETTINGS_INVALID',
      `timeZone ${JSON.stringify(timeZone)} is unknown; use an IANA name, Asia/Kolkata`,
      { cause },
    )
  }
}
