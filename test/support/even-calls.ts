/** Calls that come evenly, are shown at once and never change: arithmetic instead of a world, so that a week of them costs little to read. */
import type { Row } from '../../src/model/call-log.ts'
import { DAY_MS, SECOND_MS } from '../../src/model/window.ts'
import { callLog } from './calls.ts'
import type { Calls } from './paced-source.ts'

export function evenCalls(callsPerDay: number): Calls {
  /** How many start before an instant; they start on whole seconds. */
  const before = (atMs: number) => Math.floor((Math.ceil(atMs / SECOND_MS) * SECOND_MS * callsPerDay) / DAY_MS)
  const startOf = (index: number) => (Math.ceil(((index + 1) * DAY_MS) / callsPerDay / SECOND_MS) - 1) * SECOND_MS
  return {
    select(fromMs, untilMs, nowMs) {
      const [first, end] = [before(fromMs), Math.max(before(fromMs), before(Math.min(untilMs, nowMs)))]
      const rows = (skip: number, most: number) => {
        const count = Math.max(0, Math.min(most, end - first - skip))
        return Array.from({ length: count }, (_, index) => end - 1 - skip - index)
      }
      return { total: end - first, rows }
    },
    normalise: rows =>
      rows.map(
        (index): Row => ({ call: callLog({ call_id: `75a0f3c1-${Number(index)}-1`, start_time: startOf(Number(index)) }) }),
      ),
  }
}
