/**
 * JSON values as bounded text: nested values for `extra`, whole rows for dead letters. Keys are sorted, so that a server that shuffles
 * them does not make a new version of a call. What is too large or too deep becomes a marker that still changes when the value does.
 */
import { hash } from 'node:crypto'

/**
 * Canonical JSON of at most `maxBytes` bytes of UTF-8, else `{"truncated":true,…}`. Never throws for a parsed JSON value. `made` says what is
 * published instead of the value; it may recurse, and the marker, too, is made of its result.
 */
export function boundedJson(value: unknown, maxBytes: number, made: (value: unknown) => unknown = asItIs): string {
  const text = jsonOf(value, made)
  if (text === null) return '{"truncated":true}'
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
