/** The names in rules and dashboards against the names in the source: a metric, label or value that is renamed in one of them breaks this. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { TASK_STATES } from '../../src/telemetry/label-values.ts'
import {
  BUILD_INFO,
  type Bucketed,
  COUNTERS,
  GAUGES,
  HISTOGRAMS,
  type Labelled,
  PREFIX,
  TASK_STATE,
} from '../../src/telemetry/metric-table.ts'
import { expressionsOf } from '../support/prometheus/dashboard-expressions.ts'
import { groupingLabelsOf, type Matcher, rulesIn, selectorsOf } from '../support/prometheus/expressions.ts'
import { shipped } from '../support/prometheus/server.ts'

/** What Prometheus and the runtime's own metrics bring along. */
const FOREIGN = [
  'up',
  'process_start_time_seconds',
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
  'nodejs_eventloop_lag_p99_seconds',
]
/** Any series may have these, with values of somebody's own. */
const COMMON = ['job', 'instance', 'account', 'version', 'node']
/** Names from the settings: those of the default schedule, and of what no schedule reaches. */
const SCHEDULES = ['hot', 'warm', 'cold', 'backfill']

const own: Record<string, Labelled> = {
  ...COUNTERS,
  ...GAUGES,
  [TASK_STATE.name]: { help: '', label: 'state', values: TASK_STATES },
}
const buckets = Object.entries<Bucketed>(HISTOGRAMS).flatMap(
  ([name, { buckets: bounds }]): [string, ReadonlyMap<string, readonly string[]>][] => [
    [`${PREFIX}${name}_bucket`, new Map([['le', [...bounds.map(String), '+Inf']]])],
    [`${PREFIX}${name}_sum`, new Map()],
    [`${PREFIX}${name}_count`, new Map()],
  ],
)
/** The labels of each metric besides the account, with the values they can have. */
const known = new Map<string, ReadonlyMap<string, readonly string[]>>([
  ...Object.entries(own).map(([name, { label, values = SCHEDULES }]): [string, ReadonlyMap<string, readonly string[]>] => [
    PREFIX + name,
    new Map(label === undefined ? [] : [[label, values]]),
  ]),
  ...buckets,
  [PREFIX + BUILD_INFO.name, new Map()],
  ...FOREIGN.map((name): [string, ReadonlyMap<string, readonly string[]>] => [name, new Map()]),
])

const matches = ({ operator, value }: Matcher, candidate: string) =>
  operator.endsWith('~') ? new RegExp(`^(?:${value})$`).test(candidate) : candidate === value

/** Labels grouped by that no metric of the expression has; what a recorded series has says the rule that records it. */
function unknownGroupings(expression: string, recorded: ReadonlySet<string>): string[] {
  const metrics = selectorsOf(expression).map(({ metric }) => metric)
  const sources = metrics.some(metric => recorded.has(metric)) ? [...known.keys()] : metrics
  const labels = new Set([...COMMON, ...sources.flatMap(metric => [...(known.get(metric)?.keys() ?? [])])])
  return groupingLabelsOf(expression).filter(label => !labels.has(label))
}

/** What an expression names that does not exist, as sentences. */
function unknownIn(expression: string, recorded: ReadonlySet<string>): string[] {
  const inSelectors = selectorsOf(expression).flatMap(({ text, metric, matchers }) => {
    const of = known.get(metric)
    if (of === undefined) return recorded.has(metric) ? [] : [`${metric} does not exist`]
    return matchers.flatMap(matcher => {
      if (COMMON.includes(matcher.label)) return []
      const values = of.get(matcher.label)
      if (values === undefined) return [`${text}: no label ${matcher.label}`]
      return values.some(value => matches(matcher, value)) ? [] : [`${text}: no ${matcher.label} is ${matcher.value}`]
    })
  })
  return [...inSelectors, ...unknownGroupings(expression, recorded).map(label => `nothing has a label ${label}`)]
}

const rules = ['recording.yml', 'alerts.yml'].flatMap(file => rulesIn(readFileSync(join(shipped, file), 'utf8')))
const recorded = new Set(rules.flatMap(({ record = [] }) => record))
const grafana = join(shipped, '..', 'grafana')
const dashboards = existsSync(grafana)
  ? readdirSync(grafana, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.json'))
  : []

describe('every name exists', () => {
  test.each(rules.map(({ alert, record, expr }) => [alert ?? record ?? '', expr]))('in %s', (_, expression) => {
    expect(selectorsOf(expression)).not.toEqual([])
    expect(unknownIn(expression, recorded)).toEqual([])
  })

  test.each(dashboards)('in the dashboard %s', file => {
    const expressions = expressionsOf(JSON.parse(readFileSync(join(grafana, file), 'utf8')), { account: 'main' })

    expect(expressions.flatMap(selectorsOf).length).toBeGreaterThan(0)
    expect(expressions.flatMap(expression => unknownIn(expression, recorded))).toEqual([])
  })

  test.each([
    ['sum by (job, account) (rate(call_log_source_rows_seen_total[5m]))', 'call_log_source_rows_seen_total does not exist'],
    ['call_log_source_gap_seconds{state="gone"}', 'call_log_source_gap_seconds{state="gone"}: no state is gone'],
    ['call_log_source_gap_seconds{status="lost"}', 'call_log_source_gap_seconds{status="lost"}: no label status'],
    [
      'call_log_source_task_state{state=~"runs|stops"}',
      'call_log_source_task_state{state=~"runs|stops"}: no state is runs|stops',
    ],
    [
      'call_log_source_lateness_seconds_bucket{le="21601"}',
      'call_log_source_lateness_seconds_bucket{le="21601"}: no le is 21601',
    ],
    ['max by (tenant) (call_log_source_incarnation)', 'nothing has a label tenant'],
    ['sum by (change) (call_log_source_gap_seconds)', 'nothing has a label change'],
    ['account:call_log_source_rows:rate5m > 0', 'account:call_log_source_rows:rate5m does not exist'],
  ])('or is found out: %s', (expression, complaint) => {
    expect(unknownIn(expression, recorded)).toEqual([complaint])
  })
})

describe('what an expression selects', () => {
  test('is found with its matchers, and nothing else is taken for it', () => {
    const expression = `
      sum by (job, account) (increase(rows{job="a b", le=~"21600(\\\\.0)?"}[15m])) > bool 3600
      / on (job) group_left (node) topk(3, account:level:rate5m offset 5m) unless on () absent(up) or rate(other{x!~'(y|{z})'}[1h:5m] @ 17)`

    expect(selectorsOf(expression)).toEqual([
      {
        text: 'rows{job="a b", le=~"21600(\\\\.0)?"}',
        metric: 'rows',
        matchers: [
          { label: 'job', operator: '=', value: 'a b' },
          { label: 'le', operator: '=~', value: '21600(\\.0)?' },
        ],
      },
      { text: 'account:level:rate5m', metric: 'account:level:rate5m', matchers: [] },
      { text: 'up', metric: 'up', matchers: [] },
      { text: "other{x!~'(y|{z})'}", metric: 'other', matchers: [{ label: 'x', operator: '!~', value: '(y|{z})' }] },
    ])
    expect(groupingLabelsOf(expression)).toEqual(['job', 'account', 'job', 'node'])
  })
})

describe('what a dashboard asks', () => {
  const dashboard = {
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus' },
        { name: 'account', type: 'query', query: { query: 'label_values(call_log_source_task_state{job=~"$job"}, account)' } },
        { name: 'job', type: 'query', query: 'label_values(job)' },
      ],
    },
    annotations: { list: [{ expr: `changes(starts{account=~"\${account:regex}"}[$__interval])` }] },
    panels: [
      { targets: [{ expr: 'rate(rows{account=~"$account", job=~"[[job]]"}[$__rate_interval])' }] },
      { type: 'row', panels: [{ targets: [{ expr: 'increase(rows[$__range])' }, { refId: 'B' }] }] },
    ],
  }

  test('is found however deep, with its variables filled in', () => {
    expect(expressionsOf(dashboard, { account: 'main' }).sort()).toEqual([
      'call_log_source_task_state{job=~".*"}',
      'changes(starts{account=~"main"}[15s])',
      'increase(rows[1h])',
      'rate(rows{account=~"main", job=~".*"}[1m])',
    ])
  })

  test('is refused with a variable that it does not declare', () => {
    expect(() => expressionsOf({ panels: [{ expr: 'up{job="$jobb"}' }] })).toThrow('the dashboard does not declare $jobb')
  })
})
