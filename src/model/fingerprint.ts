/**
 * What `seen` remembers of a call instead of the call: 128 bits of its id, 64 bits of its content, and one digest byte for each group of
 * fields, so that an update can name what changed. A digest of 0 means that every field of the group was null: a group that falls to 0
 * has lost something it once had. Truncated SHA-256: ids of different calls do not meet by accident at any volume (2^-128 a pair), and an
 * update is missed with 2^-64. A changed group goes unnamed with 1/255; it is published all the same.
 */
import { hash } from 'node:crypto'
import type { CallLog, CallLogField } from './call-log.ts'

/** Fields that share one digest byte. Those that change after a call, and alone, have their own. At most 11 groups. */
export const DIGEST_GROUPS: readonly (readonly CallLogField[])[] = [
  ['status', 'disposition'],
  ['cost'],
  ['end_time'],
  ['answer_time'],
  ['duration_seconds'],
  ['billed_seconds'],
  ['has_recording', 'recording_ref'],
  ['hangup_cause', 'hangup_by', 'cost_unit'],
  ['from_number', 'to_number', 'bridge_number'],
  ['start_time', 'start_time_raw', 'unique_id', 'parent_call_id', 'service', 'direction'],
  ['location', 'operator', 'custom', 'notes', 'extra'],
]

/** Words 0-3 the id, 4-5 the content, 6-8 the digests of groups 0-10 as bytes, lowest first; the last byte is 0. */
export type Fingerprint = Uint32Array

export const ID_WORDS = 4
export const FINGERPRINT_WORDS = 9

/**
 * The fingerprint of a call. `ignored` fields count as not given: a change in them alone is no change.
 * Two calls get the same content words exactly when all other fields are equal.
 */
export function fingerprint(call: CallLog, ignored: ReadonlySet<string>): Fingerprint {
  const print = callIdPrint(call.call_id)
  const content = ignored.size === 0 ? call : without(call, ignored)
  writeHash(print, ID_WORDS, 2, contentText(content))
  writeDigests(print, content)
  return print
}

/** Finds what is remembered of a call by its id alone; the content is left open. */
export function callIdPrint(callId: string): Fingerprint {
  const print = new Uint32Array(FINGERPRINT_WORDS)
  writeHash(print, 0, ID_WORDS, `call\n${callId}`)
  return print
}

/** The groups of fields whose digests differ, each by the names of its fields; empty where a digest happens to agree. `before` are digest words alone. */
export function changedGroups(before: Uint32Array, print: Fingerprint): string[] {
  const changed = DIGEST_GROUPS.filter((_, group) => digestOf(before, 0, group) !== digestOf(print, 6, group))
  return changed.map(fields => fields.join('/'))
}

/** Every field of the content in fixed order, as JSON: unambiguous, and the fastest text the runtime makes. */
function contentText(call: CallLog): string {
  return JSON.stringify([
    call.status,
    call.disposition,
    call.cost === null ? null : String(call.cost),
    call.end_time,
    call.answer_time,
    call.duration_seconds,
    call.billed_seconds,
    call.has_recording,
    call.recording_ref,
    call.hangup_cause,
    call.hangup_by,
    call.from_number,
    call.to_number,
    call.bridge_number,
    call.start_time,
    rawStart(call),
    call.unique_id,
    call.parent_call_id,
    call.service,
    call.direction,
    call.cost_unit,
    call.location,
    call.operator,
    call.custom,
    call.notes,
    extraText(call.extra),
  ])
}

/** The groups of `DIGEST_GROUPS`, spelled out because this runs for every row ever read. */
function writeDigests(print: Fingerprint, call: CallLog): void {
  setDigest(print, 0, text(text(NONE, call.status), given(call.disposition)))
  setDigest(print, 1, call.cost === null ? NONE : text(NONE, String(call.cost)))
  setDigest(print, 2, number(NONE, call.end_time))
  setDigest(print, 3, number(NONE, call.answer_time))
  setDigest(print, 4, number(NONE, call.duration_seconds))
  setDigest(print, 5, number(NONE, call.billed_seconds))
  setDigest(print, 6, text(number(NONE, call.has_recording === null ? null : Number(call.has_recording)), call.recording_ref))
  setDigest(print, 7, text(text(text(NONE, call.hangup_cause), call.hangup_by), call.cost_unit))
  setDigest(print, 8, text(text(text(NONE, call.from_number), call.to_number), call.bridge_number))
  const start = text(number(NONE, call.start_time), rawStart(call))
  setDigest(print, 9, text(text(text(text(start, call.unique_id), call.parent_call_id), call.service), given(call.direction)))
  const rest = text(text(NONE, call.location), call.operator)
  setDigest(print, 10, text(text(text(rest, call.custom), call.notes), extraText(call.extra)))
}

/** The fingerprint of a row that could not become a call: by what it is recognised by, else by the row itself. */
export function badRowFingerprint(identity: string | null, json: string): Fingerprint {
  const print = new Uint32Array(FINGERPRINT_WORDS)
  writeHash(print, 0, ID_WORDS, `bad\n${identity ?? json}`)
  writeHash(print, ID_WORDS, 2, json)
  return print
}

/** Finds what is remembered of a bad row that has an id. */
export function badIdPrint(callId: string): Fingerprint {
  return badRowFingerprint(callId, '')
}

/** The 64 content bits as published in `content_hash`: 16 hex digits. */
export function contentHash(print: Fingerprint): string {
  const hex = (word: number | undefined) => (word ?? 0).toString(16).padStart(8, '0')
  return hex(print[4]) + hex(print[5])
}

/** Group digest out of three words; `offset` is where they start. */
export function digestOf(words: Uint32Array, offset: number, group: number): number {
  return ((words[offset + (group >>> 2)] ?? 0) >>> ((group & 3) * 8)) & 0xff
}

/** 0 stays 0; everything else becomes 1 to 255. */
function setDigest(print: Fingerprint, group: number, sum: number): void {
  if (sum === NONE) return
  const mixed = Math.imul(sum ^ (sum >>> 15), 0x2c1b3c6d)
  const word = 6 + (group >>> 2)
  print[word] = (print[word] ?? 0) | ((1 + (((mixed ^ (mixed >>> 13)) >>> 0) % 255)) << ((group & 3) * 8))
}

/** The sum of a group of which no field has a value. */
const NONE = 0
const BASIS = 0x811c9dc5
const PRIME = 0x01000193

/** FNV-1a, continued over UTF-16 code units. A field without a value moves the sum too once another had one, so that values cannot trade places. */
function text(sum: number, value: string | null): number {
  if (value === null) return sum === NONE ? NONE : Math.imul(sum ^ 0xff, PRIME)
  let next = sum ^ BASIS
  for (let index = 0; index < value.length; index += 1) next = Math.imul(next ^ value.charCodeAt(index), PRIME)
  return Math.imul(next ^ value.length, PRIME) | 1
}

function number(sum: number, value: number | null): number {
  if (value === null) return sum === NONE ? NONE : Math.imul(sum ^ 0xff, PRIME)
  const low = Math.imul(sum ^ BASIS ^ (value | 0), PRIME)
  return Math.imul(low ^ Math.floor(value / 0x1_0000_0000), PRIME) | 1
}

/** Another spelling of the same instant is no change. */
function rawStart({ start_time, start_time_raw }: CallLog): string | null {
  return start_time === null ? start_time_raw : null
}

/** Derived texts say UNKNOWN where nothing was given. */
function given(value: string): string | null {
  return value === 'UNKNOWN' ? null : value
}

/** Independent of the order in which the API names them. */
function extraText(extra: CallLog['extra']): string | null {
  const names = Object.keys(extra)
  return names.length === 0 ? null : JSON.stringify(names.sort().map(name => [name, extra[name]]))
}

/** What an ignored field is replaced with; a derived text falls back to its default. */
function without(call: CallLog, ignored: ReadonlySet<string>): CallLog {
  const entries = Object.entries(call).map(([field, value]) => {
    if (!ignored.has(field)) return [field, value]
    if (field === 'extra') return [field, {}]
    return [field, field === 'direction' || field === 'disposition' ? 'UNKNOWN' : null]
  })
  return Object.fromEntries(entries)
}

/** Latin-1 text is the cheapest way to get a digest's bytes out of the runtime. */
function writeHash(print: Fingerprint, at: number, words: number, of: string): void {
  const bytes = hash('sha256', of, 'binary')
  for (let word = 0; word < words; word += 1) {
    const from = word * 4
    print[at + word] =
      bytes.charCodeAt(from) |
      (bytes.charCodeAt(from + 1) << 8) |
      (bytes.charCodeAt(from + 2) << 16) |
      (bytes.charCodeAt(from + 3) << 24)
  }
}
