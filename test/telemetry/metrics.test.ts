import { describe, expect, test } from 'vitest'
import { startEndpoints } from '../../src/server/endpoints.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { parseExposition } from './exposition.ts'

const build = { version: '0.1.0', node: 'v24' }
const page = async (metrics: ReturnType<typeof createMetrics>) => parseExposition(await metrics.text())
const sample = (families: Awaited<ReturnType<typeof page>>, name: string, labels: string) =>
  families.get(`call_log_source_${name}`)?.samples.get(`call_log_source_${name}{${labels}}`)

describe('the metrics page', () => {
  test('announces every metric of the contract with help and type, under one prefix', async () => {
    const metrics = createMetrics({ build, schedules: ['hot'] })
    metrics.account('main')

    const families = await page(metrics)

    expect([...families].map(([name, { type }]) => `${name.replace('call_log_source_', '')} ${type}`).sort()).toEqual([
      'build_info gauge',
      'change_delay_seconds histogram',
      'dead_letters_total counter',
      'events_published_total counter',
      'field_changes_total counter',
      'gap_seconds gauge',
      'incarnation gauge',
      'last_success_timestamp_seconds gauge',
      'lateness_seconds histogram',
      'oldest_unread_timestamp_seconds gauge',
      'page_drift_total counter',
      'producer_reopens_total counter',
      'rebased_total counter',
      'recall_duration_seconds histogram',
      'repeats_total counter',
      'request_budget_ratio gauge',
      'request_duration_seconds histogram',
      'requests_total counter',
      'rereads_total counter',
      'rows_outside_window_total counter',
      'rows_read_total counter',
      'schedule_stretch_ratio gauge',
      'seen_entries gauge',
      'settled_through_timestamp_seconds gauge',
      'suppressed_total counter',
      'task_state gauge',
      'throttled_seconds_total counter',
      'transaction_duration_seconds histogram',
      'transaction_records histogram',
      'transactions_total counter',
      'unknown_values_total counter',
      'windows_bisected_total counter',
      'windows_read_total counter',
    ])
    expect([...families.values()].filter(family => family.help.length < 10)).toEqual([])
  })

  test('is served as it is, and read by what scrapes it', async () => {
    const metrics = createMetrics({ build })
    metrics.account('main').add('rows_read_total', 120)
    const status = () => ({ name: 'kaleyra', build: '0.1.0', state: 'running', accounts: [] })
    const endpoints = await startEndpoints({
      host: '127.0.0.1',
      port: 0,
      metricsText: metrics.text,
      contentType: metrics.contentType,
      ready: () => true,
      status,
      log: { error: () => undefined },
    })

    const answer = await fetch(`${endpoints.address}/metrics`)
    const families = parseExposition(await answer.text())
    await endpoints.close()

    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(sample(families, 'rows_read_total', 'account="main"')).toBe(120)
    expect(sample(families, 'build_info', 'version="0.1.0",node="v24"')).toBe(1)
  })

  test('starts every closed label set at 0, and the configured schedules', async () => {
    const metrics = createMetrics({ build, schedules: ['hot', 'cold'] })
    metrics.account('main')

    const families = await page(metrics)

    expect(families.get('call_log_source_requests_total')?.samples.size).toBe(11)
    expect(sample(families, 'requests_total', 'account="main",outcome="throttled"')).toBe(0)
    expect(sample(families, 'events_published_total', 'account="main",change="updated"')).toBe(0)
    expect(sample(families, 'dead_letters_total', 'account="main",reason="naive_time"')).toBe(0)
    expect(sample(families, 'field_changes_total', 'account="main",field="cost"')).toBe(0)
    expect(sample(families, 'windows_read_total', 'account="main",schedule="cold"')).toBe(0)
    expect(
      families.get('call_log_source_lateness_seconds')?.samples.get('call_log_source_lateness_seconds_count{account="main"}'),
    ).toBe(0)
  })

  test('shows a configured account from the start, in no state before it has got to one', async () => {
    const metrics = createMetrics({ build, accounts: ['main'] })

    const starting = [...((await page(metrics)).get('call_log_source_task_state')?.samples.values() ?? [])]
    metrics.setState('main', 'recalling')

    expect(starting).toEqual([0, 0, 0, 0, 0])
    expect(sample(await page(metrics), 'task_state', 'account="main",state="recalling"')).toBe(1)
  })

  test('shows no instant before one is known', async () => {
    const metrics = createMetrics({ build, schedules: ['hot'] })
    const account = metrics.account('main')
    account.set('oldest_unread_timestamp_seconds', 17)
    account.set('oldest_unread_timestamp_seconds', null)

    const families = await page(metrics)

    expect(
      ['settled_through', 'oldest_unread', 'last_success'].map(
        name => families.get(`call_log_source_${name}_timestamp_seconds`)?.samples.size,
      ),
    ).toEqual([0, 0, 0])
  })

  test('counts a label value outside a closed set as other, so that no input can make series', async () => {
    const metrics = createMetrics({ build })
    for (const reason of ['a', 'b', '919800000001']) metrics.account('main').add('dead_letters_total', 2, reason)

    const families = await page(metrics)

    expect(sample(families, 'dead_letters_total', 'account="main",reason="other"')).toBe(6)
    expect(await metrics.text()).not.toContain('9198')
  })

  test('has lateness buckets from a minute to seven days', async () => {
    const metrics = createMetrics({ build })
    metrics.account('main')

    const bounds = [...(await metrics.text()).matchAll(/lateness_seconds_bucket\{le="([^"]+)"/g)].map(match => match[1])

    expect([bounds[0], bounds.at(-2), bounds.at(-1)]).toEqual(['60', '604800', '+Inf'])
  })
})

describe('an account that is given up', () => {
  test('loses every series but its state', async () => {
    const metrics = createMetrics({ build, schedules: ['hot'] })
    for (const account of ['main', 'other']) {
      metrics.setState(account, 'running')
      metrics.account(account).set('seen_entries', 5)
      metrics.account(account).set('gap_seconds', 5, 'open')
      metrics.account(account).add('windows_read_total', 1, 'backfill')
    }

    metrics.setState('main', 'standby')
    metrics.disown('main')

    const lines = (await metrics.text()).split('\n')
    expect(lines.filter(line => line.includes('account="main"')).sort()).toEqual([
      'call_log_source_task_state{account="main",state="failed"} 0',
      'call_log_source_task_state{account="main",state="paused"} 0',
      'call_log_source_task_state{account="main",state="recalling"} 0',
      'call_log_source_task_state{account="main",state="running"} 0',
      'call_log_source_task_state{account="main",state="standby"} 1',
    ])
    expect(lines.filter(line => line.includes('account="other"')).length).toBeGreaterThan(50)
  })

  test('starts at 0 when it comes back', async () => {
    const metrics = createMetrics({ build })
    metrics.account('main').add('repeats_total', 9)

    metrics.disown('main')
    metrics.account('main')

    expect(sample(await page(metrics), 'repeats_total', 'account="main"')).toBe(0)
  })
})

test('what is known of the process is named as Prometheus asks: only a counter is a total, and no name holds a type', async () => {
  const metrics = createMetrics({ build })
  metrics.watchProcess()

  const families = [...(await page(metrics))]

  expect(families.length).toBeGreaterThan(40)
  expect(families.filter(([name, { type }]) => type !== 'counter' && name.endsWith('_total'))).toEqual([])
  expect(families.filter(([name]) => /_(counter|gauge|histogram|summary)(_|$)/.test(name))).toEqual([])
})

test('two sets of metrics do not know each other, and process metrics join without a clash', async () => {
  const [one, two] = [createMetrics({ build }), createMetrics({ build })]
  one.account('main').add('repeats_total', 1)
  one.watchProcess()

  const [first, second] = [await page(one), await page(two)]

  expect([
    first.has('process_cpu_seconds_total'),
    first.has('nodejs_eventloop_lag_seconds'),
    second.has('process_cpu_seconds_total'),
  ]).toEqual([true, true, false])
  expect(second.get('call_log_source_repeats_total')?.samples.size).toBe(0)
})
