/** The dashboard as it is committed: what it asks for exists, and people can read what it shows. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { PREFIX, TASK_STATE } from '../src/telemetry/metric-table.ts'
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

/** What is wrong with what a query leaves to its reader, as sentences; that its names exist is held by prometheus/names.test.ts. */
function unchosen(expr: string): string[] {
  const everyone = [...expr.matchAll(new RegExp(`(${PREFIX}\\w+)(?:\\{([^}]*)\\})?`, 'g'))].filter(
    ([, , matchers = '']) => !matchers.includes('account=~"$account"'),
  )
  const variables = (expr.match(/\$\w+/g) ?? []).filter(name => !['$account', '$__rate_interval', '$__range'].includes(name))
  return [...everyone.map(([, name]) => `${name} shows accounts that were not chosen`), ...variables]
}

describe('the dashboard', () => {
  test('is what the generator prints; `npm run dashboard` writes it anew', () => {
    expect(committed).toBe(dashboardText())
  })

  test('asks only for the accounts that were chosen, and with variables that Grafana fills in', () => {
    expect(targets.length).toBeGreaterThan(25)
    expect(targets.flatMap(({ expr }) => unchosen(expr))).toEqual([])
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
  test('finds a query of all accounts, and a variable that nobody fills in', () => {
    const all = 'account=~"$account"'

    expect(unchosen(`rate(call_log_source_repeats_total{${all}}[$__rate_interval])`)).toEqual([])
    expect(unchosen('call_log_source_gap_seconds{state="open"}')).toEqual([
      'call_log_source_gap_seconds shows accounts that were not chosen',
    ])
    expect(unchosen('call_log_source_seen_entries')).toEqual(['call_log_source_seen_entries shows accounts that were not chosen'])
    expect(unchosen(`rate(call_log_source_repeats_total{${all}}[$window])`)).toEqual(['$window'])
  })

  test('the generator stops at a label value that is gone', () => {
    expect(() => series('gap_seconds', 'shut')).toThrow('gap_seconds has no label value shut')
    expect(() => perSecond('repeats_total', 'label')).toThrow('repeats_total has no label of its own')
  })
})
