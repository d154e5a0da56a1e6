/**
 * The privacy rules, applied to everything that leaves a row: the three numbers, `extra`, free text and the rows of dead letters. A number
 * field follows its own rule. Everywhere else nobody knows whose number it is, so what looks like a number follows the strictest rule in
 * force, and nothing is touched when all are plain. Fields that are published on request only are withheld at any depth.
 */
import { ALL_PLAIN, type NumberRules, strictestOf } from '../model/number-protection.ts'
import { SLOT, type Target } from './aliases.ts'
import { boundedJson, sortedEntries } from './json-text.ts'
import { parseLossless } from './lossless-json.ts'
import { DROPPED, protectNumbers } from './number-finder.ts'
import { type Protect, protector } from './numbers.ts'
import { recordingRef } from './recording.ts'

export interface PrivacyOptions {
  readonly lookup: (key: string) => Target | null
  /** Of recording_ref, location, operator, notes, custom. */
  readonly optIn: readonly string[]
  /** All plain unless given. */
  readonly rules?: NumberRules | undefined
  /** Needed where a rule is hmac. */
  readonly hmacKey?: string | undefined
}

type Scalar = string | number | boolean
/** What may be published of a single value that stands under `key`; `null` for nothing. */
type Leaf = (value: Scalar, key: string) => Scalar | null

export interface Privacy {
  /** For the value of a number field; `null` when it is published as it is. */
  readonly from: Protect | null
  readonly to: Protect | null
  readonly bridge: Protect | null
  /** For any other text; `null` when every number is plain. */
  readonly text: Protect | null
  /** A single value on its way to `extra`, as text; `null` when it must not be kept. */
  kept(key: string, value: Scalar): string | null
  /** A key on its way to `extra`. */
  name(key: string): string
  /** A nested value that stands under `key`. Throws a `RangeError` when it is nested too deeply for the stack. */
  nested(key: string, value: unknown): unknown
  /** A whole row on its way to the dead letters: its own ids stay. Throws like `nested`. */
  row(row: unknown): unknown
}

const OPTIONAL: Readonly<Record<number, string>> = {
  [SLOT.recording]: 'recording_ref',
  [SLOT.location]: 'location',
  [SLOT.operator]: 'operator',
  [SLOT.notes]: 'notes',
  [SLOT.custom]: 'custom',
}
const IDS: ReadonlySet<number> = new Set([SLOT.call_id, SLOT.unique_id, SLOT.parent_call_id])

/** A smaller number has too few digits to be one. */
const SMALLEST_NUMBER = 1_000_000
/** As a word of a key: `date` is one of `call_date`, none of `candidate` or `updated_by`. */
const TIME_WORD = /^(?:date|at|stamp|epoch)$|time(?:stamp)?$/
const EPOCH = /^(?:1[4-9]|2[0-2])\d{8}(?:\d{3})?(?:\.\d{1,9})?$/

const asItIs: Leaf = value => value

export function createPrivacy({ lookup, optIn, rules = ALL_PLAIN, hmacKey }: PrivacyOptions): Privacy {
  const strictest = protector(strictestOf(rules), hmacKey)
  const text = strictest === null ? null : (value: string) => protectNumbers(value, strictest)
  const from = protector(rules.from_number, hmacKey)
  const to = protector(rules.to_number, hmacKey)
  const bridge = protector(rules.bridge_number, hmacKey)
  const numbers: Readonly<Record<number, Leaf>> = {
    [SLOT.from_number]: byRule(from),
    [SLOT.to_number]: byRule(to),
    [SLOT.bridge_number]: byRule(bridge),
  }

  const elsewhere: Leaf = (value, key) => {
    if (typeof value === 'string' && mayBeJson(value)) return jsonText(value, key)
    if (text === null || typeof value === 'boolean' || isTime(key, value)) return value
    if (typeof value === 'string') return text(value)
    return Math.abs(value) < SMALLEST_NUMBER ? value : text(String(value))
  }

  /** JSON inside a text hides keys and digits from everybody who does not parse it. It stays as it was written unless a rule applies. */
  function jsonText(value: string, key: string): string | null {
    const parsed = parseLossless(value)
    if (typeof parsed !== 'object' || parsed === null) return text === null ? value : text(value)
    const made = boundedJson(parsed, Number.POSITIVE_INFINITY, inner => walk(inner, elsewhere, key))
    return made === boundedJson(parsed, Number.POSITIVE_INFINITY) ? value : made
  }

  function walk(value: unknown, leaf: Leaf, key: string): unknown {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return leaf(value, key)
    if (Array.isArray(value)) return value.map(item => walk(item, leaf, key))
    return typeof value === 'object' && value !== null ? members(value, leaf, false) : value
  }

  function members(group: object, leaf: Leaf, isRow: boolean): object {
    const kept: [string, unknown][] = []
    // Names may become equal: which of their values stays must not depend on the order in which the API sends them.
    for (const [key, value] of sortedEntries(group)) {
      const slot = lookup(key)?.slot ?? -1
      const optional = OPTIONAL[slot]
      if (optional !== undefined && !optIn.includes(optional)) continue
      if (isRow && IDS.has(slot) && typeof value !== 'object') kept.push([key, value])
      else kept.push([name(key), walk(slot === SLOT.recording ? unsigned(value) : value, numbers[slot] ?? leaf, key)])
    }
    return Object.fromEntries(kept)
  }

  function name(key: string): string {
    return text === null ? key : (text(key) ?? DROPPED)
  }

  const leafOf = (key: string): Leaf => numbers[lookup(key)?.slot ?? -1] ?? elsewhere

  return {
    from,
    to,
    bridge,
    text,
    kept(key, value) {
      // Most rows of most accounts go this way.
      if (text === null && !(typeof value === 'string' && mayBeJson(value))) return String(value)
      const made = leafOf(key)(value, key)
      return made === null ? null : String(made)
    },
    name,
    nested: (key, value) => walk(value, leafOf(key), key),
    row: row =>
      typeof row === 'object' && row !== null && !Array.isArray(row) ? members(row, elsewhere, true) : walk(row, elsewhere, ''),
  }
}

/** Whether a text begins like a group or a list. */
function mayBeJson(text: string): boolean {
  const first = text.charCodeAt(0)
  return first === 123 || first === 91 || (first <= 32 && /^\s*[[{]/.test(text))
}

/** Everything under the key of a number is that number, short ones and words as well. */
function byRule(protect: Protect | null): Leaf {
  return protect === null ? asItIs : value => protect(String(value))
}

function unsigned(value: unknown): unknown {
  return typeof value === 'string' ? recordingRef(value) : value
}

/** Both the key and the value must say so: a time of 2014 to 2042 in seconds or milliseconds is otherwise like a number of ten or thirteen digits. */
function isTime(key: string, value: string | number): boolean {
  return EPOCH.test(String(value)) && wordsOf(key).some(word => TIME_WORD.test(word))
}

/** `startTime`, `start_time` and `start-time` are the same two words. */
function wordsOf(key: string): string[] {
  return key
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/)
}
