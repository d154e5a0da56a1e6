/**
 * Sift: what of the rows just read is news. Every call seen before with the same content is dropped, a new call becomes CREATED, a changed
 * one UPDATED with the next revision. `seen` is changed at once, because the next chunk is sifted while this one is being committed; when
 * a commit fails the whole state is dropped and recalled, so nothing here is ever undone.
 */
import type { BadRow, CallLog, CallLogEvent } from './call-log.ts'
import type { Coverage } from './coverage.ts'
import { contentHash, DIGEST_GROUPS, digestOf, type Fingerprint } from './fingerprint.ts'
import { HOUR_MS, type Window } from './window.ts'

/** What is remembered of one call. `slot` is where, for rewriting it. */
export interface SeenEntry {
  readonly slot: number
  readonly sameContent: boolean
  /** The words of the digest groups as last published. */
  readonly digests: Uint32Array
  /** The content before the last change, as far as one byte tells. */
  readonly previousContentByte: number
  readonly revision: number
  readonly firstSeenMs: number
  /** Whole days since this entry was last written to the ledger. */
  readonly ageDays: number
  readonly rules: number
}

/** The memory of every call of an account within retention. */
export interface SeenIndex {
  readonly size: number
  find(print: Fingerprint, nowMs: number): SeenEntry | null
  /** Adds a call never seen. Throws `LEDGER_FULL` at the bound, never evicts. */
  add(print: Fingerprint, firstSeenMs: number, rules: number): StoredEntry
  /** Remembers the call's newest content, revision and rules, and that it was written now. */
  rewrite(slot: number, print: Fingerprint, revision: number, rules: number, nowMs: number): StoredEntry
}

/** A copy of an entry as it must reach the ledger: in the same transaction as the record that made it so, never before, never after. */
export type StoredEntry = Uint32Array

/** An entry this old is written again when its call is met again, so that it cannot expire (9 days) while the API still shows it. */
export const REFRESH_AFTER_DAYS = 7

/** An unanswered call may lack an end; after this long a call is taken as final anyway. */
const FINAL_AFTER_MS = 6 * HOUR_MS

export interface Sighting {
  readonly call: CallLog
  readonly print: Fingerprint
}

export interface BadSighting {
  readonly bad: BadRow
  readonly print: Fingerprint
}

export interface SiftContext {
  readonly account: string
  /** Index of the rules in force, in the ledger's table of rules. */
  readonly rules: number
  readonly observedAtMs: number
  readonly window: Window
  readonly readBy: string
  /** As they were before this window was read; without them nothing counts as late. */
  readonly books?: Coverage
}

/** What to remember, together with what to publish for it; a re-based or refreshed entry publishes nothing. */
export interface News {
  readonly entry: StoredEntry
  readonly event?: CallLogEvent
  readonly deadLetter?: BadSighting
}

export interface Sifted {
  readonly context: SiftContext
  readonly rows: number
  /** In the order read. */
  readonly news: News[]
  repeats: number
  rebased: number
  flips: number
}

/** Sorts sightings into news and repeats, in the order read. Throws what `SeenIndex.add` throws. */
export function sift(seen: SeenIndex, calls: readonly Sighting[], bad: readonly BadSighting[], context: SiftContext): Sifted {
  const found: Sifted = { context, rows: calls.length + bad.length, news: [], repeats: 0, rebased: 0, flips: 0 }
  for (const sighting of calls) siftCall(seen, sighting, context, found)
  for (const sighting of bad) siftBad(seen, sighting, context, found)
  return found
}

function siftCall(seen: SeenIndex, { call, print }: Sighting, context: SiftContext, found: Sifted): void {
  const { observedAtMs, rules } = context
  const known = seen.find(print, observedAtMs)
  if (known === null) {
    const entry = seen.add(print, observedAtMs, rules)
    const version: Version = { change: 'CREATED', revision: 1, firstSeenMs: observedAtMs, changed: [], regressed: false }
    found.news.push({ entry, event: eventOf(call, print, context, version) })
  } else if (known.rules !== rules) {
    found.news.push({ entry: seen.rewrite(known.slot, print, known.revision, rules, observedAtMs) })
    found.rebased += 1
  } else if (known.sameContent) {
    repeat(seen, known, print, context, found)
  } else {
    if (known.revision > 1 && known.previousContentByte === ((print[4] ?? 0) & 0xff)) found.flips += 1
    const version: Version = {
      change: 'UPDATED',
      revision: known.revision + 1,
      firstSeenMs: known.firstSeenMs,
      ...compare(call, print, known),
    }
    const entry = seen.rewrite(known.slot, print, version.revision, rules, observedAtMs)
    found.news.push({ entry, event: eventOf(call, print, context, version) })
  }
}

/** A bad row is published once; again only when the row itself has changed. Under new rules it was just tried again, and failed again: its entry is re-based. */
function siftBad(seen: SeenIndex, deadLetter: BadSighting, context: SiftContext, found: Sifted): void {
  const { print } = deadLetter
  const { observedAtMs, rules } = context
  const known = seen.find(print, observedAtMs)
  if (known === null) found.news.push({ entry: seen.add(print, observedAtMs, rules), deadLetter })
  else if (known.rules !== rules) {
    found.news.push({ entry: seen.rewrite(known.slot, print, known.revision, rules, observedAtMs) })
    found.rebased += 1
  } else if (known.sameContent) repeat(seen, known, print, context, found)
  else found.news.push({ entry: seen.rewrite(known.slot, print, known.revision + 1, rules, observedAtMs), deadLetter })
}

/** Nothing new; an old entry is written again so that it outlives the API's memory of the call. */
function repeat(seen: SeenIndex, known: SeenEntry, print: Fingerprint, context: SiftContext, found: Sifted): void {
  found.repeats += 1
  if (known.ageDays < REFRESH_AFTER_DAYS) return
  found.news.push({ entry: seen.rewrite(known.slot, print, known.revision, context.rules, context.observedAtMs) })
}

/**
 * Which fields changed, from the group digests. In a group of several the given ones are named: a derived or companion field may be named
 * along with the one that changed, none that changed is left out but with 1/255.
 */
function compare(call: CallLog, print: Fingerprint, entry: SeenEntry): { changed: string[]; regressed: boolean } {
  const changed: string[] = []
  let regressed = false
  DIGEST_GROUPS.forEach((fields, group) => {
    const [before, after] = [digestOf(entry.digests, 0, group), digestOf(print, 6, group)]
    if (before === after) return
    regressed ||= after === 0
    const given = fields.filter(field => call[field] !== null && !(field === 'extra' && Object.keys(call.extra).length === 0))
    changed.push(...(after === 0 || given.length === 0 ? fields : given))
  })
  return { changed, regressed }
}

interface Version {
  readonly change: 'CREATED' | 'UPDATED'
  readonly revision: number
  readonly firstSeenMs: number
  readonly changed: readonly string[]
  readonly regressed: boolean
}

function eventOf(call: CallLog, print: Fingerprint, context: SiftContext, version: Version): CallLogEvent {
  const observedAtMs = context.observedAtMs
  const eventTimeMs = call.start_time ?? call.end_time ?? version.firstSeenMs
  const ended = call.end_time !== null && call.status !== null && call.disposition !== 'UNKNOWN'
  // Spelled out: one literal is a third of the memory of a spread, and every event gets the same shape.
  return {
    call_id: call.call_id,
    unique_id: call.unique_id,
    parent_call_id: call.parent_call_id,
    service: call.service,
    direction: call.direction,
    from_number: call.from_number,
    to_number: call.to_number,
    bridge_number: call.bridge_number,
    start_time: call.start_time,
    start_time_raw: call.start_time_raw,
    answer_time: call.answer_time,
    end_time: call.end_time,
    duration_seconds: call.duration_seconds,
    billed_seconds: call.billed_seconds,
    status: call.status,
    disposition: call.disposition,
    hangup_cause: call.hangup_cause,
    hangup_by: call.hangup_by,
    cost: call.cost,
    cost_unit: call.cost_unit,
    location: call.location,
    operator: call.operator,
    has_recording: call.has_recording,
    recording_ref: call.recording_ref,
    custom: call.custom,
    notes: call.notes,
    extra: call.extra,
    account: context.account,
    event_time: eventTimeMs,
    // What became of the numbers is said by whoever packs the event: it is the same for all calls of an account.
    number_protection: 'UNKNOWN',
    hmac_key_id: null,
    change_type: version.change,
    revision: version.revision,
    changed_fields: version.changed,
    is_final: ended || observedAtMs - eventTimeMs > FINAL_AFTER_MS,
    regressed: version.regressed,
    content_hash: contentHash(print),
    first_seen_at: version.firstSeenMs,
    observed_at: observedAtMs,
    read_from: context.window.fromMs,
    read_to: context.window.untilMs,
    read_by: context.readBy,
  }
}
