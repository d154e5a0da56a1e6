import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  age,
  book,
  type Coverage,
  check,
  coveredThrough,
  openGap,
  settledThrough,
  startCoverage,
  unread,
} from '../../src/model/coverage.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, subtract, type Window } from '../../src/model/window.ts'

const now = Date.parse('2026-03-10T12:34:56Z')
const minute = (count: number) => Date.parse('2026-03-10T12:00:00Z') + count * MINUTE_MS
const fresh = (): Coverage => startCoverage(now, HOUR_MS)

describe('booking', () => {
  test('a slot is covered only when a proved range spans it whole', () => {
    const coverage = book(fresh(), [{ fromMs: minute(10) + SECOND_MS, untilMs: minute(13), readAtMs: now }], now)

    expect(coverage.slots.map(({ fromMs, untilMs }) => [fromMs, untilMs])).toEqual([
      [minute(11), minute(12)],
      [minute(12), minute(13)],
    ])
  })

  test('two proved halves cover the slot between them, as of the older read', () => {
    const halves = [
      { fromMs: minute(10), untilMs: minute(10) + 30 * SECOND_MS, readAtMs: now - 9_000 },
      { fromMs: minute(10) + 30 * SECOND_MS, untilMs: minute(11), readAtMs: now },
    ]

    expect(book(fresh(), halves, now).slots).toEqual([
      {
        fromMs: minute(10),
        untilMs: minute(11),
        firstReadMs: now - 9_000,
        newestReadMs: now - 9_000,
        count: 0,
        checkedMs: now - 9_000,
      },
    ])
  })

  test('a call at the border of two parts, which both met it by their margins, is counted once', () => {
    const middleMs = minute(10) + 30 * SECOND_MS
    const startsMs = [minute(10) + SECOND_MS, middleMs, middleMs + SECOND_MS]
    const halves = [
      { fromMs: minute(10), untilMs: middleMs, readAtMs: now, startsMs },
      { fromMs: middleMs, untilMs: minute(11), readAtMs: now, startsMs },
    ]

    expect(book(fresh(), halves, now).slots).toMatchObject([{ count: 3 }])
  })

  test('a slot that was counted holds the calls that arrived meanwhile, and counts as looked at, not as read', () => {
    const range = { fromMs: minute(10), untilMs: minute(12) }
    const once = book(fresh(), [{ ...range, readAtMs: now, startsMs: [minute(10)] }], now)
    const later = check(once, { ...range, arrivedMs: [minute(11) + 1, minute(10) + 1, minute(10)] }, now + MINUTE_MS)

    expect(later.slots).toMatchObject([
      { count: 3, newestReadMs: now, checkedMs: now + MINUTE_MS },
      { count: 1, newestReadMs: now, checkedMs: now + MINUTE_MS },
    ])
  })

  test('a second read keeps the first read time and renews the newest', () => {
    const range = { fromMs: minute(10), untilMs: minute(11) }
    const once = book(fresh(), [{ ...range, readAtMs: now, startsMs: [minute(10) + 1, minute(11)] }], now)
    const twice = book(once, [{ ...range, readAtMs: now + HOUR_MS / 60, startsMs: [] }], now)

    expect(once.slots[0]).toMatchObject({ firstReadMs: now, newestReadMs: now, count: 1 })
    expect(twice.slots[0]).toMatchObject({ firstReadMs: now, newestReadMs: now + MINUTE_MS, count: 0 })
  })

  test('slots never overlap and are exactly what was proved, whatever is read in whatever order', () => {
    const anchorMs = minute(-420)
    const range = fc.tuple(fc.integer({ min: 0, max: 420 * 60 }), fc.integer({ min: 1, max: 90 * 60 }), fc.nat(30))
    fc.assert(
      fc.property(fc.array(range, { maxLength: 12 }), ranges => {
        let [coverage, nowMs]: [Coverage, number] = [{ anchorMs, slots: [], gaps: [] }, minute(0)]
        const proved: Window[] = []
        for (const [from, length, pauseMinutes] of ranges) {
          const part = { fromMs: anchorMs + from * SECOND_MS, untilMs: anchorMs + (from + length) * SECOND_MS, readAtMs: nowMs }
          proved.push(part)
          nowMs += pauseMinutes * MINUTE_MS
          coverage = book(coverage, [part], nowMs)
          const before = coverage.slots
          expect(before.every((slot, index) => slot.fromMs >= (before[index - 1]?.untilMs ?? anchorMs))).toBe(true)
          coverage = age(coverage, nowMs)
          expect(subtract(coverage.slots, before)).toEqual([])
        }
        expect(subtract(coverage.slots, proved)).toEqual([])
      }),
    )
  })

  test('what is proved elsewhere leaves gaps as they are, also where an open one touches a lost one', () => {
    const gap = { openedMs: now, attemptedMs: now, reason: 'unproved' }
    const gaps: Coverage['gaps'] = [
      { ...gap, fromMs: minute(1), untilMs: minute(2), state: 'lost' },
      { ...gap, fromMs: minute(2), untilMs: minute(3), state: 'open' },
    ]

    expect(book({ ...fresh(), gaps }, [{ fromMs: minute(10), untilMs: minute(11), readAtMs: now }], now).gaps).toEqual(gaps)
  })

  test('a proved range closes the gap inside it and leaves the rest of the gap', () => {
    const gap = openGap(fresh(), { fromMs: minute(10), untilMs: minute(20) }, 'unproved', now)

    expect(book(gap, [{ fromMs: minute(10), untilMs: minute(15), readAtMs: now }], now).gaps).toMatchObject([
      { fromMs: minute(15), untilMs: minute(20), state: 'open', openedMs: now },
    ])
  })
})

describe('ageing', () => {
  const readAll = (from: number, until: number): Coverage => {
    const coverage: Coverage = { anchorMs: from, slots: [], gaps: [] }
    return book(coverage, [{ fromMs: from, untilMs: until, readAtMs: until }], until)
  }

  test('slots grow coarser with age and a full week fits in a checkpoint', () => {
    const start = Date.parse('2026-03-01T00:00:00Z')
    let coverage = readAll(start, start + DAY_MS)
    for (let at = start + DAY_MS; at < start + 7 * DAY_MS; at += 30 * MINUTE_MS) {
      coverage = age(
        book(coverage, [{ fromMs: at, untilMs: at + 30 * MINUTE_MS, readAtMs: at }], at + 30 * MINUTE_MS),
        at + 30 * MINUTE_MS,
      )
    }

    expect(unread(coverage, start + 7 * DAY_MS)).toEqual([])
    expect(coverage.slots.length).toBeLessThan(650)
    expect(new Set(coverage.slots.map(slot => slot.untilMs - slot.fromMs))).toEqual(new Set([HOUR_MS, 15 * MINUTE_MS, MINUTE_MS]))
  })

  test('the count of a slot stays what it is, however often slots are told finer and coarser', () => {
    const start = Date.parse('2026-03-10T06:00:00Z')
    const range = { fromMs: start, untilMs: start + HOUR_MS, readAtMs: now, startsMs: Array.from({ length: 60 }, () => start) }
    let coverage = book({ anchorMs: start, slots: [], gaps: [] }, [range], start + DAY_MS)

    for (let round = 0; round < 5; round += 1) coverage = age(age(coverage, start + 2 * HOUR_MS), start + DAY_MS)

    expect(coverage.slots.reduce((sum, slot) => sum + slot.count, 0)).toBe(60)
  })

  test('a coarse slot with a hole is not covered', () => {
    const start = Date.parse('2026-03-01T00:00:00Z')
    const coverage: Coverage = { anchorMs: start, slots: [], gaps: [] }
    const holed = book(
      coverage,
      [
        { fromMs: start, untilMs: start + 20 * MINUTE_MS, readAtMs: start },
        { fromMs: start + 21 * MINUTE_MS, untilMs: start + HOUR_MS, readAtMs: start },
      ],
      start + HOUR_MS,
    )

    const aged = age(holed, start + 8 * HOUR_MS)

    expect(unread(aged, start + HOUR_MS)).toEqual([{ fromMs: start + 15 * MINUTE_MS, untilMs: start + 30 * MINUTE_MS }])
  })

  test('what was never read becomes lost at the horizon, and stays visible', () => {
    const anchorMs = now - 5 * DAY_MS
    const read = book({ anchorMs, slots: [], gaps: [] }, [{ fromMs: anchorMs, untilMs: now - 4 * DAY_MS, readAtMs: now }], now)

    const later = age(read, now + 3 * DAY_MS)

    expect(later.gaps).toHaveLength(1)
    expect(later.gaps[0]).toMatchObject({ state: 'lost', reason: 'never read' })
    expect(later.gaps[0]?.fromMs).toBeLessThanOrEqual(now - 4 * DAY_MS)
    expect(later.gaps[0]?.untilMs).toBe(Math.floor((now - 3 * DAY_MS) / MINUTE_MS) * MINUTE_MS)
  })

  test('ageing never invents coverage', () => {
    const range = fc.tuple(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 1, max: 200 }))
    fc.assert(
      fc.property(fc.array(range, { maxLength: 12 }), fc.integer({ min: 0, max: 6 * 24 * 60 }), (ranges, laterMinutes) => {
        const anchorMs = Date.parse('2026-03-09T00:07:00Z')
        const proved: (Window & { readAtMs: number })[] = ranges.map(([from, length]) => ({
          fromMs: anchorMs + from * MINUTE_MS,
          untilMs: anchorMs + (from + length) * MINUTE_MS,
          readAtMs: now,
        }))

        const aged = age(book({ anchorMs, slots: [], gaps: [] }, proved, now), now + laterMinutes * MINUTE_MS)

        expect(subtract(aged.slots, proved)).toEqual([])
      }),
    )
  })
})

test('settled means read again after the end and the settle time, without a hole from the anchor on', () => {
  const anchorMs = minute(0)
  const settle = 5 * MINUTE_MS
  const coverage = book(
    { anchorMs, slots: [], gaps: [] },
    [
      { fromMs: minute(0), untilMs: minute(2), readAtMs: minute(30) },
      { fromMs: minute(2), untilMs: minute(3), readAtMs: minute(3) },
      { fromMs: minute(3), untilMs: minute(4), readAtMs: minute(30) },
    ],
    now,
  )

  expect(settledThrough(coverage, settle)).toBe(minute(2))
  expect(coveredThrough(coverage)).toBe(minute(4))
})

test('a thousand separate one-second gaps stay a handful of entries', () => {
  let coverage = fresh()
  for (let second = 0; second < 1_000; second += 1) {
    const fromMs = minute(0) + second * 2 * SECOND_MS
    coverage = openGap(coverage, { fromMs, untilMs: fromMs + SECOND_MS }, 'unproved', now)
  }

  expect(coverage.gaps.length).toBeLessThan(5)
})

test('a second that cannot be read every two minutes for six days stays a few hundred entries', () => {
  let coverage = startCoverage(now, 6 * DAY_MS)
  for (let fromMs = coverage.anchorMs; fromMs < now - MINUTE_MS; fromMs += 2 * MINUTE_MS)
    coverage = openGap(coverage, { fromMs, untilMs: fromMs + SECOND_MS }, 'unproved', now)

  expect(coverage.gaps.length).toBeLessThan(400)
  expect(age(coverage, now + MINUTE_MS).gaps.length).toBeLessThan(400)
})
