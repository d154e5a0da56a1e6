/**
 * Fits what an operator asked for into the reading: after what the schedule has never read and what is due again, except where the API is about to
 * forget it. The reader is watched, so that a range is crossed off in the very commit that makes its rows durable.
 */
import { ageBackfills, nextBackfill, nextRescue, proved, unproved } from '../model/backfill.ts'
import type { Gap } from '../model/coverage.ts'
import { type Due, nextDue, type Plan } from '../model/schedule.ts'
import type { AccountState } from '../model/state.ts'
import { subtract, type Window } from '../model/window.ts'
import type { Clock } from '../ports.ts'
import type { WindowReader } from './read.ts'

/** What to read next, `null` when nothing is due. A range that was never read goes before everything that was asked for. */
export function nextOf({ coverage, backfills }: AccountState, plan: Plan, nowMs: number, edgeMs: number): Due | null {
  const due = nextDue(coverage, plan, nowMs, edgeMs)
  const isNeverRead = due?.readBy === 'backfill'
  const asked = isNeverRead ? null : nextRescue(backfills, nowMs, edgeMs)
  const window = asked ?? (due === null ? nextBackfill(backfills, edgeMs) : null)
  return window === null ? due : { readBy: 'backfill', window, settled: [] }
}

/** Time passes for what was asked for; what is out of the API's reach by now becomes a lost gap, unless it had been read before. */
export function passTime(state: AccountState, plan: Plan, nowMs: number): readonly Window[] {
  const slowest = plan.schedule.at(-1)
  const { backfills, lost } = ageBackfills(state.backfills, nowMs, slowest === undefined ? 0 : plan.tickMs(slowest))
  state.backfills = backfills
  const gone = subtract(lost, state.coverage.slots)
  const about = { openedMs: nowMs, attemptedMs: 0, reason: 'asked for too late', state: 'lost' } as const
  const gaps = gone.map((window): Gap => ({ ...window, ...about }))
  if (gaps.length > 0) state.coverage = { ...state.coverage, gaps: [...state.coverage.gaps, ...gaps] }
  return gone
}

/** The same reader; what it proves is crossed off, and what it could not prove is put off. */
export function crossingOff(reader: WindowReader, state: AccountState, clock: Clock): Pick<WindowReader, 'read'> {
  return {
    async *read(due, signal) {
      for await (const step of reader.read(due, signal)) {
        if (step.kind === 'proved') state.backfills = proved(state.backfills, step.proved)
        else if (step.kind === 'gap') state.backfills = unproved(state.backfills, step.window, clock.now())
        yield step
      }
    },
  }
}
