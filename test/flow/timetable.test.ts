import { describe, expect, test } from 'vitest'
import { Timetable } from '../../src/flow/timetable.ts'
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../src/model/window.ts'
import type { Happening } from '../../src/ports.ts'

const startMs = Date.parse('2026-03-10T12:00:00Z')
const hot = { name: 'hot', everyMs: MINUTE_MS, spanMs: 30 * MINUTE_MS }
const cold = { name: 'cold', everyMs: DAY_MS, spanMs: 6 * DAY_MS }

function timetable() {
  const ratios: number[] = []
  const note = (happening: Happening) => {
    if (happening.kind === 'schedule.stretched') ratios.push(happening.ratio)
  }
  const table = new Timetable({ account: 'main', schedule: [cold, hot], settleMs: 5 * MINUTE_MS, maxRowsPerRead: 5_000 })
  const tickMs = (nowMs: number) => table.plan(nowMs, null).tickMs(hot)
  /** A run in so many windows of so many seconds each, begun at a tick of its own; when the next tick comes. */
  const run = (nowMs: number, ...seconds: number[]) => {
    let atMs = tickMs(nowMs)
    for (const cost of seconds) {
      table.cost('hot', atMs, cost * SECOND_MS, note)
      atMs += cost * SECOND_MS
    }
    return atMs + table.untilNextTickMs(atMs)
  }
  return { table, ratios, run, tickMs }
}

describe('a schedule', () => {
  test('whose runs cost up to half its interval keeps it', () => {
    const { run, ratios } = timetable()

    run(startMs, 4, 1, 25)

    expect(ratios).toEqual([])
  })

  test('is stretched by what a whole run costs, in however many windows, in half steps', () => {
    const { run, ratios, tickMs } = timetable()

    const nextMs = run(startMs, 20, 20, 2)

    expect(ratios).toEqual([1.5])
    expect(tickMs(nextMs) - tickMs(nextMs - 1)).toBe(1.5 * MINUTE_MS)
  })

  test('ticks at a constant interval while its runs cost about the same', () => {
    const { run, ratios, tickMs } = timetable()
    let nowMs = run(startMs, 41)
    const ticks: number[] = []
    for (const seconds of [42, 38, 44, 40, 43, 39]) {
      ticks.push(tickMs(nowMs))
      nowMs = run(nowMs, seconds)
    }

    expect(ratios).toEqual([1.5])
    expect(ticks.slice(1).map((tick, index) => tick - (ticks[index] ?? 0))).toEqual(new Array(5).fill(1.5 * MINUTE_MS))
  })

  test('is told once when it is stretched and once when it is no longer, not at every window', () => {
    const { run, ratios } = timetable()

    let nowMs = startMs
    for (let round = 0; round < 10; round += 1) nowMs = run(nowMs, 35, 1)
    for (let round = 0; round < 10; round += 1) nowMs = run(nowMs, 10, 1)

    expect(ratios).toEqual([1.5, 1])
  })

  test('of another name than those it has costs it nothing', () => {
    const { table, ratios } = timetable()

    table.cost('backfill', startMs, DAY_MS, () => ratios.push(Number.NaN))

    expect(ratios).toEqual([])
  })
})
