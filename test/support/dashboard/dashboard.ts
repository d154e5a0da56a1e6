/**
 * The Grafana dashboard as its JSON, from the rows in rows/. What is committed in config/grafana/dashboards is what this prints
 * (`npm run dashboard`); a test holds the two together.
 */
import { PREFIX, TASK_STATE } from '../../../src/telemetry/metric-table.ts'
import { DATASOURCE, heightOf, type Panel, panelJson, type Row } from './panels.ts'
import { budget } from './rows/budget.ts'
import { changes } from './rows/changes.ts'
import { completeness } from './rows/completeness.ts'
import { freshness } from './rows/freshness.ts'
import { kafka } from './rows/kafka.ts'

const COLUMNS = 24

export function dashboardText(): string {
  return `${JSON.stringify(dashboard([freshness, completeness, budget, changes, kafka]), null, 2)}\n`
}

function dashboard(rows: readonly Row[]): object {
  return {
    uid: 'call-log-source',
    title: 'call-log-source',
    description: 'Calls of the Kaleyra.io Call Log Pull API on their way to Kafka: how fresh, how complete, at what cost.',
    tags: ['kafka', 'call-log-source'],
    schemaVersion: 42,
    version: 1,
    editable: true,
    graphTooltip: 1,
    timezone: 'utc',
    time: { from: 'now-6h', to: 'now' },
    refresh: '30s',
    annotations: { list: [] },
    links: [],
    templating: { list: [datasourceVariable, accountVariable] },
    panels: laidOut(rows),
  }
}

const datasourceVariable = { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus', hide: 0 }

// Every instance shows the state of every account, owned or not, so that it is the metric that knows them all.
const ACCOUNTS = `label_values(${PREFIX}${TASK_STATE.name}, account)`
const accountVariable = {
  name: 'account',
  label: 'Account',
  type: 'query',
  datasource: DATASOURCE,
  definition: ACCOUNTS,
  query: { query: ACCOUNTS, refId: 'accounts' },
  refresh: 2,
  sort: 1,
  multi: true,
  includeAll: true,
  allValue: '.*',
  current: { text: ['All'], value: ['$__all'] },
}

/** Panels side by side as long as they fit; a row of the dashboard begins with its title. */
function laidOut(rows: readonly Row[]): object[] {
  const placed: object[] = []
  let y = 0
  for (const { title, panels } of rows) {
    placed.push({
      id: placed.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
      panels: [],
    })
    y += 1
    for (const line of linesOf(panels)) {
      let x = 0
      for (const panel of line) {
        placed.push(panelJson(panel, placed.length + 1, x, y))
        x += panel.width
      }
      y += Math.max(...line.map(heightOf))
    }
  }
  return placed
}

function linesOf(panels: readonly Panel[]): Panel[][] {
  const lines: Panel[][] = []
  let free = 0
  for (const panel of panels) {
    if (panel.width > free) {
      lines.push([])
      free = COLUMNS
    }
    lines.at(-1)?.push(panel)
    free -= panel.width
  }
  return lines
}
