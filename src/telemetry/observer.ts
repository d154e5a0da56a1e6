/**
 * The only place that turns what happens into metrics and log lines, so that counting never enters the story. What is published is counted
 * when it is committed and not before: an aborted transaction must not show up as events.
 */
import type { Clock, Happening, Observer, TaskState } from '../ports.ts'
import type { AccountMetrics } from './account-metrics.ts'
import { errorFields } from './error-fields.ts'
import type { Log } from './log.ts'
import { lineOf } from './log-lines.ts'
import type { Metrics } from './metrics.ts'

/** `clock` dates `last_success_timestamp_seconds`. */
export function createObserver(metrics: Metrics, log: Log, clock: Pick<Clock, 'now'>): Observer {
  const disowned = new Set<string>()
  return {
    note(account, happening) {
      try {
        if (happening.kind === 'task') changeState(metrics, disowned, account, happening.state)
        // What still trickles in after the account was given up must not bring its series back.
        else if (!disowned.has(account)) count(metrics.account(account), happening, clock.now())
        const line = lineOf(happening)
        if (line !== null) log[line.level]({ event: line.event, account, ...line.fields }, line.message)
      } catch (error) {
        // Watching must never stop what is watched.
        log.error(
          { event: 'observer.failed', account, kind: happening.kind, ...errorFields(error) },
          'a happening could not be noted',
        )
      }
    },
  }
}

function changeState(metrics: Metrics, disowned: Set<string>, account: string, state: TaskState): void {
  metrics.setState(account, state)
  if (state === 'standby') {
    disowned.add(account)
    metrics.disown(account)
  } else {
    disowned.delete(account)
    metrics.account(account)
  }
}

function count(account: AccountMetrics, happening: Exclude<Happening, { kind: 'task' }>, nowMs: number): void {
  switch (happening.kind) {
    case 'request':
      account.add('requests_total', 1, happening.outcome)
      account.observe('request_duration_seconds', happening.durationMs / 1000)
      break
    case 'throttled':
      account.add('throttled_seconds_total', happening.waitMs / 1000)
      break
    case 'budget':
      account.set('request_budget_ratio', happening.ratio)
      break
    case 'window.read':
      account.add('windows_read_total', 1, happening.schedule)
      account.set('last_success_timestamp_seconds', nowMs / 1000, happening.schedule)
      break
    case 'window.bisected':
      account.add('windows_bisected_total')
      break
    case 'window.reread':
      account.add('rereads_total', 1, happening.reason)
      break
    case 'page.drift':
      account.add('page_drift_total')
      break
    case 'row.outside':
      account.add('rows_outside_window_total', happening.count)
      break
    case 'committed':
      countCommit(account, happening)
      break
    case 'commit.failed':
      account.add('transactions_total', 1, happening.result)
      break
    case 'producer.reopened':
      account.add('producer_reopens_total', 1, happening.reason)
      break
    case 'recalled':
      account.set('seen_entries', happening.seen)
      account.set('incarnation', happening.incarnation)
      account.observe('recall_duration_seconds', happening.durationMs / 1000)
      break
    case 'unknown.value':
      account.add('unknown_values_total', happening.count, happening.of)
      break
    case 'standing':
      showStanding(account, happening.standing)
      break
    case 'schedule.stretched':
      account.set('schedule_stretch_ratio', happening.ratio, happening.schedule)
      break
    case 'ownership':
      break // the state of the task says it
    case 'gap.opened':
    case 'gap.closed':
      break // the length of all gaps comes with the standing
    case 'books':
    case 'backfill.ordered':
    case 'backfill.done':
    case 'backfill.lost':
      break // for the status and the log
    default:
      happening satisfies never
  }
}

function countCommit(account: AccountMetrics, { records, durationMs, commit }: Extract<Happening, { kind: 'committed' }>): void {
  account.add('transactions_total', 1, 'committed')
  account.observe('transaction_duration_seconds', durationMs / 1000)
  account.observe('transaction_records', records)
  account.add('rows_read_total', commit.rows)
  account.add('events_published_total', commit.created, 'created')
  account.add('events_published_total', commit.updated, 'updated')
  account.add('repeats_total', commit.repeats)
  account.add('rebased_total', commit.rebased)
  account.add('suppressed_total', commit.suppressed)
  for (const [reason, letters] of Object.entries(commit.deadLetters)) account.add('dead_letters_total', letters, reason)
  for (const [field, changes] of Object.entries(commit.changedFields)) account.add('field_changes_total', changes, field)
  for (const latenessMs of commit.latenessMs) account.observe('lateness_seconds', latenessMs / 1000)
  for (const delayMs of commit.changeDelayMs) account.observe('change_delay_seconds', delayMs / 1000)
}

function showStanding(account: AccountMetrics, standing: Extract<Happening, { kind: 'standing' }>['standing']): void {
  const seconds = (ms: number | null) => (ms === null ? null : ms / 1000)
  account.set('settled_through_timestamp_seconds', seconds(standing.settledThroughMs))
  account.set('oldest_unread_timestamp_seconds', seconds(standing.oldestUnreadMs))
  account.set('gap_seconds', standing.gapOpenMs / 1000, 'open')
  account.set('gap_seconds', standing.gapLostMs / 1000, 'lost')
  account.set('seen_entries', standing.seenEntries)
}
