/** What a row that cannot be published as a call looks like on the dead-letter topic: the row as JSON, the reason in headers. */
import type { BadRow, BadRowReason, CallLogEvent } from '../model/call-log.ts'
import type { SiftContext } from '../model/sift.ts'
import { instantText } from '../model/window.ts'

const MOST_JSON_CHARS = 256 * 1024
const MOST_DETAIL_CHARS = 500

/** A call that was read well and still cannot become a record. */
export function deadLetterOf(event: CallLogEvent, reason: BadRowReason, error: unknown): BadRow {
  const json = JSON.stringify(event, (_, value) => (typeof value === 'bigint' ? value.toString() : value))
  return {
    reason,
    detail: error instanceof Error ? error.message : 'the record is larger than a Kafka message may be',
    path: '',
    json: json.length <= MOST_JSON_CHARS ? json : JSON.stringify({ truncated: true, call_id: event.call_id, chars: json.length }),
    callId: event.call_id,
  }
}

/** Value and headers of a dead letter (README, "Dead letters"). */
export function deadLetterValue(bad: BadRow, context: SiftContext): { value: Buffer; headers: Record<string, string> } {
  const { account, window, observedAtMs } = context
  return {
    value: Buffer.from(
      `{"account":${JSON.stringify(account)},"reason":${JSON.stringify(bad.reason)},"path":${JSON.stringify(bad.path)},"row":${bad.json}}`,
    ),
    headers: {
      'dlq.reason': bad.reason,
      'dlq.detail': bad.detail.slice(0, MOST_DETAIL_CHARS),
      'dlq.path': bad.path,
      'dlq.account': account,
      'dlq.read_from': instantText(window.fromMs),
      'dlq.observed_at': instantText(observedAtMs),
    },
  }
}
