/**
 * Every metric there is: names, help, labels and buckets are a contract with dashboards and alarms. Labels hold closed sets and configured
 * names only, never anything of a call. Names here lack the prefix; each carries the label `account` besides its own.
 */
import * as values from './label-values.ts'

export const PREFIX = 'call_log_source_'

/** A row of a counter or gauge. */
export interface Labelled {
  readonly help: string
  readonly label?: string
  /** The closed set of the label, which starts at 0; without it the label holds names from the settings. */
  readonly values?: readonly string[]
}
/** A row of a histogram. */
export interface Bucketed {
  readonly help: string
  readonly buckets: readonly number[]
}

const MINUTE_S = 60
const HOUR_S = 3600
const DAY_S = 86_400
/** How late a call shows up or changes: from one minute to the seven days after which the API forgets it. */
const DELAYS_S = [1, 2, 5, 10, 15, 30]
  .map(minutes => minutes * MINUTE_S)
  .concat([1, 2, 4, 6, 12].map(hours => hours * HOUR_S))
  .concat([1, 2, 4, 7].map(days => days * DAY_S))
const REQUESTS_S = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30]
const TRANSACTIONS_S = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

export const COUNTERS = {
  rows_read_total: { help: 'Rows of the API in committed reads, re-reads included.' },
  events_published_total: { help: 'Events committed to the topic.', label: 'change', values: ['created', 'updated'] },
  repeats_total: { help: 'Rows that showed nothing new and were not published.' },
  rebased_total: { help: 'Known calls taken over unpublished under changed record settings.' },
  suppressed_total: { help: 'Changes remembered and not published, as records.updates asks.' },
  dead_letters_total: { help: 'Rows committed to the dead-letter topic.', label: 'reason', values: values.DEAD_LETTER_REASONS },
  requests_total: { help: 'Requests sent to the API, retries included.', label: 'outcome', values: values.OUTCOMES },
  throttled_seconds_total: { help: 'Time the API told us to stay away.' },
  windows_read_total: { help: 'Windows read.', label: 'schedule' },
  windows_bisected_total: { help: 'Windows cut into smaller ones.' },
  rereads_total: { help: 'Windows read again because a read proved nothing.', label: 'reason', values: values.REREAD_REASONS },
  page_drift_total: { help: 'Reads during which the pages moved.' },
  rows_outside_window_total: { help: 'Rows far outside the window that was asked for.' },
  field_changes_total: { help: 'Changes of a field in committed updates.', label: 'field', values: values.FIELDS },
  unknown_values_total: {
    help: 'Values of the API that this release does not know.',
    label: 'kind',
    values: values.UNKNOWN_KINDS,
  },
  transactions_total: { help: 'Kafka transactions by result.', label: 'result', values: values.TRANSACTION_RESULTS },
  producer_reopens_total: { help: 'Transactional producers opened, by reason.', label: 'reason', values: values.REOPEN_REASONS },
} as const satisfies Record<string, Labelled>

export const GAUGES = {
  request_budget_ratio: { help: 'Share of the request budget in use, 0 to 1.' },
  settled_through_timestamp_seconds: { help: 'Everything before this instant was read again after it had settled.' },
  oldest_unread_timestamp_seconds: { help: 'Start of the oldest range never read; absent while there is none.' },
  last_success_timestamp_seconds: { help: 'When a window of the schedule was last read.', label: 'schedule' },
  gap_seconds: {
    help: 'Time in gaps: open ones are tried again, lost ones are out of reach of the API.',
    label: 'state',
    values: ['open', 'lost'],
  },
  schedule_stretch_ratio: { help: 'Actual over configured interval of a schedule; 1 is on time.', label: 'schedule' },
  seen_entries: { help: 'Calls remembered in order to recognise repeats.' },
  incarnation: {
    help: 'Which claim of the account this is, counted in its ledger: one more at each start, take-over and doubt.',
  },
} as const satisfies Record<string, Labelled>

export const HISTOGRAMS = {
  request_duration_seconds: { help: 'Duration of requests to the API.', buckets: REQUESTS_S },
  lateness_seconds: { help: 'From the end of a call until it was first seen.', buckets: DELAYS_S },
  change_delay_seconds: { help: 'From the first sight of a call until a change of it was seen.', buckets: DELAYS_S },
  transaction_duration_seconds: { help: 'Duration of committed Kafka transactions.', buckets: TRANSACTIONS_S },
  transaction_records: {
    help: 'Records in committed Kafka transactions.',
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000],
  },
  recall_duration_seconds: { help: 'Time taken to read the ledger back.', buckets: [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300] },
} as const satisfies Record<string, Bucketed>

/** Shown by every instance, of accounts it owns and of those it stands by for; all 0 until it has got as far as either. */
export const TASK_STATE = { name: 'task_state', help: '1 for the state the account is in here, 0 for the others.' }
/** The only one without an account. */
export const BUILD_INFO = { name: 'build_info', help: 'Always 1; the labels tell what is running.' }

export type CounterName = keyof typeof COUNTERS
export type GaugeName = keyof typeof GAUGES
export type HistogramName = keyof typeof HISTOGRAMS
