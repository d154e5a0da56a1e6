/**
 * From a row of the API to a call log: aliases, numbers as text, exact money, instants, coarse disposition and direction. A row is never
 * guessed at: what cannot be read exactly stays null and its text is kept; a row without an id, or with times nobody can place, is bad.
 * No value of any field makes it throw. Runs once per row, so a row costs one call log and its `extra`, nothing else.
 */
import type { CallLog, Row } from '../model/call-log.ts'
import type { NumberRules } from '../model/number-protection.ts'
import { DAY_MS } from '../model/window.ts'
import type { Happening } from '../ports.ts'
import { bare, createAliasLookup, SLOT } from './aliases.ts'
import { readMoney, readSeconds } from './amounts.ts'
import { createBadRows, MAX_ROW_BYTES } from './bad-rows.ts'
import { Draft, type Given } from './draft.ts'
import { createInstantReader, NAIVE, NOT_GIVEN } from './instants.ts'
import type { Protect } from './numbers.ts'
import { createPrivacy } from './privacy.ts'
import { hasRecording, recordingRef } from './recording.ts'
import { createDirectionReader, createDispositionReader } from './statuses.ts'

export interface NormaliserOptions {
  /** IANA name for times without an offset. */
  readonly timeZone: string | undefined
  /** Of recording_ref, location, operator, notes, custom. */
  readonly optIn: readonly string[]
  /** What becomes of each number; all are plain unless given. */
  readonly privacy?: NumberRules | undefined
  /** Needed where a rule is hmac. */
  readonly hmacKey?: string | undefined
  /** A secret that never changes: rows without an id are recognised by an HMAC under it, so that nobody finds a number by trying. */
  readonly identityKey?: string | undefined
  /** Told of unknown statuses, fields and times, at most once a page each. */
  readonly note: (happening: Happening) => void
}

/** Raised whenever the same row would give another call log; part of the rules fingerprint, so that seen calls are re-based, not re-published. */
export const NORMALISER_VERSION = 2

/** Where numbers are protected, nothing else may hold seven digits: no call lasts eleven days or costs a million. */
const NUMBER_SIZED = 1_000_000
const NUMBER_SIZED_COST = 1_000_000_000_000n
/** So many last digits tell whose number it is. */
const TELLING_DIGITS = 7
/** A call id is a Kafka key; the longest seen has 38 characters. */
const LONGEST_ID = 1_024

/** A normaliser with its own memory of spellings, for all pages of one account. Throws `SETTINGS_INVALID` for an unknown time zone. */
export function createNormaliser(options: NormaliserOptions): (rows: readonly unknown[]) => Row[] {
  const { timeZone, optIn, note } = options
  const lookup = createAliasLookup()
  const privacy = createPrivacy({ lookup, optIn, rules: options.privacy, hmacKey: options.hmacKey })
  const draft = new Draft(lookup, privacy)
  const identifying = createPrivacy({ lookup, optIn: [] }).row
  const bad = createBadRows({ published: privacy.row, identifying, identityKey: options.identityKey ?? '' })
  const instantOf = createInstantReader(timeZone)
  const dispositionOf = createDispositionReader()
  const directionOf = createDirectionReader()
  const wants = {
    recording: optIn.includes('recording_ref'),
    location: optIn.includes('location'),
    operator: optIn.includes('operator'),
  }
  const wantsCustom = optIn.includes('custom')
  const wantsNotes = optIn.includes('notes')
  const unknown = { status: 0, field: 0, time: 0 }
  const protectedSlots = [
    ...(privacy.from === null ? [] : [SLOT.from_number]),
    ...(privacy.to === null ? [] : [SLOT.to_number]),
    ...(privacy.bridge === null ? [] : [SLOT.bridge_number]),
  ]

  /** Half a surrogate pair would become bytes that strict decoders refuse, so texts are made well-formed. */
  function text(slot: number): string | null {
    const given = draft.value(slot)
    if (given === undefined) return null
    if (typeof given === 'string') return given.toWellFormed()
    return typeof given === 'object' || isInexact(given) ? draft.keepUnread(draft.key(slot), given) : String(given)
  }

  /** A text that should hold no number, and may. */
  function words(slot: number): string | null {
    return protect(text(slot), privacy.text)
  }

  /** For what may be nested, as it was received. */
  function verbatim(slot: number): string | null {
    const given = draft.value(slot)
    if (given === undefined) return null
    return (typeof given === 'object' ? given.json : String(given)).toWellFormed()
  }

  function freeText(slot: number): string | null {
    // Within nested values the rules were applied before they became text.
    return typeof draft.value(slot) === 'object' ? verbatim(slot) : protect(verbatim(slot), privacy.text)
  }

  function seconds(slot: number): number | null {
    const given = draft.value(slot)
    if (given === undefined) return null
    const read = readSeconds(given)
    return read === null || (privacy.text !== null && read >= NUMBER_SIZED) ? draft.keepUnread(draft.key(slot), given) : read
  }

  function money(): bigint | null {
    const given = draft.value(SLOT.cost)
    if (given === undefined) return null
    const read = readMoney(given)
    const isNumber = privacy.text !== null && read !== null && (read >= NUMBER_SIZED_COST || read <= -NUMBER_SIZED_COST)
    return read === null || isNumber ? draft.keepUnread(draft.key(SLOT.cost), given) : read
  }

  /** The link or id of a recording, whole or not at all: with a part replaced it leads nowhere. */
  function recordingOf(given: Given | undefined): string | null {
    if (!wants.recording || given === undefined || !hasRecording(given)) return null
    const ref = recordingRef(given)?.toWellFormed() ?? null
    return ref === null || holdsNumber(ref) ? null : ref
  }

  /** Whether a text holds a number of this call that must not be published. */
  function holdsNumber(ref: string): boolean {
    const digits = ref.replace(/\D/g, '')
    return protectedSlots.some(slot => {
      const number = String(draft.value(slot) ?? '').replace(/\D/g, '')
      return number.length >= TELLING_DIGITS && digits.includes(number.slice(-TELLING_DIGITS))
    })
  }

  /** An instant, or null with the text kept under `rawKey`; `NAIVE` when nobody can place it. */
  function instant(slot: number, rawKey: string | null): number | null {
    const given = draft.value(slot)
    if (given === undefined) return null
    const instantMs = instantOf(given)
    // Within a day of 1970 lies a zero that somebody wrote out as a date, in whatever zone.
    if (Number.isFinite(instantMs)) return Math.abs(instantMs) < DAY_MS ? null : instantMs
    if (instantMs === NAIVE) return NAIVE
    if (instantMs === NOT_GIVEN) return null
    unknown.time += 1
    if (rawKey !== null) draft.keep(rawKey, given)
    return null
  }

  function direction(service: string | null): string {
    const given = text(SLOT.direction)
    const said = given === null ? 'UNKNOWN' : directionOf(given)
    if (given !== null && said === 'UNKNOWN') draft.keepUnread(draft.key(SLOT.direction), given)
    return said === 'UNKNOWN' && service !== null ? directionOf(service) : said
  }

  function costUnit(cost: bigint | null): string | null {
    const unit = words(SLOT.cost_unit)
    if (unit !== null || cost === null) return unit
    const key = bare(draft.key(SLOT.cost))
    return key === 'credits' || key === 'credit' ? 'credits' : null
  }

  function normalise(raw: unknown): Row {
    if (!isObject(raw)) return bad(raw, 'not_an_object', 'The row is no JSON object; report it to the vendor.', '', null)
    draft.load(raw)
    const id = draft.value(SLOT.call_id)
    const callId = idOf(id)
    if (callId === null) return bad(raw, 'no_call_id', NO_ID, id === undefined ? '' : draft.key(SLOT.call_id), null)
    if (draft.chars > MAX_ROW_BYTES) return bad(raw, 'too_large', 'The row has more than 262144 characters.', '', callId)
    // Bytes that were no UTF-8 are U+FFFD by now: such ids are equal to others that they are not, so they identify nothing.
    if (!callId.isWellFormed() || callId.includes('\ufffd'))
      return bad(raw, 'unencodable', 'The call id is no valid Unicode text.', draft.key(SLOT.call_id), null)

    const start = instant(SLOT.start_time, null)
    const answer = instant(SLOT.answer_time, 'answer_time_raw')
    const end = instant(SLOT.end_time, 'end_time_raw')
    if (start === NAIVE || answer === NAIVE || end === NAIVE) {
      const slot = start === NAIVE ? SLOT.start_time : answer === NAIVE ? SLOT.answer_time : SLOT.end_time
      return bad(raw, 'naive_time', 'The time has no offset; set timeZone for this account.', draft.key(slot), callId)
    }
    const service = words(SLOT.service)
    const status = words(SLOT.status)
    const disposition = status === null ? 'UNKNOWN' : dispositionOf(status)
    if (status !== null && disposition === 'UNKNOWN') unknown.status += 1
    const cost = money()
    const recording = draft.value(SLOT.recording)

    const call: CallLog = {
      call_id: callId,
      unique_id: text(SLOT.unique_id),
      parent_call_id: text(SLOT.parent_call_id),
      service,
      direction: direction(service),
      from_number: protect(text(SLOT.from_number), privacy.from),
      to_number: protect(text(SLOT.to_number), privacy.to),
      bridge_number: protect(text(SLOT.bridge_number), privacy.bridge),
      start_time: start,
      start_time_raw: start === null ? freeText(SLOT.start_time) : verbatim(SLOT.start_time),
      answer_time: answer,
      end_time: end,
      duration_seconds: seconds(SLOT.duration_seconds),
      billed_seconds: seconds(SLOT.billed_seconds),
      status,
      disposition,
      hangup_cause: words(SLOT.hangup_cause),
      hangup_by: words(SLOT.hangup_by),
      cost,
      cost_unit: costUnit(cost),
      location: wants.location ? freeText(SLOT.location) : null,
      operator: wants.operator ? freeText(SLOT.operator) : null,
      has_recording: recording === undefined ? null : hasRecording(recording),
      recording_ref: recordingOf(recording),
      custom: wantsCustom ? freeText(SLOT.custom) : null,
      notes: wantsNotes ? freeText(SLOT.notes) : null,
      extra: draft.extra,
    }
    unknown.field += draft.unknowns
    return { call }
  }

  return rows => {
    const normalised = rows.map(normalise)
    for (const kind of ['status', 'field', 'time'] as const) {
      if (unknown[kind] > 0) note({ kind: 'unknown.value', of: kind, count: unknown[kind] })
      unknown[kind] = 0
    }
    return normalised
  }
}

const NO_ID =
  'The row has no readable call id (text, or a whole number below 2^53 that is not 0), so it has no key; report it to the vendor.'

/** A 0 is how an absent id looks; calls that share it would overwrite each other. */
function idOf(given: unknown): string | null {
  if (typeof given === 'number') return Number.isSafeInteger(given) && given !== 0 ? String(given) : null
  return typeof given === 'string' && given.length <= LONGEST_ID && given !== '0' ? given : null
}

/** A number that has lost digits, or is none. */
function isInexact(given: number | boolean): boolean {
  return typeof given === 'number' && (!Number.isFinite(given) || (Number.isInteger(given) && !Number.isSafeInteger(given)))
}

function protect(text: string | null, by: Protect | null): string | null {
  return text === null || by === null ? text : by(text)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
