/**
 * What the schedule will cost, by living it: the same schedule, books and timetable as the connector's, against an API that is only arithmetic,
 * with calls coming evenly and none late. Nothing is sent and no time passes. A real day has peaks, late rows and retries on top.
 */
import { age, book, type Coverage, check, type Slot, startCoverage, unread } from '../model/coverage.ts'
import { edgeOf, nextDue, type ScheduleEntry } from '../model/schedule.ts'
import { DAY_MS, HOUR_MS, intersect, MINUTE_MS, SECOND_MS, spanMs, split, type Window } from '../model/window.ts'
import { plannedParts } from './read.ts'
import { Timetable } from './timetable.ts'

export interface ForecastOptions {
  readonly schedule: readonly ScheduleEntry[]
  readonly settleMs: number
  readonly maxRowsPerRead: number
  /** How far the first start reaches back. */
  readonly startFromMs: number
  readonly pageSize: number
  readonly requestsPerSecond: number
  readonly callsPerDay: number
  /** Whose ticks: those of different accounts come at different moments, which makes a difference of some percent. */
  readonly account?: string
}

/** What one schedule comes to. */
export interface Load {
  windows: number
  requests: number
}

export interface Forecast {
  /** From the first start until everything in reach was read once. */
  readonly catchUp: Load & { readonly durationMs: number }
  /** One day once caught up, by schedule; `backfill` is what could not be read in time by its own. */
  readonly day: ReadonlyMap<string, Load>
  readonly requestsPerDay: number
  /** Requests a day by what the budget allows, 0 to 1. */
  readonly share: number
  /** Schedules that cost more than half their interval run less often: by what factor at the end of the day. */
  readonly stretched: ReadonlyMap<string, number>
}

/** An account behind after this long never catches up. */
const PATIENCE_MS = 30 * DAY_MS
/** What was read while catching up has settled by then, and been read again where it was due. */
const SETTLING_MS = 6 * HOUR_MS
/** The newest slots are always still to be read. */
const NEWEST_MS = 2 * MINUTE_MS

/** Forecasts a first start at `nowMs` and the day after. `null` when the budget is so small that the reading never catches up. */
export function forecast(options: ForecastOptions, nowMs: number): Forecast | null {
  const life = new ArithmeticLife(options, nowMs)
  const catchUp = life.until(() => life.isCaughtUp || life.nowMs - nowMs > PATIENCE_MS)
  const durationMs = life.nowMs - nowMs
  if (durationMs > PATIENCE_MS) return null
  const total = [...catchUp.values()].reduce(
    (sum, { windows, requests }) => ({ windows: sum.windows + windows, requests: sum.requests + requests }),
    { windows: 0, requests: 0 },
  )
  const settledMs = life.nowMs + SETTLING_MS
  life.until(() => life.nowMs >= settledMs)
  const beginMs = life.nowMs
  const day = life.until(() => life.nowMs >= beginMs + DAY_MS)
  const requestsPerDay = [...day.values()].reduce((sum, { requests }) => sum + requests, 0)
  const share = requestsPerDay / (options.requestsPerSecond * ((life.nowMs - beginMs) / SECOND_MS))
  const stretched = new Map([...life.stretched].filter(([, ratio]) => ratio > 1))
  const names = [...options.schedule.map(({ name }) => name), ...day.keys()]
  const inOrder = new Map(names.flatMap(name => [[name, day.get(name) ?? { windows: 0, requests: 0 }] as const]))
  return { catchUp: { ...total, durationMs }, day: inOrder, requestsPerDay, share, stretched }
}

class ArithmeticLife {
  nowMs: number
  readonly stretched = new Map<string, number>()
  private coverage: Coverage
  private readonly options: ForecastOptions
  private readonly timetable: Timetable

  constructor(options: ForecastOptions, nowMs: number) {
    this.options = options
    this.nowMs = nowMs
    this.coverage = startCoverage(nowMs, options.startFromMs)
    this.timetable = new Timetable({ account: '', ...options })
  }

  get isCaughtUp(): boolean {
    return this.coverage.slots.length > 0 && unread(this.coverage, this.nowMs - NEWEST_MS).length === 0
  }

  /** Lives on until `ends`; what was read meanwhile, by schedule. */
  until(ends: () => boolean): ReadonlyMap<string, Load> {
    const loads = new Map<string, Load>()
    while (!ends()) {
      this.coverage = age(this.coverage, this.nowMs)
      const due = nextDue(this.coverage, this.timetable.plan(this.nowMs, null), this.nowMs, edgeOf(this.nowMs, null))
      if (due === null) {
        this.nowMs += this.timetable.untilNextTickMs(this.nowMs)
        continue
      }
      const readAtMs = this.nowMs
      const requests = due.settled.length > 0 ? 1 : this.requestsFor(due.window)
      this.nowMs += (requests * SECOND_MS) / this.options.requestsPerSecond
      this.coverage =
        due.settled.length > 0 ? check(this.coverage, due.window, readAtMs) : this.booked({ ...due.window, readAtMs })
      this.timetable.cost(due.readBy, readAtMs, this.nowMs - readAtMs, happening => {
        if (happening.kind === 'schedule.stretched') this.stretched.set(happening.schedule, happening.ratio)
      })
      const load = loads.get(due.readBy) ?? { windows: 0, requests: 0 }
      load.windows += 1
      load.requests += requests
      loads.set(due.readBy, load)
    }
    return loads
  }

  private booked(proved: Window & { readonly readAtMs: number }): Coverage {
    const coverage = book(this.coverage, [proved], this.nowMs)
    const counted = (slot: Slot) => (spanMs(intersect(slot, proved)) > 0 ? { ...slot, count: this.callsIn(slot) } : slot)
    return { ...coverage, slots: coverage.slots.map(counted) }
  }

  /** As `flow/read.ts` and the source read: whole pages, page 1 once more after several, too many rows in planned parts. */
  private requestsFor(window: Window): number {
    const { pageSize, maxRowsPerRead } = this.options
    const rows = this.callsIn({ fromMs: window.fromMs - SECOND_MS, untilMs: window.untilMs + SECOND_MS })
    if (rows > maxRowsPerRead && spanMs(window) > SECOND_MS)
      return 1 + split(window, plannedParts(rows, maxRowsPerRead)).reduce((sum, part) => sum + this.requestsFor(part), 0)
    const pages = Math.max(1, Math.ceil(rows / pageSize))
    return pages === 1 ? 1 : pages + 1
  }

  /** Evenly, and the same for every way of cutting a range. */
  private callsIn({ fromMs, untilMs }: Window): number {
    const before = (atMs: number) => Math.floor((atMs / DAY_MS) * this.options.callsPerDay)
    return before(untilMs) - before(fromMs)
  }
}
