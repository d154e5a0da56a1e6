/**
 * JSON values as bounded text: nested values for `extra`, whole rows for dead letters. Keys are sorted, so that a server that shuffles
 * them does not make a new version of a call. What is too large becomes a marker that still changes when the value does; what is too
 * deep a bare one, because nothing may be published of it that no rule has seen.
 */
import { createHash, hash } from 'node:crypto'

/** What becomes of a value nested too deeply for the stack. */
export const TOO_DEEP = '{"truncated":true}'
/** Characters; one call for each token would take seconds. */
const HASHED_AT_ONCE = 65_536

/**
 * Canonical JSON of at most `maxBytes` bytes of UTF-8, else `{"truncated":true,…}`. Never throws for a parsed JSON value. `made` says what is
 * published instead of the value; it may recurse, and the marker, too, is made of its result.
 */
export function boundedJson(value: unknown, maxBytes: number, made: (value: unknown) => unknown = asItIs): string {
  const text = jsonOf(value, made)
  if (text === null) return TOO_DEEP
  const bytes = Buffer.byteLength(text)
  return bytes <= maxBytes ? text : JSON.stringify({ truncated: true, bytes, sha256: hash('sha256', text) })
}

/** `null` when the value is nested too deeply for the stack. */
function jsonOf(value: unknown, made: (value: unknown) => unknown): string | null {
  try {
    return JSON.stringify(made(value), sorted) ?? 'null'
  } catch {
    return null
  }
}

function sorted(_key: string, value: unknown): unknown {
  return typeof value !== 'object' || value === null || Array.isArray(value) ? value : Object.fromEntries(sortedEntries(value))
}

export function sortedEntries(value: object): [string, unknown][] {
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
}

function asItIs(value: unknown): unknown {
  return value
}

/** The hash of a value of any depth, never to be published: a walk without recursion, in which every list and object states its length. */
export function deepHash(value: unknown): string {
  const digest = createHash('sha256')
  const waiting: unknown[] = [value]
  let text = ''
  while (waiting.length > 0) {
    const next = waiting.pop()
    const isNested = typeof next === 'object' && next !== null
    const parts = !isNested ? [] : Array.isArray(next) ? next : sortedEntries(next).flat()
    for (let at = parts.length - 1; at >= 0; at -= 1) waiting.push(parts[at])
    text += isNested ? `${Array.isArray(next) ? '[' : '{'}${parts.length},` : `${JSON.stringify(next)},`
    if (text.length < HASHED_AT_ONCE) continue
    digest.update(text)
    text = ''
  }
  return digest.update(text).digest('hex')
}
