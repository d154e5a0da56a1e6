/**
 * Instants as the vendor writes them: ISO text with `Z` or an offset, text without either (the account's time zone decides), epoch seconds
 * or milliseconds. What is ambiguous is not guessed: a time is read exactly or not at all. Called three times a row, hence digit by digit.
 */
import { createZone } from './zones.ts'

/** Not a time we can read. */
export const UNREADABLE = Number.NaN
/** Reads as "not given": 0, `0000-00-00 …`, `0001-01-01 …`. */
export const NOT_GIVEN = Number.POSITIVE_INFINITY
/** A good time without an offset, and no time zone to place it in. */
export const NAIVE = Number.NEGATIVE_INFINITY

/** Epoch numbers outside 2000-2100 are something else: a date written as digits, microseconds, a counter. */
const EARLIEST_S = 946_684_800
const LATEST_S = 4_102_444_800
const DAY_MS = 86_400_000

/**
 * A reader of instants: epoch milliseconds UTC, or one of `UNREADABLE`, `NOT_GIVEN`, `NAIVE`. Fractions of a second are cut to milliseconds.
 * In `timeZone`, a time skipped by a clock change moves forward by the change, and one that happened twice is the earlier.
 * Throws `SETTINGS_INVALID` for an unknown time zone.
 */
export function createInstantReader(timeZone: string | undefined): (value: unknown) => number {
  const zone = timeZone === undefined ? null : createZone(timeZone)
  let cachedDay = -1
  let cachedDayMs = 0

  function dayMs(year: number, month: number, day: number): number {
    const key = (year * 100 + month) * 100 + day
    if (key !== cachedDay) {
      if (!(year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month))) return UNREADABLE
      cachedDayMs = Date.UTC(year, month - 1, day)
      cachedDay = key
    }
    return cachedDayMs
  }

  function readText(text: string): number {
    const year = digits(text, 0, 4)
    const month = digits(text, 5, 2)
    const day = digits(text, 8, 2)
    const minutes = digits(text, 14, 2)
    const separator = text.charCodeAt(10)
    const isShaped =
      text.charCodeAt(4) === DASH &&
      text.charCodeAt(7) === DASH &&
      (separator === 84 || separator === 32) &&
      text.charCodeAt(13) === COLON
    if (!isShaped || !(minutes <= 59) || !(digits(text, 11, 2) <= 23)) return readEpochText(text)
    if ((year === 0 && month === 0 && day === 0) || (year === 1 && month === 1 && day === 1)) return NOT_GIVEN
    let at = 16
    let seconds = 0
    let ms = 0
    if (text.charCodeAt(at) === COLON) {
      seconds = digits(text, 17, 2)
      at = 19
      if (text.charCodeAt(at) === DOT) {
        const from = at + 1
        at = skipDigits(text, from)
        if (at === from) return UNREADABLE
        ms = Number(
          text
            .slice(from, from + 3)
            .slice(0, at - from)
            .padEnd(3, '0'),
        )
      }
    }
    const startMs = dayMs(year, month, day)
    if (!(seconds <= 59)) return UNREADABLE
    const localMs = startMs + digits(text, 11, 2) * 3_600_000 + minutes * 60_000 + seconds * 1_000 + ms
    if (text.charCodeAt(at) === Z && text.length === at + 1) return localMs
    if (Number.isNaN(localMs)) return UNREADABLE
    if (text.length === at) return zone === null ? NAIVE : zone(localMs)
    return localMs - offsetMs(text, at)
  }

  return value => {
    if (typeof value === 'string') {
      const isPadded = value.charCodeAt(0) <= 32 || value.charCodeAt(value.length - 1) <= 32
      return readText(isPadded ? value.trim() : value)
    }
    return typeof value === 'number' ? readEpoch(value) : UNREADABLE
  }
}

const DASH = 45
const COLON = 58
const DOT = 46
const Z = 90

function readEpoch(value: number): number {
  if (value === 0) return NOT_GIVEN
  // Rounded to microseconds first: 1767323045.678 is a little less than it says.
  if (value >= EARLIEST_S && value < LATEST_S) return Math.floor(Math.round(value * 1_000_000) / 1_000)
  return value >= EARLIEST_S * 1_000 && value < LATEST_S * 1_000 ? Math.floor(value) : UNREADABLE
}

function readEpochText(text: string): number {
  if (text === '0000-00-00') return NOT_GIVEN
  return /^\d{1,13}(\.\d{1,9})?$/.test(text) ? readEpoch(Number(text)) : UNREADABLE
}

/** The offset at the end of a time: `Z` apart, ` UTC`, ` GMT`, `+05:30`, `+0530`, `+05`, with or without a space before it. */
function offsetMs(text: string, from: number): number {
  const tail = text.slice(from).trimStart()
  if (tail === 'Z' || tail === 'z' || tail === 'UTC' || tail === 'GMT') return 0
  const match = /^([+-])(\d{2})(?::?([0-5]\d))?$/.exec(tail)
  if (match === null) return UNREADABLE
  const minutes = Number(match[2]) * 60 + Number(match[3] ?? 0)
  return minutes > 18 * 60 ? UNREADABLE : (match[1] === '-' ? -60_000 : 60_000) * minutes
}

/** The number written in `count` digits at `from`; NaN when one of them is no digit or missing. */
function digits(text: string, from: number, count: number): number {
  let value = 0
  for (let at = from; at < from + count; at += 1) {
    const digit = text.charCodeAt(at) - 48
    if (!(digit >= 0 && digit <= 9)) return UNREADABLE
    value = value * 10 + digit
  }
  return value
}

function skipDigits(text: string, from: number): number {
  let at = from
  while (text.charCodeAt(at) >= 48 && text.charCodeAt(at) <= 57) at += 1
  return at
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getTime() / DAY_MS - Date.UTC(year, month - 1, 1) / DAY_MS + 1
}
