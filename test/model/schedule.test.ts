import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { age, book, type Coverage, check, HORIZON_MS, openGap, startCoverage, unread } from '../../src/model/coverage.ts'
import { edgeOf, nextDue, type Plan, tickAt } from '../../src/model/schedule.ts'
import { contains, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, spanMs } from '../../src/model/window.ts'

const schedule = [
  { name: 'hot', everyMs: MINUTE_MS, spanMs: 30 * MINUTE_MS },
  { name: 'warm', everyMs: 30 * MINUTE_MS, spanMs: 6 * HOUR_MS },
  { name: 'cold', everyMs: DAY_MS, spanMs: 6 * DAY_MS },
]
const planAt = (nowMs: number): Plan => ({
  schedule,
  tickMs: entry => tickAt(entry.everyMs, 0, nowMs),
  settleMs: 5 * MINUTE_MS,
  rowsPerWindow: 5_000,
})
const start = Date.parse('2026-03-10T12:34:56Z')

/** Reads whatever is due until nothing is, each window taking `costMs`. */
function readAllDue(coverage: Coverage, fromMs: number, costMs: number): { coverage: Coverage; reads: string[]; nowMs: number } {
  const reads: string[] = []
  let [books, nowMs] = [coverage, fromMs]
  for (let round = 0; round < 500; round += 1) {
    books = age(books, nowMs)
    const due = nextDue(books, planAt(nowMs), nowMs, edgeOf(nowMs, null))
    if (due === null) return { coverage: books, reads, nowMs }
    reads.push(due.settled.length > 0 ? `${due.readBy} counted` : due.readBy)
    books = due.settled.length > 0 ? check(books, due.window, nowMs) : book(books, [{ ...due.window, readAtMs: nowMs }], nowMs)
    nowMs += costMs
  }
  throw new Error('never done')
}

describe('the first start', () => {
  test('rescues what is near the horizon, then reads the newest, then backwards to the anchor', () => {
    const { reads, coverage } = readAllDue(startCoverage(start, 6 * DAY_MS), start, 100)

    expect(reads[0]).toBe('backfill')
    expect(reads[1]).toBe('hot')
    expect(reads.slice(2).every(readBy => readBy === 'backfill' || readBy === 'warm')).toBe(true)
    expect(unread(coverage, start - 2 * MINUTE_MS)).toEqual([])
  })

  test('with a short reach begins with the hot window, up to five seconds before now', () => {
    const due = nextDue(startCoverage(start, 2 * HOUR_MS), planAt(start), start, edgeOf(start, null))

    expect(due?.readBy).toBe('hot')
    expect(due?.window.untilMs).toBe(start - 5 * SECOND_MS - ((start - 5 * SECOND_MS) % SECOND_MS))
  })
})

test('of a ledger that begins in an unfinished minute nothing is due until the minute is whole', () => {
  const bornMs = start - (start % MINUTE_MS) + 20 * SECOND_MS
  const books = startCoverage(bornMs, 20 * SECOND_MS)
  const dueAfter = (ms: number) => nextDue(books, planAt(bornMs + ms), bornMs + ms, edgeOf(bornMs + ms, null))
  const wholeMs = MINUTE_MS - 20 * SECOND_MS + 5 * SECOND_MS

  expect(dueAfter(wholeMs - 1)).toBeNull()
  expect(dueAfter(wholeMs)?.window).toEqual({ fromMs: books.anchorMs, untilMs: books.anchorMs + MINUTE_MS })
})

describe('re-reads', () => {
  const settled = readAllDue(startCoverage(start, 6 * DAY_MS), start, 100)

  test('nothing is due again before the next tick', () => {
    expect(nextDue(settled.coverage, planAt(settled.nowMs), settled.nowMs, edgeOf(settled.nowMs, null))).toBeNull()
  })

  test('a minute later what has not settled is read again, and the settled rest of the hot window is counted', () => {
    const laterMs = settled.nowMs + MINUTE_MS
    const books = age(settled.coverage, laterMs)
    const fresh = nextDue(books, planAt(laterMs), laterMs, edgeOf(laterMs, null))
    expect(fresh).toMatchObject({ readBy: 'hot', settled: [] })
    const window = fresh?.window ?? { fromMs: 0, untilMs: 0 }
    expect(spanMs(window)).toBeGreaterThan(5 * MINUTE_MS)
    expect(spanMs(window)).toBeLessThan(8 * MINUTE_MS)

    const read = book(books, [{ ...window, readAtMs: laterMs }], laterMs)
    const rest = nextDue(read, planAt(laterMs), laterMs, edgeOf(laterMs, null))
    expect(rest?.readBy).toBe('hot')
    expect(rest?.settled).toEqual(read.slots.filter(slot => rest !== null && contains(rest.window, slot)))
    expect(rest?.window.untilMs).toBe(window.fromMs)
    expect(spanMs(rest?.window ?? window)).toBeGreaterThan(22 * MINUTE_MS)
  })

  test('a run that owes every schedule a tick reads at once, since counting would not spare the reading', () => {
    const laterMs = settled.nowMs + MINUTE_MS
    const plan: Plan = { ...planAt(laterMs), tickMs: () => laterMs }
    const due = nextDue(age(settled.coverage, laterMs), plan, laterMs, edgeOf(laterMs, null))

    expect(due?.settled).toEqual([])
    expect(spanMs(due?.window ?? { fromMs: 0, untilMs: 0 })).toBeGreaterThan(29 * MINUTE_MS)
  })

  test('windows are planned by the rows the books know of', () => {
    const laterMs = settled.nowMs + MINUTE_MS
    const books = age(settled.coverage, laterMs)
    const slots = books.slots.map(slot => ({ ...slot, count: 300 }))
    const plan: Plan = { ...planAt(laterMs), tickMs: () => laterMs }
    const due = nextDue({ ...books, slots }, plan, laterMs, edgeOf(laterMs, null))
    const rows = slots.filter(slot => due !== null && contains(due.window, slot)).length * 300

    expect(rows).toBeGreaterThan(4_000)
    expect(rows).toBeLessThanOrEqual(5_000)
  })

  test('over a day every minute is read hot, the last six hours half-hourly, all six days once', () => {
    let { coverage, nowMs } = settled
    const counts: Record<string, number> = {}
    for (let tick = 0; tick < 1_440; tick += 1) {
      nowMs = tickAt(MINUTE_MS, 0, nowMs) + MINUTE_MS
      const round = readAllDue(coverage, nowMs, 10)
      coverage = round.coverage
      for (const readBy of round.reads) counts[readBy] = (counts[readBy] ?? 0) + 1
    }

    expect(counts.hot).toBe(1_440)
    expect(counts['hot counted']).toBeGreaterThanOrEqual(1_438)
    expect(counts['hot counted']).toBeLessThanOrEqual(1_440)
    expect((counts['warm counted'] ?? 0) + (counts.warm ?? 0)).toBe(48)
    expect(counts.warm ?? 0).toBeLessThanOrEqual(1)
    expect(counts.cold).toBeGreaterThanOrEqual(6)
    expect(counts.cold).toBeLessThanOrEqual(8)
    expect(counts.backfill).toBeUndefined()
  })

  test('missed ticks merge into one run, and what was missed while away is read newest first', () => {
    const laterMs = settled.nowMs + 5 * HOUR_MS
    const { reads } = readAllDue(age(settled.coverage, laterMs), laterMs, 10)

    expect(reads.filter(readBy => readBy === 'hot')).toHaveLength(1)
    expect(reads[0]).toBe('hot')
    expect(reads.length).toBeLessThan(6)
  })

  test('a gap is tried again at the next tick, not at once', () => {
    const gap = { fromMs: tickAt(MINUTE_MS, 0, start) - 10 * MINUTE_MS, untilMs: tickAt(MINUTE_MS, 0, start) - 9 * MINUTE_MS }
    const holed: Coverage = {
      ...settled.coverage,
      slots: settled.coverage.slots.filter(slot => slot.fromMs !== gap.fromMs),
    }
    const tried = openGap(holed, gap, 'unproved', settled.nowMs)
    const dueAt = (nowMs: number) => nextDue(tried, planAt(nowMs), nowMs, edgeOf(nowMs, null))

    expect(unread(holed, gap.untilMs)).toEqual([gap])
    expect(dueAt(settled.nowMs)).toBeNull()
    expect(dueAt(settled.nowMs + MINUTE_MS)?.readBy).toBe('hot')
  })
})

test('whatever is booked, a due window lies between the anchor, the horizon and the edge, and reading it makes progress', () => {
  const ranges = fc.array(fc.tuple(fc.integer({ min: 0, max: 6 * 24 * 60 }), fc.integer({ min: 1, max: 3_000 })), {
    maxLength: 10,
  })
  fc.assert(
    fc.property(ranges, fc.integer({ min: 1, max: 6 * 24 * 60 }), (booked, reachMinutes) => {
      const coverage = startCoverage(start, reachMinutes * MINUTE_MS)
      const proved = booked.map(([ago, length]) => ({
        fromMs: tickAt(MINUTE_MS, 0, start) - (ago + length) * MINUTE_MS,
        untilMs: tickAt(MINUTE_MS, 0, start) - ago * MINUTE_MS,
        readAtMs: start - HOUR_MS,
      }))
      const books = age(book(coverage, proved, start), start)
      const edgeMs = edgeOf(start, null)
      const due = nextDue(books, planAt(start), start, edgeMs)
      if (due === null) return

      expect(due.window.fromMs).toBeGreaterThanOrEqual(Math.max(coverage.anchorMs, start - HORIZON_MS))
      expect(due.window.untilMs).toBeLessThanOrEqual(edgeMs)
      expect(spanMs(due.window)).toBeGreaterThan(0)
      expect(spanMs(due.window)).toBeLessThanOrEqual(DAY_MS + MINUTE_MS)
      expect(nextDue(book(books, [{ ...due.window, readAtMs: start }], start), planAt(start), start, edgeMs)).not.toEqual(due)
    }),
  )
})

test('the edge follows the earlier of two clocks', () => {
  expect(edgeOf(100_900, null)).toBe(95_000)
  expect(edgeOf(100_900, 30_000)).toBe(95_000)
  expect(edgeOf(100_900, -30_000)).toBe(65_000)
})
