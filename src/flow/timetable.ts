/**
 * When the schedules tick. A schedule that costs more than half its interval is stretched, and says so, so that catching up and the other
 * schedules still get their turn.
 */
import { hash } from 'node:crypto'
import { type Plan, type ScheduleEntry, tickAt } from '../model/schedule.ts'
import { SECOND_MS } from '../model/window.ts'
import type { Happening } from '../ports.ts'

export interface TimetableOptions {
  readonly account: string
  readonly schedule: readonly ScheduleEntry[]
  readonly settleMs: number
  readonly maxRowsPerRead: number
}

export class Timetable {
  private readonly entries: readonly ScheduleEntry[]
  private readonly stretched = new Map<string, number>()
  private readonly seed: number
  private readonly limits: Pick<Plan, 'settleMs' | 'rowsPerWindow'>

  constructor({ account, schedule, settleMs, maxRowsPerRead }: TimetableOptions) {
    this.limits = { settleMs, rowsPerWindow: maxRowsPerRead }
    this.entries = [...schedule].sort((a, b) => a.everyMs - b.everyMs)
    this.seed = Number.parseInt(hash('sha256', account).slice(0, 8), 16)
  }

  /** With `tickMs` every schedule has its newest tick then: each range is due unless it was read since. */
  plan(nowMs: number, tickMs: number | null): Plan {
    return { ...this.limits, schedule: this.entries, tickMs: entry => tickMs ?? this.tickMs(entry, nowMs) }
  }

  untilNextTickMs(nowMs: number): number {
    const next = Math.min(...this.entries.map(entry => this.tickMs(entry, nowMs) + this.everyMs(entry)))
    return Math.max(SECOND_MS / 10, next - nowMs)
  }

  /** Learns what a run of a schedule costs. */
  cost(name: string, durationMs: number, note: (happening: Happening) => void): void {
    const entry = this.entries.find(({ name: known }) => known === name)
    if (entry === undefined) return
    const everyMs = Math.max(entry.everyMs, 2 * durationMs)
    const ratio = everyMs / entry.everyMs
    if (ratio !== (this.stretched.get(name) ?? 1)) note({ kind: 'schedule.stretched', schedule: name, ratio })
    this.stretched.set(name, ratio)
  }

  private everyMs(entry: ScheduleEntry): number {
    return entry.everyMs * (this.stretched.get(entry.name) ?? 1)
  }

  /** Accounts tick at different moments, so that many connectors do not ask the same API all at once. */
  private tickMs(entry: ScheduleEntry, nowMs: number): number {
    const everyMs = this.everyMs(entry)
    return tickAt(everyMs, this.seed % everyMs, nowMs)
  }
}
