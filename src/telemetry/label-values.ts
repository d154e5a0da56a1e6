/**
 * The closed sets behind metric labels. Each is tied to its union by a `Record`, so that a new member does not compile until it is listed
 * here, and with it starts at 0 on every dashboard.
 */
import type { BadRowReason, CallLogField } from '../model/call-log.ts'
import type { Happening, RequestOutcome, RereadReason, TaskState, UnknownKind } from '../ports.ts'

type ReopenReason = Extract<Happening, { kind: 'producer.reopened' }>['reason']
type CommitResult = 'committed' | Extract<Happening, { kind: 'commit.failed' }>['result']

function members<Member extends string>(set: Readonly<Record<Member, true>>): readonly string[] {
  return Object.keys(set)
}

export const OUTCOMES = members<RequestOutcome>({
  ok: true,
  throttled: true,
  unauthorized: true,
  rejected: true,
  unavailable: true,
  malformed: true,
  too_large: true,
  redirected: true,
  clock_skew: true,
  probe: true,
  aborted: true,
})
export const REREAD_REASONS = members<RereadReason>({ total_mismatch: true, moved: true, conflicting_rows: true, no_total: true })
export const UNKNOWN_KINDS = members<UnknownKind>({ status: true, field: true, time: true })
export const TASK_STATES = members<TaskState>({ running: true, standby: true, paused: true, failed: true, recalling: true })
export const REOPEN_REASONS = members<ReopenReason>({ start: true, unknown: true, fenced: true, assigned: true })
export const TRANSACTION_RESULTS = members<CommitResult>({ committed: true, unknown: true, fenced: true })
export const DEAD_LETTER_REASONS = members<BadRowReason>({
  not_an_object: true,
  no_call_id: true,
  naive_time: true,
  too_large: true,
  unencodable: true,
})
export const FIELDS = members<CallLogField>({
  unique_id: true,
  parent_call_id: true,
  service: true,
  direction: true,
  from_number: true,
  to_number: true,
  bridge_number: true,
  start_time: true,
  start_time_raw: true,
  answer_time: true,
  end_time: true,
  duration_seconds: true,
  billed_seconds: true,
  status: true,
  disposition: true,
  hangup_cause: true,
  hangup_by: true,
  cost: true,
  cost_unit: true,
  location: true,
  operator: true,
  has_recording: true,
  recording_ref: true,
  custom: true,
  notes: true,
  extra: true,
})
