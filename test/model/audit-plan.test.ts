import { describe, expect, test } from 'vitest'
import { bookedIn, planAudit } from '../../src/model/audit-plan.ts'
import type { Coverage, Gap, Slot } from '../../src/model/coverage.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/window.ts'

const nowMs = Date.UTC(2026, 0, 8, 12)
const settleMs = 5 * MINUTE_MS
const hour = (ago: number) => nowMs - ago * HOUR_MS

/** The hour that began so many hours ago, read `afterMs` after its end. */
const slot = (ago: number, count = 10, afterMs = settleMs): Slot => {
  const untilMs = hour(ago - 1)
  const readMs = untilMs + afterMs
  return { fromMs: hour(ago), untilMs, firstReadMs: readMs, newestReadMs: readMs, count, checkedMs: readMs }
}
const coverageOf = (slots: readonly Slot[], gaps: readonly Gap[] = [], anchorMs = hour(48)): Coverage => ({
  anchorMs,
  slots,
  gaps,
})
const gap = (fromMs: number, untilMs: number, state: Gap['state'] = 'open'): Gap => ({
  fromMs,
  untilMs,
  openedMs: 0,
  attemptedMs: 0,
  reason: 'unproved',
  state,
})
const plan = (coverage: Coverage, asked: { fromMs: number; untilMs: number } | null = null, rowsPerWindow = 1_000) =>
  planAudit(coverage, { asked, settleMs, rowsPerWindow, nowMs })

describe('what an audit reads', () => {
  test('is everything settled, up to the last settled slot, in as few windows as rows allow', () => {
    const coverage = coverageOf([slot(4), slot(3), slot(2), slot(1, 10, settleMs - 1)], [], hour(4))

    expect(plan(coverage)).toMatchObject({
      range: { fromMs: hour(4), untilMs: hour(1) },
      windows: [{ fromMs: hour(4), untilMs: hour(1), rows: 30 }],
      holes: [],
    })
    expect(plan(coverage, null, 20).windows.map(({ fromMs, rows }) => [fromMs, rows])).toEqual([
      [hour(4), 20],
      [hour(2), 10],
    ])
  })

  test('never spans more than a day, nor a hole', () => {
    const slots = [...Array.from({ length: 30 }, (_, index) => slot(40 - index, 0)), slot(5, 0)]

    const windows = plan(coverageOf(slots, [], hour(40))).windows.map(({ fromMs, untilMs }) => [fromMs, untilMs])

    expect(windows).toEqual([
      [hour(40), hour(16)],
      [hour(16), hour(10)],
      [hour(5), hour(4)],
    ])
  })

  test('says of every part of the range that is not settled why, and nothing of what comes after it', () => {
    const coverage = coverageOf(
      [slot(9), slot(6, 10, 0), slot(4)],
      [gap(hour(8), hour(7)), gap(hour(7), hour(6), 'lost')],
      hour(9),
    )

    expect(plan(coverage).holes).toEqual([
      { fromMs: hour(8), untilMs: hour(7), reason: 'gap: unproved' },
      { fromMs: hour(7), untilMs: hour(6), reason: 'lost: unproved' },
      { fromMs: hour(6), untilMs: hour(5), reason: 'read, but not settled yet' },
      { fromMs: hour(5), untilMs: hour(4), reason: 'never read completely' },
    ])
  })

  test('is narrowed by what is asked for, to parts of slots whose counts then say nothing', () => {
    const half = hour(4) + 30 * MINUTE_MS

    const { range, windows } = plan(coverageOf([slot(4), slot(3), slot(2)], [], hour(4)), { fromMs: half, untilMs: hour(2) })

    expect(range).toEqual({ fromMs: half, untilMs: hour(2) })
    expect(windows).toMatchObject([{ fromMs: half, untilMs: hour(2), rows: 15, slots: [slot(3)] }])
  })

  test('leaves out what the API will not show any more', () => {
    const days = Array.from({ length: 7 * 24 }, (_, index) => slot(7 * 24 - index, 1))

    const { range } = plan(coverageOf(days, [], hour(7 * 24)))

    expect(range?.fromMs).toBe(nowMs - 6 * DAY_MS + 5 * MINUTE_MS)
  })

  test('is nothing when nothing is settled', () => {
    expect(plan(coverageOf([slot(1, 10, 0)]))).toEqual({ range: null, windows: [], holes: [] })
  })
})

test('the books count a window that whole slots fill, and no other', () => {
  const coverage = coverageOf([slot(4, 3), slot(3, 5)])

  expect(bookedIn(coverage, { fromMs: hour(4), untilMs: hour(2) })).toBe(8)
  expect(bookedIn(coverage, { fromMs: hour(4), untilMs: hour(1) })).toBeNull()
  expect(bookedIn(coverage, { fromMs: hour(4) + MINUTE_MS, untilMs: hour(2) })).toBeNull()
})
