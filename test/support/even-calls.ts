/** Calls that come evenly, are shown at once and never change: arithmetic instead of a world, so that a week of them costs little to read. */
import { DAY_MS, SECOND_MS } from '../../src/model/window.ts'
import { callLog } from './calls.ts'
import type { Calls } from './paced-source.ts'

export function evenCalls(callsPerDay: number): Calls {
  /** How many start before a whole second. */
  const before = (atMs: number) => Math.floor((atMs * callsPerDay) / DAY_MS)
  const startOf = (index: number) => (Math.ceil(((index + 1) * DAY_MS) / callsPerDay / SECOND_MS) - 1) * SECOND_MS
  const callOf = (index: number) => callLog({ call_id: `75a0f3c1-${index}-1`, start_time: startOf(index) })
  return {
    select(fromMs, untilMs, nowMs) {
      const shownMs = Math.min(untilMs, Math.floor(nowMs / SECOND_MS) * SECOND_MS)
      const [first, end] = [before(fromMs), Math.max(before(fromMs), before(shownMs))]
      return {
        total: end - first,
        rows(skip, most) {
          const count = Math.max(0, Math.min(most, end - first - skip))
          return Array.from({ length: count }, (_, index) => ({ call: callOf(end - 1 - skip - index) }))
        },
      }
    },
  }
}
