/**
 * The metrics of one process, on a registry of our own so that no library's global ones mix in. An account's series exist only while this
 * process owns it: two copies showing the same gauge would contradict each other.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { TaskState } from '../ports.ts'
import { type AccountMetrics, ownAccount } from './account-metrics.ts'
import { TASK_STATES } from './label-values.ts'
import { BUILD_INFO, type Bucketed, COUNTERS, GAUGES, HISTOGRAMS, type Labelled, PREFIX, TASK_STATE } from './metric-table.ts'

export interface Metrics {
  /** The account's series, created at 0 by the first call and by the first after `disown`. */
  account(account: string): AccountMetrics
  /** Takes away every series of the account but `task_state`: somebody else exports them from now on. */
  disown(account: string): void
  setState(account: string, state: TaskState): void
  /** Adds the process's own metrics, `process_…` and `nodejs_…`; to be called at most once. */
  watchProcess(): void
  /** Everything in Prometheus text format. */
  text(): Promise<string>
  readonly contentType: string
}

export interface MetricsOptions {
  /** Labels of `build_info`. */
  readonly build: Readonly<Record<string, string>>
  /** Names of the configured schedules, so that their series start at 0. */
  readonly schedules?: readonly string[]
  /** The configured accounts: one that gets no further than its start must show, or nothing could miss it. */
  readonly accounts?: readonly string[]
}

/** Of the library's own: a gauge that is called a total, a type within a name. Prometheus's linter minds, and nobody would miss them. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  'nodejs_eventloop_utilization_summary',
  'nodejs_eventloop_utilization_histogram',
]

export function createMetrics({ build, schedules = [], accounts = [] }: MetricsOptions): Metrics {
  const registry = new Registry()
  const common = (name: string, help: string, ...labels: string[]) => ({
    name: PREFIX + name,
    help,
    labelNames: labels,
    registers: [registry],
  })
  const own = (name: string, { help, label }: Labelled) => common(name, help, 'account', ...(label === undefined ? [] : [label]))

  const families = {
    counters: new Map(Object.entries<Labelled>(COUNTERS).map(([name, row]) => [name, new Counter<string>(own(name, row))])),
    gauges: new Map(Object.entries<Labelled>(GAUGES).map(([name, row]) => [name, new Gauge<string>(own(name, row))])),
    // Buckets are copied because the library freezes them.
    histograms: new Map(
      Object.entries<Bucketed>(HISTOGRAMS).map(([name, row]) => [
        name,
        new Histogram<string>({ ...own(name, row), buckets: [...row.buckets] }),
      ]),
    ),
  }
  const taskState = new Gauge<string>(common(TASK_STATE.name, TASK_STATE.help, 'account', 'state'))
  const showState = (account: string, state: TaskState | 'starting') => {
    for (const one of TASK_STATES) taskState.set({ account, state: one }, one === state ? 1 : 0)
  }
  for (const account of accounts) showState(account, 'starting')
  new Gauge<string>(common(BUILD_INFO.name, BUILD_INFO.help, ...Object.keys(build))).set({ ...build }, 1)

  const owned = new Map<string, ReturnType<typeof ownAccount>>()
  return {
    account(account) {
      const series = owned.get(account) ?? ownAccount(families, account, schedules)
      owned.set(account, series)
      return series
    },
    disown(account) {
      owned.get(account)?.disown()
      owned.delete(account)
    },
    setState: showState,
    watchProcess() {
      collectDefaultMetrics({ register: registry })
      for (const name of MISNAMED) registry.removeSingleMetric(name)
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}
