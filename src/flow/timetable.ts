/**
 * When the schedules tick. A schedule whose runs cost more than half its interval is stretched, and says so, so that catching up and the other
 * schedules still get their turn. A run is all that was read for one tick, in however many windows.
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

/** The newest run of a schedule. */
interface Run {
  readonly tickMs: number
  readonly spentMs: number
}

/** A run may take so much of its interval. */
const LARGEST_SHARE = 0.5
/** Intervals grow in halves: ticks are multiples of the interval, so one that differed from run to run would tick at random. */
const STEPS = 2
/** An interval is shortened again only when its runs would take less than the share by this factor, or it would go to and fro. */
const RELUCTANCE = 1.2

export class Timetable {
  private readonly entries: readonly ScheduleEntry[]
  private readonly stretched = new Map<string, number>()
  private readonly runs = new Map<string, Run>()
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

  /** Learns what a window of a schedule cost, whose reading began at `beganMs`. */
  cost(name: string, beganMs: number, durationMs: number, note: (happening: Happening) => void): void {
    const entry = this.entries.find(({ name: known }) => known === name)
    if (entry === undefined) return
    const before = this.runs.get(name)
    const isSameRun = before?.tickMs === this.tickMs(entry, beganMs)
    if (before !== undefined && !isSameRun) this.shorten(entry, before.spentMs, note)
    const spentMs = (isSameRun ? before.spentMs : 0) + durationMs
    const needed = ratioFor(entry, spentMs)
    if (needed > this.ratioOf(name)) this.stretch(name, needed, note)
    // By the interval as it is now, or the rest of this run would count as another.
    this.runs.set(name, { tickMs: this.tickMs(entry, beganMs), spentMs })
  }

  private shorten(entry: ScheduleEntry, spentMs: number, note: (happening: Happening) => void): void {
    const enough = ratioFor(entry, spentMs * RELUCTANCE)
    if (enough < this.ratioOf(entry.name)) this.stretch(entry.name, enough, note)
  }

  private stretch(name: string, ratio: number, note: (happening: Happening) => void): void {
    this.stretched.set(name, ratio)
    note({ kind: 'schedule.stretched', schedule: name, ratio })
  }

  private ratioOf(name: string): number {
    return this.stretched.get(name) ?? 1
  }

  private everyMs(entry: ScheduleEntry): number {
    return entry.everyMs * this.ratioOf(entry.name)
  }

  /** Accounts tick at different moments, so that many connectors do not ask the same API all at once. */
  private tickMs(entry: ScheduleEntry, nowMs: number): number {
    return tickAt(this.everyMs(entry), this.seed % entry.everyMs, nowMs)
  }
}

/** By how much the interval must be longer than configured for runs that cost so much, in half steps from 1. */
function ratioFor({ everyMs }: ScheduleEntry, spentMs: number): number {
  return Math.max(1, Math.ceil((STEPS * spentMs) / LARGEST_SHARE / everyMs) / STEPS)
}
