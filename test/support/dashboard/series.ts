/**
 * The connector's metrics as Prometheus queries name them. Names come from the tables of src/telemetry, so that a renamed metric does not
 * compile here; labels and their closed sets are looked up there, so that one that is gone stops the generator.
 */
import { TASK_STATES } from '../../../src/telemetry/label-values.ts'
import {
  COUNTERS,
  type CounterName,
  GAUGES,
  type GaugeName,
  type HistogramName,
  type Labelled,
  PREFIX,
  TASK_STATE,
} from '../../../src/telemetry/metric-table.ts'

export type LabelledName = CounterName | GaugeName | 'task_state'

const ROWS: Readonly<Record<string, Labelled>> = {
  ...COUNTERS,
  ...GAUGES,
  [TASK_STATE.name]: { help: TASK_STATE.help, label: 'state', values: TASK_STATES },
}
const OF_ACCOUNTS = 'account=~"$account"'

/** The series of the accounts chosen on the dashboard. Throws when the metric has no such label value. */
export function series(name: LabelledName, value?: string): string {
  const row = ROWS[name]
  if (value === undefined) return `${PREFIX}${name}{${OF_ACCOUNTS}}`
  if (row?.label === undefined || row.values?.includes(value) !== true) throw new Error(`${name} has no label value ${value}`)
  return `${PREFIX}${name}{${OF_ACCOUNTS}, ${row.label}="${value}"}`
}

/** The metric's own label, to aggregate by. Throws when it has none. */
export function labelOf(name: LabelledName): string {
  const label = ROWS[name]?.label
  if (label === undefined) throw new Error(`${name} has no label of its own`)
  return label
}

/** How often a second, by account, and by the metric's own label where it is named. */
export function perSecond(name: CounterName, by: 'account' | 'label', value?: string): string {
  return `sum by (${by === 'label' ? labelOf(name) : by}) (rate(${series(name, value)}[$__rate_interval]))`
}

/** How many since the point before. */
export function counted(name: CounterName, by: 'account' | 'label'): string {
  return `sum by (${by === 'label' ? labelOf(name) : by}) (increase(${series(name)}[$__rate_interval]))`
}

/** The one value of each account, whichever instance shows it: only the owner does. */
export function newest(name: GaugeName, by: 'account' | 'label' = 'account', value?: string): string {
  return `max by (${by === 'label' ? `account, ${labelOf(name)}` : by}) (${series(name, value)})`
}

/** `share` of the observations of `window` are at most this; nothing where there are none. */
export function quantile(share: number, name: HistogramName, window = '$__rate_interval'): string {
  return `histogram_quantile(${share}, sum by (le) (rate(${PREFIX}${name}_bucket{${OF_ACCOUNTS}}[${window}])))`
}

/** The mean of the observations; nothing where there are none. */
export function mean(name: HistogramName): string {
  const part = (suffix: 'sum' | 'count') =>
    `sum by (account) (rate(${PREFIX}${name}_${suffix}{${OF_ACCOUNTS}}[$__rate_interval]))`
  return `${part('sum')} / (${part('count')} > 0)`
}
