/** The dashboard as it is committed: what it asks for exists, and people can read what it shows. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { TASK_STATES } from '../src/telemetry/label-values.ts'
import { COUNTERS, GAUGES, HISTOGRAMS, type Labelled, PREFIX, TASK_STATE } from '../src/telemetry/metric-table.ts'
import { dashboardText } from './support/dashboard/dashboard.ts'
import { perSecond, series } from './support/dashboard/series.ts'

interface Panel {
  readonly id: number
  readonly type: string
  readonly title?: string
  readonly description?: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } }
}

const folder = join(import.meta.dirname, '../config/grafana')
const committed = readFileSync(join(folder, 'dashboards/call-log-source.json'), 'utf8')
const dashboard: { uid: string; panels: Panel[]; templating: { list: { name: string; query: unknown }[] } } =
  JSON.parse(committed)
const panels = dashboard.panels.filter(({ type }) => type !== 'row')
const targets = panels.flatMap(({ targets = [] }) => targets)

/** What is wrong with the names in a query, as sentences; read from its text, without the code that wrote it. */
function unknownNames(expr: string): string[] {
  const rows = new Map<string, Labelled>(Object.entries<Labelled>({ ...COUNTERS, ...GAUGES }))
  rows.set(TASK_STATE.name, { help: TASK_STATE.help, label: 'state', values: TASK_STATES })
  for (const [name, { help }] of Object.entries(HISTOGRAMS))
    for (const suffix of ['bucket', 'sum', 'count']) rows.set(`${name}_${suffix}`, { help })

  const known = new Set(['account', 'instance', 'le'])
  const faults: string[] = []
  for (const [, name = '', matchers = ''] of expr.matchAll(/([a-z_]+)\{([^}]*)\}/g)) {
    const row = name.startsWith(PREFIX) ? rows.get(name.slice(PREFIX.length)) : undefined
    if (row === undefined) faults.push(`there is no metric ${name}`)
    if (row?.label !== undefined) known.add(row.label)
    if (!matchers.includes('account=~"$account"')) faults.push(`${name} shows accounts that were not chosen`)
    for (const [, label = '', value = ''] of matchers.matchAll(/(\w+)=~?"([^"]*)"/g))
      if (label !== 'account' && (label !== row?.label || row.values?.includes(value) !== true))
        faults.push(`${name} has no ${label}="${value}"`)
  }
  for (const [, labels = ''] of expr.matchAll(/by \(([^)]*)\)/g))
    for (const label of labels.split(', ')) if (!known.has(label)) faults.push(`nothing has the label ${label}`)
  const variables = expr.match(/\$\w+/g) ?? []
  return faults.concat(variables.filter(name => !['$account', '$__rate_interval', '$__range'].includes(name)))
}

describe('the dashboard', () => {
  test('is what the generator prints; `npm run dashboard` writes it anew', () => {
    expect(committed).toBe(dashboardText())
  })

  test('asks only for metrics, labels and label values that the connector has', () => {
    expect(targets.length).toBeGreaterThan(25)
    expect(targets.flatMap(({ expr }) => unknownNames(expr))).toEqual([])
  })

  test('names series in its legends by labels that the query leaves', () => {
    const legends = targets.map(({ expr, legendFormat }) => ({
      named: [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(match => match[1] ?? ''),
      left: [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(match => (match[1] ?? '').split(', ')),
    }))

    expect(legends.filter(({ named, left }) => named.some(label => !left.includes(label)))).toEqual([])
  })

  test('tells of each panel what it shows, what is normal, and in which unit', () => {
    const units = ['s', 'percentunit', 'short', 'none', 'cps', 'reqps', 'rowsps', 'eps', 'ops']

    for (const { title = '', description = '', fieldConfig } of panels) {
      expect(title).not.toBe('')
      expect(description, title).toMatch(/Normal: /)
      expect(units, title).toContain(fieldConfig?.defaults.unit)
    }
  })

  test('has its five rows, and no panel lies on another', () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    )

    expect(dashboard.panels.filter(({ type }) => type === 'row').map(({ title }) => title?.split(':')[0])).toEqual([
      'Freshness',
      'Completeness',
      'Budget',
      'Changes',
      'Kafka',
    ])
    expect(new Set(cells).size).toBe(cells.length)
    expect(dashboard.panels.filter(({ gridPos: { x, w } }) => x + w > 24)).toEqual([])
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
  })

  test('lets people choose the data source, and accounts of a metric that every instance shows', () => {
    expect(dashboard.templating.list.map(({ name, query }) => [name, query])).toEqual([
      ['datasource', 'prometheus'],
      ['account', { query: `label_values(${PREFIX}${TASK_STATE.name}, account)`, refId: 'accounts' }],
    ])
  })

  test('is provisioned from the folder that compose mounts, with the data source it runs on', () => {
    const read = (file: string): unknown => parse(readFileSync(join(folder, 'provisioning', file), 'utf8'))
    const compose = parse(readFileSync(join(folder, '../../docker-compose.yml'), 'utf8'), { merge: true })
    const mounted: string[] = compose.services.grafana.volumes

    expect(readdirSync(join(folder, 'dashboards'))).toEqual([`${dashboard.uid}.json`])
    expect(mounted).toContain('./config/grafana/dashboards:/etc/grafana/dashboards:ro')
    expect(read('dashboards/call-log-source.yaml')).toMatchObject({
      providers: [{ options: { path: '/etc/grafana/dashboards' } }],
    })
    expect(read('datasources/prometheus.yaml')).toMatchObject({
      datasources: [{ type: 'prometheus', url: 'http://prometheus:9090', isDefault: true }],
    })
  })
})

describe('the check itself', () => {
  test('finds a renamed metric, a value that is gone, a foreign label and a variable that nobody fills in', () => {
    const all = 'account=~"$account"'

    expect(unknownNames(`rate(call_log_source_rows_total{${all}}[$__rate_interval])`)).toEqual([
      'there is no metric call_log_source_rows_total',
    ])
    expect(unknownNames(`call_log_source_gap_seconds{${all}, state="shut"}`)).toEqual([
      'call_log_source_gap_seconds has no state="shut"',
    ])
    expect(unknownNames(`sum by (change) (call_log_source_gap_seconds{${all}})`)).toEqual(['nothing has the label change'])
    expect(unknownNames(`rate(call_log_source_repeats_total{${all}}[$window])`)).toEqual(['$window'])
  })

  test('the generator stops at a label value that is gone', () => {
    expect(() => series('gap_seconds', 'shut')).toThrow('gap_seconds has no label value shut')
    expect(() => perSecond('repeats_total', 'label')).toThrow('repeats_total has no label of its own')
  })
})
