import { describe, expect, test } from 'vitest'
import { ConnectorError } from '../../src/errors.ts'
import type { CommitSummary, Happening, Observer } from '../../src/ports.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { createObserver } from '../../src/telemetry/observer.ts'
import { parseExposition } from './exposition.ts'

const NOW_MS = Date.UTC(2026, 0, 2, 12)
const window = { fromMs: Date.UTC(2026, 0, 2, 11, 30), untilMs: Date.UTC(2026, 0, 2, 12) }
const counts = { rows: 120, created: 3, updated: 1, repeats: 116, rebased: 0, suppressed: 0, bad: 0, requests: 2 }
const commit: CommitSummary = {
  created: 3,
  updated: 1,
  deadLetters: { naive_time: 2 },
  repeats: 116,
  rebased: 4,
  suppressed: 5,
  rows: 126,
  latenessMs: [30_000, 400_000, 0],
  changeDelayMs: [7_200_000],
  changedFields: { cost: 1, cost_unit: 1 },
}

function setUp(level: 'debug' | 'info' = 'debug') {
  const lines: Record<string, unknown>[] = []
  const log = createLog({ level, format: 'json', secrets: [], to: { write: line => void lines.push(JSON.parse(line)) } })
  const metrics = createMetrics({ build: { version: '0' }, schedules: ['hot', 'warm'] })
  const observer: Observer = createObserver(metrics, log, { now: () => NOW_MS })
  const note = (...happenings: Happening[]) => {
    for (const happening of happenings) observer.note('main', happening)
  }
  const value = async (name: string, labels = '') => {
    for (const family of parseExposition(await metrics.text()).values()) {
      const found = family.samples.get(`call_log_source_${name}{account="main"${labels}}`)
      if (found !== undefined) return found
    }
    return undefined
  }
  return { note, value, lines, metrics }
}

describe('what is published', () => {
  test('is counted when it is committed, from the summary of the transaction', async () => {
    const { note, value } = setUp()

    note({ kind: 'committed', records: 8, durationMs: 120, commit })

    expect(await value('events_published_total', ',change="created"')).toBe(3)
    expect(await value('events_published_total', ',change="updated"')).toBe(1)
    expect([await value('rows_read_total'), await value('repeats_total'), await value('rebased_total')]).toEqual([126, 116, 4])
    expect(await value('dead_letters_total', ',reason="naive_time"')).toBe(2)
    expect(await value('field_changes_total', ',field="cost"')).toBe(1)
    expect(await value('transactions_total', ',result="committed"')).toBe(1)
    expect([await value('transaction_records_sum'), await value('transaction_duration_seconds_sum')]).toEqual([8, 0.12])
    expect([
      await value('lateness_seconds_count'),
      await value('lateness_seconds_sum'),
      await value('change_delay_seconds_sum'),
    ]).toEqual([3, 430, 7200])
  })

  test('is not counted by a read, nor by a commit that failed', async () => {
    const { note, value } = setUp()

    note({ kind: 'window.read', schedule: 'hot', window, counts, coveredThroughMs: window.untilMs })
    note({ kind: 'commit.failed', result: 'unknown', error: new ConnectorError('COMMIT_UNKNOWN', 'no answer') })

    expect([
      await value('events_published_total', ',change="created"'),
      await value('rows_read_total'),
      await value('repeats_total'),
    ]).toEqual([0, 0, 0])
    expect(await value('transactions_total', ',result="unknown"')).toBe(1)
    expect([
      await value('windows_read_total', ',schedule="hot"'),
      await value('last_success_timestamp_seconds', ',schedule="hot"'),
    ]).toEqual([1, NOW_MS / 1000])
  })
})

describe('the other metrics', () => {
  test('follow what is noted, in seconds', async () => {
    const { note, value } = setUp()

    note({ kind: 'request', outcome: 'throttled', durationMs: 250 })
    note({ kind: 'throttled', waitMs: 1500 }, { kind: 'budget', ratio: 0.4 })
    note({ kind: 'window.bisected', window, parts: 2, reason: 'unproved' }, { kind: 'window.reread', window, reason: 'moved' })
    note({ kind: 'page.drift', window }, { kind: 'row.outside', count: 3 }, { kind: 'unknown.value', of: 'status', count: 2 })
    note({ kind: 'producer.reopened', reason: 'start' }, { kind: 'recalled', durationMs: 1400, seen: 77, incarnation: 4 })
    note({ kind: 'schedule.stretched', schedule: 'hot', ratio: 2.5 })

    expect([await value('requests_total', ',outcome="throttled"'), await value('request_duration_seconds_sum')]).toEqual([
      1, 0.25,
    ])
    expect([await value('throttled_seconds_total'), await value('request_budget_ratio')]).toEqual([1.5, 0.4])
    expect([
      await value('windows_bisected_total'),
      await value('rereads_total', ',reason="moved"'),
      await value('page_drift_total'),
    ]).toEqual([1, 1, 1])
    expect([await value('rows_outside_window_total'), await value('unknown_values_total', ',kind="status"')]).toEqual([3, 2])
    expect([
      await value('producer_reopens_total', ',reason="start"'),
      await value('recall_duration_seconds_sum'),
      await value('seen_entries'),
      await value('incarnation'),
    ]).toEqual([1, 1.4, 77, 4])
    expect(await value('schedule_stretch_ratio', ',schedule="hot"')).toBe(2.5)
  })

  test('show where the account stands', async () => {
    const { note, value } = setUp()
    const standing = {
      settledThroughMs: 5_000,
      oldestUnreadMs: 3_000,
      coveredThroughMs: 9_000,
      gapOpenMs: 1_000,
      gapLostMs: 60_000,
      seenEntries: 42,
    }

    note({ kind: 'standing', standing })
    const before = [await value('settled_through_timestamp_seconds'), await value('oldest_unread_timestamp_seconds')]
    note({ kind: 'standing', standing: { ...standing, oldestUnreadMs: null } })

    expect([...before, await value('oldest_unread_timestamp_seconds')]).toEqual([5, 3, undefined])
    expect([
      await value('gap_seconds', ',state="open"'),
      await value('gap_seconds', ',state="lost"'),
      await value('seen_entries'),
    ]).toEqual([1, 60, 42])
  })

  test('show one state at a time', async () => {
    const { note, value } = setUp()

    note({ kind: 'task', state: 'recalling' }, { kind: 'task', state: 'running' })

    const states = ['running', 'standby', 'paused', 'failed', 'recalling']
    expect(await Promise.all(states.map(state => value('task_state', `,state="${state}"`)))).toEqual([1, 0, 0, 0, 0])
  })

  test('of an account in standby are gone, whatever still trickles in', async () => {
    const { note, value } = setUp()
    note({ kind: 'task', state: 'running' }, { kind: 'request', outcome: 'ok', durationMs: 1 })

    note({ kind: 'task', state: 'standby' }, { kind: 'request', outcome: 'aborted', durationMs: 1 })
    const gone = await value('requests_total', ',outcome="ok"')
    note({ kind: 'task', state: 'recalling' })

    expect([gone, await value('requests_total', ',outcome="ok"')]).toEqual([undefined, 0])
  })
})

describe('the log', () => {
  test('has one info line for a hot window, and it can be read by people', () => {
    const { note, lines } = setUp('info')

    note({ kind: 'request', outcome: 'ok', durationMs: 10 }, { kind: 'request', outcome: 'ok', durationMs: 10 })
    note({ kind: 'window.read', schedule: 'hot', window, counts, coveredThroughMs: window.untilMs })
    note({ kind: 'committed', records: 5, durationMs: 10, commit })
    note({ kind: 'window.read', schedule: 'warm', window, counts, coveredThroughMs: null })

    expect(lines).toEqual([
      {
        level: 'info',
        time: expect.any(String),
        event: 'window.read',
        account: 'main',
        schedule: 'hot',
        window: '[2026-01-02T11:30:00Z, 2026-01-02T12:00:00Z)',
        covered_through: '2026-01-02T12:00:00Z',
        rows: 120,
        new: 3,
        updated: 1,
        repeats: 116,
        rebased: 0,
        suppressed: 0,
        bad: 0,
        requests: 2,
        msg: 'rows=120 new=3 updated=1 repeats=116 requests=2',
      },
    ])
  })

  test('names what is rare in the line of a window', () => {
    const { note, lines } = setUp()

    note({ kind: 'window.read', schedule: 'hot', window, counts: { ...counts, rebased: 7, bad: 1 }, coveredThroughMs: null })

    expect(lines[0]).toMatchObject({
      msg: 'rows=120 new=3 updated=1 repeats=116 requests=2 rebased=7 bad=1',
      covered_through: null,
    })
  })

  test.each<[Happening, string, string]>([
    [{ kind: 'gap.opened', window, reason: 'unproved at one second' }, 'error', 'gap.opened'],
    [{ kind: 'gap.closed', window }, 'info', 'gap.closed'],
    [
      { kind: 'task', state: 'failed', error: new ConnectorError('API_UNAUTHORIZED', 'the key is refused') },
      'error',
      'account.failed',
    ],
    [{ kind: 'task', state: 'running' }, 'info', 'task.running'],
    [{ kind: 'commit.failed', result: 'fenced', error: new ConnectorError('FENCED', 'a newer one') }, 'warn', 'task.fenced'],
    [
      { kind: 'commit.failed', result: 'unknown', error: new ConnectorError('COMMIT_UNKNOWN', 'no answer') },
      'warn',
      'commit.unknown',
    ],
    [{ kind: 'recalled', durationMs: 1, seen: 2, incarnation: 3 }, 'info', 'recalled'],
    [{ kind: 'producer.reopened', reason: 'unknown' }, 'info', 'producer.reopened'],
    [{ kind: 'schedule.stretched', schedule: 'hot', ratio: 2 }, 'warn', 'schedule.stretched'],
    [{ kind: 'row.outside', count: 2 }, 'warn', 'row.outside'],
    [{ kind: 'window.bisected', window, parts: 2, reason: 'unpaged' }, 'debug', 'window.bisected'],
    [{ kind: 'window.reread', window, reason: 'no_total' }, 'debug', 'window.reread'],
    [{ kind: 'page.drift', window }, 'debug', 'page.drift'],
    [{ kind: 'throttled', waitMs: 5 }, 'debug', 'throttled'],
    [{ kind: 'unknown.value', of: 'time', count: 1 }, 'debug', 'unknown.value'],
    [{ kind: 'committed', records: 1, durationMs: 1, commit }, 'debug', 'committed'],
  ])('%o is one line at %s, named %s', (happening, level, event) => {
    const { note, lines } = setUp()

    note(happening)

    expect(lines.map(line => [line.level, line.event, line.account])).toEqual([[level, event, 'main']])
  })

  test('tells durations in whole milliseconds', () => {
    const { note, lines } = setUp()

    note({ kind: 'committed', records: 5, durationMs: 12.345678, commit })
    note({ kind: 'recalled', durationMs: 1234.5678, seen: 2, incarnation: 3 })

    expect(lines[0]).toMatchObject({ msg: 'records=5 in 12 ms', duration_ms: 12 })
    expect(lines[1]).toMatchObject({ duration_ms: 1235 })
  })

  test('tells the code, the message, the causes of a failure and what to do', () => {
    const { note, lines } = setUp()
    const cause = new Error('write failed', { cause: new Error('socket closed') })
    const error = new ConnectorError('API_UNAVAILABLE', 'the API does not answer', { cause })

    note({ kind: 'task', state: 'failed', error, remedy: 'wait for the API' })

    expect(lines[0]).toMatchObject({
      code: 'API_UNAVAILABLE',
      error: 'the API does not answer',
      causes: ['write failed', 'socket closed'],
      remedy: 'wait for the API',
    })
    expect(lines[0]).not.toHaveProperty('stack')
  })
})

test('an observer whose metrics refuse a value says so and does not throw', () => {
  const { note, lines } = setUp()

  note({ kind: 'throttled', waitMs: Number.NaN })

  expect(lines.map(line => [line.level, line.event, line.kind])).toEqual([['error', 'observer.failed', 'throttled']])
})
