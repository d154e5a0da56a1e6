/**
 * Finds what may be a telephone number in text of any kind. In doubt it is one: seven or more digits, whatever people put between them.
 * Only what is plainly something else is left alone: dates and times, decimals such as 0.650000, UUIDs and hexadecimal digests.
 */
import type { Protect } from './numbers.ts'

/** Stands where a dropped number stood in longer text, or as a name. */
export const DROPPED = '[dropped]'

const FEWEST_DIGITS = 7
const MOST_DIGITS = 15

const BETWEEN = String.raw`[\s\p{Pd}\p{Cf}()./+]{0,3}`
const YEAR = String.raw`(?:19|20)\d\d`
const MONTH_OR_DAY = String.raw`(?:0?[1-9]|[12]\d|3[01])`
const DAY = `(?:0000-00-00|${YEAR}(?<ymd>[-/.])${MONTH_OR_DAY}\\k<ymd>${MONTH_OR_DAY}|${MONTH_OR_DAY}(?<dmy>[-/.])${MONTH_OR_DAY}\\k<dmy>${YEAR})`
const TIME = String.raw`(?:(?:T|,? )\d{1,2}:[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?: ?(?:Z|UTC|GMT|[+-]\d\d:?[0-5]\d))?)?`
/** More digits behind it, and it is part of something longer. */
const NOTHING_MORE = `(?!${BETWEEN}\\p{Nd})`
const DATE = `${DAY}${TIME}${NOTHING_MORE}`
const DECIMAL = String.raw`\d{1,2}\.\d{1,6}${NOTHING_MORE}`
const HEX = String.raw`\b(?<hex>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32,64})\b`
const RUN = `\\+?\\(?\\p{Nd}(?:${BETWEEN}\\p{Nd}){${FEWEST_DIGITS - 1},}`

const PLAINLY_OTHER = `${DATE}|${DECIMAL}|${HEX}`
const TOKEN = new RegExp(`${PLAINLY_OTHER}|(?<run>${RUN})`, 'giu')
const RUNS = new RegExp(RUN, 'gu')
/** A random identifier has about half as many letters as digits; digits with hardly a letter are no identifier. */
const LEAST_LETTERS = 4

/** The text with every number in it protected; `null` when it was a number as a whole and nothing may be left of it. */
export function protectNumbers(text: string, protect: Protect): string | null {
  if (text.length < FEWEST_DIGITS) return text
  const inRun = (run: string) => protectRun(run, protect)
  const made = text.replace(TOKEN, (token, ...rest) => {
    const { run, hex } = rest.at(-1) as { readonly run?: string; readonly hex?: string }
    if (run !== undefined) return inRun(run)
    return hex !== undefined && hex.replace(/[^a-f]/gi, '').length < LEAST_LETTERS ? hex.replace(RUNS, inRun) : token
  })
  return made.trim() === DROPPED && text.trim() !== DROPPED ? null : made
}

/** Longer runs are several numbers in a row, parted where there is a blank; what cannot be parted is protected as a whole. */
function protectRun(run: string, protect: Protect): string {
  const numbers = digitsIn(run) <= MOST_DIGITS ? [run] : partsOf(run)
  return numbers.map(number => protect(number) ?? DROPPED).join(' ')
}

function partsOf(run: string): string[] {
  const parts: string[] = []
  for (const word of run.split(/\s+/)) {
    const last = parts.at(-1)
    const joined = `${last} ${word}`
    if (last === undefined || word.startsWith('+') || digitsIn(joined) > MOST_DIGITS) parts.push(word)
    else parts[parts.length - 1] = joined
  }
  return parts
}

function digitsIn(text: string): number {
  return text.replace(/\P{Nd}/gu, '').length
}
