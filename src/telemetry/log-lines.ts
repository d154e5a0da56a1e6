/**
 * What an operator reads: at most one line for each happening, with a named event to filter by. Info is what one wants to see of a healthy
 * connector, one line for each hot window; warn is worth a look, error is worth waking somebody.
 */

import { instantText, windowText } from '../model/window.ts'
import type { Happening } from '../ports.ts'
import { errorFields } from './error-fields.ts'
import type { LogLevel } from './log.ts'

export interface LogLine {
  readonly level: Exclude<LogLevel, 'silent'>
  readonly event: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** `null` for what only metrics tell. */
export function lineOf(happening: Happening): LogLine | null {
  switch (happening.kind) {
    case 'request':
    case 'budget':
    case 'standing':
    case 'books':
      return null
    case 'throttled':
      return line('debug', 'throttled', `the API asks to wait ${seconds(happening.waitMs)} s`, { wait_ms: happening.waitMs })
    case 'window.read':
      return windowRead(happening)
    case 'window.bisected':
      return line(
        'debug',
        'window.bisected',
        `cut ${windowText(happening.window)} into ${happening.parts}: ${happening.reason}`,
        {
          window: windowText(happening.window),
          parts: happening.parts,
          reason: happening.reason,
        },
      )
    case 'window.reread':
      return line('debug', 'window.reread', `reading ${windowText(happening.window)} again: ${happening.reason}`, {
        window: windowText(happening.window),
        reason: happening.reason,
      })
    case 'page.drift':
      return line('debug', 'page.drift', `pages moved while reading ${windowText(happening.window)}`, {
        window: windowText(happening.window),
      })
    case 'row.outside':
      return line('warn', 'row.outside', `${happening.count} rows lie far outside the window that was asked for`, {
        rows: happening.count,
      })
    case 'gap.opened':
      return line('error', 'gap.opened', `${windowText(happening.window)} could not be read completely: ${happening.reason}`, {
        window: windowText(happening.window),
        reason: happening.reason,
      })
    case 'gap.closed':
      return line('info', 'gap.closed', `${windowText(happening.window)} is read completely now`, {
        window: windowText(happening.window),
      })
    case 'backfill.ordered':
    case 'backfill.done':
    case 'backfill.lost':
      return backfillChanged(happening)
    case 'committed':
      return line('debug', 'committed', `records=${happening.records} in ${Math.round(happening.durationMs)} ms`, {
        records: happening.records,
        duration_ms: Math.round(happening.durationMs),
      })
    case 'commit.failed':
      return happening.result === 'fenced'
        ? line(
            'warn',
            'task.fenced',
            'a newer producer owns this account, or our transaction timed out',
            errorFields(happening.error),
          )
        : line('warn', 'commit.unknown', 'the outcome of a commit is unknown: asking the ledger', errorFields(happening.error))
    case 'producer.reopened':
      return line('info', 'producer.reopened', `transactional producer opened: ${happening.reason}`, { reason: happening.reason })
    case 'ownership':
      return happening.change === 'revoked'
        ? line('info', 'task.revoked', 'Kafka gives the account to another instance: what was under way is finished', {})
        : line('warn', 'task.lost', 'the account may belong to another instance by now: what was under way is dropped', {})
    case 'recalled':
      return line('info', 'recalled', `${happening.seen} calls known, read back in ${seconds(happening.durationMs)} s`, {
        seen: happening.seen,
        incarnation: happening.incarnation,
        duration_ms: Math.round(happening.durationMs),
      })
    case 'unknown.value':
      return line('debug', 'unknown.value', `${happening.count} values of an unknown ${happening.of}`, {
        of: happening.of,
        values: happening.count,
      })
    case 'schedule.stretched':
      return line(
        'warn',
        'schedule.stretched',
        `${happening.schedule} takes ${happening.ratio.toFixed(1)} times its interval: the request budget is short`,
        {
          schedule: happening.schedule,
          ratio: happening.ratio,
        },
      )
    case 'task':
      return taskChanged(happening)
  }
}

function windowRead({ schedule, window, counts, coveredThroughMs }: Extract<Happening, { kind: 'window.read' }>): LogLine {
  const { rows, created, updated, repeats, rebased, suppressed, bad, requests } = counts
  const rare = `${rebased > 0 ? ` rebased=${rebased}` : ''}${suppressed > 0 ? ` suppressed=${suppressed}` : ''}${bad > 0 ? ` bad=${bad}` : ''}`
  const message = `rows=${rows} new=${created} updated=${updated} repeats=${repeats} requests=${requests}${rare}`
  const through = coveredThroughMs === null ? null : instantText(coveredThroughMs)
  return line(schedule === 'hot' ? 'info' : 'debug', 'window.read', message, {
    schedule,
    window: windowText(window),
    covered_through: through,
    rows,
    new: created,
    updated,
    repeats,
    rebased,
    suppressed,
    bad,
    requests,
  })
}

const BACKFILL_WORDS = {
  ordered: 'is to be read again',
  done: 'was read as asked',
  lost: 'was not read in time: the API keeps 6 days',
}

function backfillChanged({ kind, window }: Extract<Happening, { kind: `backfill.${string}` }>): LogLine {
  const what = kind === 'backfill.ordered' ? 'ordered' : kind === 'backfill.done' ? 'done' : 'lost'
  const shown = windowText(window)
  return line(what === 'lost' ? 'error' : 'info', kind, `${shown} ${BACKFILL_WORDS[what]}`, { window: shown })
}

function taskChanged({ state, error, remedy }: Extract<Happening, { kind: 'task' }>): LogLine {
  const fields = error === undefined ? {} : { ...errorFields(error), ...(remedy !== undefined && { remedy }) }
  if (state === 'failed')
    return line('error', 'account.failed', 'the account is not read any more until it is retried or resumed', fields)
  return line('info', `task.${state}`, `the account is ${state}`, fields)
}

function line(level: LogLine['level'], event: string, message: string, fields: LogLine['fields']): LogLine {
  return { level, event, message, fields }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}
