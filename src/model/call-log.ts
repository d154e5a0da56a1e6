/**
 * The record we publish (`schemas/call-log.avsc`), in two parts. `CallLog` is the business content: what the API said about the call,
 * normalised. `Observation` is what we know about the sighting. Only the content decides whether a call changed; field names are
 * those of the Avro schema, so that a record needs no translation on its way out.
 */

/** Business content. `null` means "not given"; instants are epoch milliseconds UTC. */
export interface CallLog {
  /** Opaque text; never parsed, never trimmed of its suffix. */
  readonly call_id: string
  readonly unique_id: string | null
  readonly parent_call_id: string | null
  readonly service: string | null
  /** INBOUND, OUTBOUND, FORWARD or UNKNOWN. */
  readonly direction: string
  readonly from_number: string | null
  readonly to_number: string | null
  readonly bridge_number: string | null
  readonly start_time: number | null
  /** The start as received, so that nothing is guessed and nothing is lost; content only where it could not be read. */
  readonly start_time_raw: string | null
  readonly answer_time: number | null
  readonly end_time: number | null
  readonly duration_seconds: number | null
  readonly billed_seconds: number | null
  /** Verbatim: the list of statuses is open. */
  readonly status: string | null
  /** Derived from `status`: ANSWERED, NO_ANSWER, BUSY, FAILED, CANCELLED, REJECTED, BLOCKED, IVR_ONLY, MISSED_CALL or UNKNOWN. */
  readonly disposition: string
  readonly hangup_cause: string | null
  readonly hangup_by: string | null
  /** Exact decimal as an unscaled integer with scale 6: 1.25 credits are 1_250_000n. */
  readonly cost: bigint | null
  readonly cost_unit: string | null
  readonly location: string | null
  readonly operator: string | null
  readonly has_recording: boolean | null
  readonly recording_ref: string | null
  readonly custom: string | null
  readonly notes: string | null
  /** Unlisted scalars under their own names; nested values as JSON text. */
  readonly extra: Readonly<Record<string, string>>
}

/** A field of the business content that can change after the call. */
export type CallLogField = Exclude<keyof CallLog, 'call_id'>

/** A whole record as published: the content plus what we know about this sighting of it. */
export interface CallLogEvent extends CallLog {
  readonly account: string
  /** Start, else end, else first seen; never null, so that stream processors can window on it. */
  readonly event_time: number
  readonly number_protection: string
  readonly hmac_key_id: string | null
  readonly change_type: 'CREATED' | 'UPDATED'
  /** From 1, one more for each published change. */
  readonly revision: number
  /** Every field that changed since the last revision; fields of one digest group may be named together (`model/fingerprint.ts`). */
  readonly changed_fields: readonly string[]
  readonly is_final: boolean
  /** True when a field that was given before is no longer given. */
  readonly regressed: boolean
  readonly content_hash: string
  readonly first_seen_at: number
  readonly observed_at: number
  readonly read_from: number
  readonly read_to: number
  readonly read_by: string
}

/** Why a row could not become a `CallLog`. */
export type BadRowReason = 'not_an_object' | 'no_call_id' | 'naive_time' | 'too_large' | 'unencodable'

/** A row that is published as a dead letter instead of an event. */
export interface BadRow {
  readonly reason: BadRowReason
  /** One sentence for people: what is wrong and what to do. Never the value itself. */
  readonly detail: string
  /** Where in the row, `start_time`; empty for the row as a whole. */
  readonly path: string
  /** The row as JSON text after the privacy rules, at most 256 KB. */
  readonly json: string
  /** The call's id when the row has one. */
  readonly callId: string | null
  /** What a row without an id is recognised by, whatever the record settings; it cannot be turned back into the row. */
  readonly identity?: string
}

/** What became of one row of the API. */
export type Row = { readonly call: CallLog; readonly bad?: never } | { readonly bad: BadRow; readonly call?: never }
