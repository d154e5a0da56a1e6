/**
 * Money and seconds, exact or not at all. Money becomes an integer of millionths from its decimal text, never through a float: 0.1 is
 * 100000n. What has more decimals or digits than the record holds, or a unit or separator in it, is refused rather than rounded.
 */

const SCALE = 6
const MOST_DIGITS = 18
/** Up to here a double counts exactly. */
const EXACT_DIGITS = 15
const POWERS = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]
const LARGEST_INT = 2_147_483_647

/** The amount times 1,000,000; `null` when it is no plain decimal number of at most 6 decimals and 12 digits before them. */
export function readMoney(value: unknown): bigint | null {
  if (typeof value !== 'number' && typeof value !== 'string') return null
  const text = String(value).trim()
  const isNegative = text.charCodeAt(0) === 45
  let significant = 0
  let decimals = -1
  let seen = 0
  let unscaled = 0
  for (let at = isNegative || text.charCodeAt(0) === 43 ? 1 : 0; at < text.length; at += 1) {
    const digit = text.charCodeAt(at) - 48
    if (digit === -2 && decimals < 0) {
      decimals = 0
      continue
    }
    if (digit < 0 || digit > 9) return null
    seen += 1
    if (decimals === SCALE) {
      if (digit !== 0) return null
      continue
    }
    if (decimals >= 0) decimals += 1
    if (significant > 0 || digit > 0) significant += 1
    unscaled = unscaled * 10 + digit
  }
  if (seen === 0) return null
  const missing = SCALE - Math.max(0, decimals)
  if (significant + missing > MOST_DIGITS && significant > 0) return null
  if (significant + missing <= EXACT_DIGITS) {
    const scaled = unscaled * (POWERS[missing] ?? 1)
    return BigInt(isNegative ? -scaled : scaled)
  }
  const [whole = '', fraction = ''] = text.replace(/^[+-]/, '').split('.')
  const scaled = BigInt(whole + fraction.slice(0, SCALE).padEnd(SCALE, '0'))
  return isNegative ? -scaled : scaled
}

/** Whole seconds from 0 to 2^31 - 1: a number, digits, or `H:MM:SS`; `null` for everything else, fractions and `MM:SS` included. */
export function readSeconds(value: unknown): number | null {
  if (typeof value === 'string') return readSecondsText(value)
  // Adding 0 turns -0 into 0.
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= LARGEST_INT ? value + 0 : null
}

function readSecondsText(text: string): number | null {
  if (text.length > 32) return null
  let seconds = 0
  for (let at = 0; at < text.length; at += 1) {
    const digit = text.charCodeAt(at) - 48
    if (!(digit >= 0 && digit <= 9)) return readUnusualSeconds(text.trim())
    seconds = seconds * 10 + digit
  }
  return text.length > 0 && seconds <= LARGEST_INT ? seconds : null
}

function readUnusualSeconds(text: string): number | null {
  const [, hours, minutes, seconds] = /^(\d{1,6}):([0-5]\d):([0-5]\d)$/.exec(text) ?? []
  const whole = /^(\d{1,10})(?:\.0*)?$/.exec(text)?.[1]
  const count = hours === undefined ? Number(whole) : Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)
  return count <= LARGEST_INT ? count : null
}
