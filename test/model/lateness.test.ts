import { describe, expect, test } from 'vitest'
import { book, startCoverage } from '../../src/model/coverage.ts'
import {
  AGES_MS,
  advise,
  count,
  GENERATION_MS,
  NO_LATENESS,
  quantilesOf,
  type Sample,
  wasRead,
} from '../../src/model/lateness.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/model/window.ts'

const now = Date.parse('2026-03-10T12:00:00Z')
const schedule = [
  { name: 'hot', everyMs: MINUTE_MS, spanMs: 30 * MINUTE_MS },
  { name: 'warm', everyMs: 30 * MINUTE_MS, spanMs: 6 * HOUR_MS },
  { name: 'cold', everyMs: DAY_MS, spanMs: 6 * DAY_MS },
]

const times = (number: number, ageMs: number, readBy = 'hot', kind: Sample['kind'] = 'late'): Sample[] =>
  Array.from({ length: number }, () => ({ kind, ageMs, reachMs: ageMs, readBy }))

describe('quantiles', () => {
  test('are the upper ends of the buckets that hold the nearest rank', () => {
    const lateness = count(
      NO_LATENESS,
      [...times(899, 20 * SECOND_MS), ...times(90, 4 * MINUTE_MS), ...times(10, HOUR_MS), ...times(1, 2 * DAY_MS)],
      now,
    )

    expect(quantilesOf(lateness, ['late'])).toEqual({
      count: 1_000,
      p50: MINUTE_MS,
      p90: 5 * MINUTE_MS,
      p99: HOUR_MS,
      p999: HOUR_MS,
    })
  })

  test('of nothing are nothing, and beyond a week no number', () => {
    const ancient = count(NO_LATENESS, times(1, 7 * DAY_MS + 1), now)

    expect(quantilesOf(NO_LATENESS, ['new', 'late'])).toEqual({ count: 0, p50: null, p90: null, p99: null, p999: null })
    expect(quantilesOf(ancient, ['late'])).toMatchObject({ count: 1, p50: Number.POSITIVE_INFINITY })
  })

  test('an age that is exactly the end of a bucket counts in it', () => {
    for (const ageMs of AGES_MS) expect(quantilesOf(count(NO_LATENESS, times(1, ageMs), now), ['late']).p999).toBe(ageMs)
  })

  test('leave out calls of a range that was read for the first time long after', () => {
    const lateness = count(NO_LATENESS, [...times(5, 3 * DAY_MS, 'backfill', 'new'), ...times(1, MINUTE_MS, 'hot', 'new')], now)

    expect(quantilesOf(lateness, ['new'])).toMatchObject({ count: 1, p999: MINUTE_MS })
  })
})

describe('ageing', () => {
  test('everything of the last seven days counts, and nothing older than fourteen', () => {
    const first = count(NO_LATENESS, times(3, MINUTE_MS), now)
    const second = count(first, times(2, MINUTE_MS), now + GENERATION_MS)
    const third = count(second, times(1, MINUTE_MS), now + 2 * GENERATION_MS)

    expect([first, second, third].map(lateness => quantilesOf(lateness, ['late']).count)).toEqual([3, 5, 3])
  })

  test('after a pause of two generations nothing is left', () => {
    const before = count(NO_LATENESS, times(3, MINUTE_MS), now)

    expect(quantilesOf(count(before, [], now + 2 * GENERATION_MS), ['late']).count).toBe(0)
  })

  test('a clock that is set back forgets nothing', () => {
    const before = count(NO_LATENESS, times(3, MINUTE_MS), now)

    expect(quantilesOf(count(before, times(1, MINUTE_MS), now - DAY_MS), ['late']).count).toBe(4)
  })

  test('schedules that are renamed again and again take no more room than 33 names', () => {
    let lateness = NO_LATENESS
    for (let round = 0; round < 100; round += 1) lateness = count(lateness, times(1, MINUTE_MS, `name-${round}`), now)

    expect(lateness.newer.size).toBeLessThanOrEqual(33)
    expect(advise(lateness, schedule).at(-1)).toMatchObject({ name: 'cold', found: 100 })
  })
})

describe('the smallest schedule', () => {
  test('spans, for each of its parts, 99.9 % of what that part found', () => {
    const samples = [...times(1_000, 8 * MINUTE_MS), ...times(1, 29 * MINUTE_MS), ...times(7, 3 * HOUR_MS, 'warm', 'changed')]

    expect(advise(count(NO_LATENESS, samples, now), schedule)).toEqual([
      { ...schedule[0], found: 1_001, neededMs: 10 * MINUTE_MS, reachesEnd: false },
      { ...schedule[1], found: 7, neededMs: 3 * HOUR_MS, reachesEnd: false },
      { ...schedule[2], found: 0, neededMs: null, reachesEnd: false },
    ])
  })

  test('says when finds came up to the very end of a span', () => {
    expect(advise(count(NO_LATENESS, times(1, 29 * MINUTE_MS), now), schedule)[0]).toMatchObject({ reachesEnd: true })
  })

  test('reaches from the start of a call, however long it took', () => {
    const long: Sample = { kind: 'late', ageMs: MINUTE_MS, reachMs: 5 * HOUR_MS, readBy: 'warm' }

    expect(advise(count(NO_LATENESS, [long], now), schedule)[1]).toMatchObject({ neededMs: 6 * HOUR_MS })
  })

  test('counts what only a backfill found for the slowest part', () => {
    const samples = times(4, 5 * DAY_MS, 'backfill', 'changed')

    expect(advise(count(NO_LATENESS, samples, now), schedule)[2]).toMatchObject({ found: 4, neededMs: 5 * DAY_MS })
  })
})

test('a call came late when its slot had been read before, and not at the seams of what was', () => {
  const range = { fromMs: now - 3 * MINUTE_MS, untilMs: now - MINUTE_MS, readAtMs: now }
  const books = book(startCoverage(now, HOUR_MS), [range], now)

  expect([range.fromMs - 1, range.fromMs, range.untilMs - 1, range.untilMs].map(atMs => wasRead(books, atMs))).toEqual([
    false,
    true,
    true,
    false,
  ])
})
