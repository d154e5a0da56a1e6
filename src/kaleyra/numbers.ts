/**
 * Telephone numbers as text: what each privacy rule makes of one, and where one hides in longer text. A number is protected by its digits
 * and not by its spelling, so that `+91 98…` and `9198…` of two rows stay the same caller.
 */
import { createHmac, createSecretKey } from 'node:crypto'
import type { NumberRule } from '../model/number-protection.ts'

/** What may be published instead of a number; `null` when nothing may. */
export type Protect = (text: string) => string | null

/** What people put between digits; format characters come along when a number is pasted from a list of contacts. */
const BETWEEN = String.raw`[\s\p{Pd}\p{Cf}()./+]`
const NUMBER = new RegExp(`^${BETWEEN}*\\p{Nd}(?:${BETWEEN}*\\p{Nd})*${BETWEEN}*$`, 'u')

/** The length of a country code, by its first digits (ITU-T E.164). */
const COUNTRY_CODE = /^(?:[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3})/
const FEWEST_DIGITS = 7
const MOST_DIGITS = 15
/** From here on a bare number is taken to begin with a country code, as the vendor writes it. */
const INTERNATIONAL_DIGITS = 11
const LEAST_HIDDEN = 5
const HIDDEN_TEXT = '***'
const MOST_REMEMBERED = 10_000

/** `null` for plain: there is nothing to do. `hmac` without a key cannot be: the settings refuse it. */
export function protector(rule: NumberRule, hmacKey = ''): Protect | null {
  if (rule === 'plain') return null
  if (rule === 'drop') return () => null
  return remembering(rule === 'mask' ? mask : hmac(hmacKey))
}

/**
 * The country code, where the number is international, and the last two digits; the rest is `*`. Fewer than 7 digits are hidden whole, and
 * so is a country code that would leave fewer than 5 hidden. Text that is no number becomes `***`.
 */
function mask(text: string): string {
  const number = numberIn(text)
  if (number === null || number.digits.length > MOST_DIGITS) return HIDDEN_TEXT
  const { digits, isInternational } = number
  if (digits.length < FEWEST_DIGITS) return '*'.repeat(digits.length)
  const code = isInternational ? (COUNTRY_CODE.exec(digits)?.[0] ?? '') : ''
  const shown = digits.length - code.length - 2 < LEAST_HIDDEN ? '' : code
  return `${shown.padEnd(digits.length - 2, '*')}${digits.slice(-2)}`
}

/** HMAC-SHA-256, 64 lower-case hex digits, over the digits without a leading `+` or `00`; of text that is no number over itself, trimmed and in lower case. */
function hmac(hmacKey: string): (text: string) => string {
  const key = createSecretKey(Buffer.from(hmacKey))
  return text => {
    const normalised = numberIn(text)?.digits ?? text.normalize('NFKC').trim().toLowerCase()
    return createHmac('sha256', key).update(normalised).digest('hex')
  }
}

/** A text that is written as one number, and nothing else. */
function numberIn(text: string): { readonly digits: string; readonly isInternational: boolean } | null {
  const plain = text.normalize('NFKC')
  if (!NUMBER.test(plain)) return null
  const compact = plain.replace(/[^\p{Nd}+]/gu, '')
  const dialled = compact.replaceAll('+', '')
  const digits = dialled.replace(/^00(?=.)/, '')
  const isPrefixed = compact.startsWith('+') || digits.length < dialled.length
  return { digits, isInternational: isPrefixed || (digits.length >= INTERNATIONAL_DIGITS && !digits.startsWith('0')) }
}

/** The same function with a bounded memory: few numbers make most of the calls, and every call is read many times. */
function remembering(protect: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>()
  return text => {
    const found = known.get(text)
    if (found !== undefined) return found
    const made = protect(text)
    if (known.size >= MOST_REMEMBERED) known.clear()
    known.set(text, made)
    return made
  }
}
