/** Calls for tests: complete and ordinary unless told otherwise. */
import type { CallLog } from '../../src/model/call-log.ts'
import { fingerprint } from '../../src/model/fingerprint.ts'
import type { Sighting } from '../../src/model/sift.ts'

const none: ReadonlySet<string> = new Set()

export function callLog(overrides: Partial<CallLog> = {}): CallLog {
  const startMs = overrides.start_time ?? Date.parse('2026-03-01T10:00:00Z')
  return {
    call_id: '75a0f3c1-0000-4000-8000-000000000001-1',
    unique_id: null,
    parent_call_id: null,
    service: 'Incoming',
    direction: 'INBOUND',
    from_number: '919800000001',
    to_number: '919800000002',
    bridge_number: '13236000007',
    start_time: startMs,
    start_time_raw: null,
    answer_time: startMs + 5_000,
    end_time: startMs + 65_000,
    duration_seconds: 65,
    billed_seconds: 60,
    status: 'ANSWER',
    disposition: 'ANSWERED',
    hangup_cause: null,
    hangup_by: null,
    cost: 1_250_000n,
    cost_unit: 'credits',
    location: null,
    operator: null,
    has_recording: true,
    recording_ref: null,
    custom: null,
    notes: null,
    extra: {},
    ...overrides,
  }
}

export function sighting(overrides: Partial<CallLog> = {}): Sighting {
  const call = callLog(overrides)
  return { call, print: fingerprint(call, none) }
}

/** `count` calls with ids of their own, one a second from `startMs` on. */
export function callsFrom(startMs: number, count: number): CallLog[] {
  return Array.from({ length: count }, (_, index) =>
    callLog({ call_id: `call-${startMs}-${index}`, start_time: startMs + index * 1_000 }),
  )
}
