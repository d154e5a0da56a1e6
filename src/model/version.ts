/** What one published version of a call says: the content, what became of it since the version before, and when it was observed. */
import type { CallLog, CallLogEvent, CallLogField } from './call-log.ts'
import { contentHash, DIGEST_GROUPS, digestOf, type Fingerprint } from './fingerprint.ts'
import type { SeenEntry, SiftContext } from './sift.ts'
import { HOUR_MS } from './window.ts'

/** An unanswered call may lack an end; after this long a call is taken as final anyway. */
const FINAL_AFTER_MS = 6 * HOUR_MS

/**
 * Which fields changed, from the group digests. In a group of several the given ones are named: a derived or companion field may be named
 * along with the one that changed, none that changed is left out but with 1/255. Digests made under other rules are compared all the same:
 * then every field is named that the record shows otherwise, and those that only became (or ceased to be) `ignoreChangesIn`.
 */
export function compare(call: CallLog, print: Fingerprint, entry: SeenEntry): { changed: string[]; regressed: boolean } {
  const changed: string[] = []
  let regressed = false
  DIGEST_GROUPS.forEach((fields, group) => {
    const [before, after] = [digestOf(entry.digests, 0, group), digestOf(print, 6, group)]
    if (before === after) return
    // A field whose changes are ignored has no digest, and may be given all the same.
    regressed ||= after === 0 && !fields.some(field => isGiven(call, field))
    const given = fields.filter(field => call[field] !== null && !(field === 'extra' && Object.keys(call.extra).length === 0))
    changed.push(...(after === 0 || given.length === 0 ? fields : given))
  })
  return { changed, regressed }
}

function isGiven(call: CallLog, field: CallLogField): boolean {
  const value = call[field]
  return value !== null && value !== 'UNKNOWN' && !(field === 'extra' && Object.keys(call.extra).length === 0)
}

export interface Version {
  readonly change: 'CREATED' | 'UPDATED'
  readonly revision: number
  readonly firstSeenMs: number
  readonly changed: readonly string[]
  readonly regressed: boolean
}

export function eventOf(call: CallLog, print: Fingerprint, context: SiftContext, version: Version): CallLogEvent {
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
