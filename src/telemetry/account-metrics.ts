/**
 * One account's series. Children are looked up once, when the account is taken on; closed label sets start at 0, so that an alarm on a
 * rate works from the first event on.
 */
import type { Counter, Gauge, Histogram } from 'prom-client'
import { COUNTERS, type CounterName, GAUGES, type GaugeName, type HistogramName, type Labelled } from './metric-table.ts'

export interface AccountMetrics {
  /** Adds to a counter, 1 unless told. A label value outside a closed set counts as `other`. */
  add(name: CounterName, amount?: number, labelValue?: string): void
  /** Sets a gauge; `null` takes the series away, because 0 would be a false instant. */
  set(name: GaugeName, value: number | null, labelValue?: string): void
  observe(name: HistogramName, value: number): void
}

export interface Families {
  readonly counters: ReadonlyMap<string, Counter<string>>
  readonly gauges: ReadonlyMap<string, Gauge<string>>
  readonly histograms: ReadonlyMap<string, Histogram<string>>
}

/** Creates the account's series. `schedules` are the names that the label `schedule` is known to take. */
export function ownAccount(
  families: Families,
  account: string,
  schedules: readonly string[],
): AccountMetrics & { disown(): void } {
  const counters = new Map<string, Counter.Internal>()
  const histograms = new Map<string, Histogram.Internal<string>>()
  const removals = new Map<string, () => void>()

  const counter = (name: string, row: Labelled, value?: string): Counter.Internal | undefined => {
    const key = keyOf(name, value)
    const known = counters.get(key)
    const family = families.counters.get(name)
    if (known !== undefined || family === undefined) return known
    const labels = labelsOf(account, row, value)
    const child = family.labels(labels)
    child.inc(0)
    counters.set(key, child)
    removals.set(key, () => family.remove(labels))
    return child
  }

  for (const [name, row] of Object.entries<Labelled>(COUNTERS)) {
    if (row.label === undefined) counter(name, row)
    else for (const value of row.values ?? schedules) counter(name, row, value)
  }
  for (const [name, family] of families.histograms) {
    family.zero({ account })
    histograms.set(name, family.labels({ account }))
    removals.set(name, () => family.remove({ account }))
  }

  return {
    add(name, amount = 1, labelValue) {
      // One NaN would make the counter NaN for good.
      if (!(amount >= 0 && amount < Infinity)) throw new Error(`${name} cannot grow by ${amount}`)
      const row: Labelled = COUNTERS[name]
      const isListed = labelValue === undefined || row.values === undefined || row.values.includes(labelValue)
      counter(name, row, isListed ? labelValue : 'other')?.inc(amount)
    },
    set(name, value, labelValue) {
      const family = families.gauges.get(name)
      if (family === undefined) return
      const labels = labelsOf(account, GAUGES[name], labelValue)
      removals.set(keyOf(name, labelValue), () => family.remove(labels))
      if (value === null) family.remove(labels)
      else family.set(labels, value)
    },
    observe: (name, value) => histograms.get(name)?.observe(value),
    disown() {
      for (const remove of removals.values()) remove()
    },
  }
}

function keyOf(name: string, value: string | undefined): string {
  return value === undefined ? name : `${name} ${value}`
}

function labelsOf(account: string, { label }: Labelled, value = ''): Record<string, string> {
  return label === undefined ? { account } : { account, [label]: value }
}
