import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ageBackfills,
  type Backfill,
  backfillRefusal,
  doneShare,
  MOST_BACKFILLS,
  nextBackfill,
  nextRescue,
  order,
  proved,
  unproved,
} from '../../src/model/backfill.ts'
import { HORIZON_MS } from '../../src/model/coverage.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, subtract, type Window } from '../../src/model/window.ts'

const now = Date.parse('2026-03-10T12:00:00Z')
const hours = (from: number, until: number): Window => ({ fromMs: now - from * HOUR_MS, untilMs: now - until * HOUR_MS })
const ordered = (window: Window) => order([], window, now)

describe('a range may be ordered', () => {
  test.each<[string, Window, string]>([
    ['that is older than the API keeps', hours(145, 1), 'the API keeps 6 days: back to 2026-03-04T12:00:00Z'],
    ['that is yet to come', hours(1, -1), 'which is yet to come: it is 2026-03-10T12:00:00Z'],
    ['that ends before it begins', hours(1, 2), 'ends before it begins'],
  ])('but not one %s', (_, window, reason) => {
    expect(backfillRefusal(window, [], now)).toContain(reason)
  })

  test('up to the whole six days', () => {
    expect(backfillRefusal(hours(144, 0), [], now)).toBeNull()
  })

  test('twice, and is read once', () => {
    const once = ordered(hours(2, 1))

    expect(order(once, hours(2, 1), now + 1)).toBe(once)
  })

  test('eight at a time, not more', () => {
    const many = Array.from({ length: MOST_BACKFILLS }, (_, index) => hours(index + 2, index + 1)).reduce<readonly Backfill[]>(
      (all, window) => order(all, window, now),
      [],
    )

    expect(backfillRefusal(hours(100, 99), many, now)).toContain('8 backfills are under way')
    expect(backfillRefusal(hours(2, 1), many, now)).toBeNull()
  })
})

describe('reading', () => {
  test('goes from the newest on, at most a day at once', () => {
    expect(nextBackfill(ordered(hours(60, 10)), now)).toEqual(hours(34, 10))
  })

  test('asks for nothing at or after the edge', () => {
    const edgeMs = now - 11 * HOUR_MS

    expect(nextBackfill(ordered(hours(12, 10)), edgeMs)).toEqual(hours(12, 11))
    expect(nextBackfill(ordered(hours(11, 10)), edgeMs)).toBeNull()
  })

  test('what the API is about to forget cannot wait, oldest first', () => {
    expect(nextRescue(ordered(hours(140, 1)), now, now)).toEqual(hours(140, 132))
    expect(nextRescue(ordered(hours(131, 1)), now, now)).toBeNull()
  })

  test('is over when every second was proved, in whatever order', () => {
    const window = hours(3, 1)
    const seconds = (window.untilMs - window.fromMs) / SECOND_MS
    const parts = fc.array(fc.tuple(fc.nat(seconds), fc.nat(seconds)), { maxLength: 40 })
    fc.assert(
      fc.property(parts, cuts => {
        const ranges = cuts
          .map(([a, b]) => ({
            fromMs: window.fromMs + Math.min(a, b) * SECOND_MS,
            untilMs: window.fromMs + Math.max(a, b) * SECOND_MS,
          }))
          .filter(({ fromMs, untilMs }) => fromMs < untilMs)
        const left = ranges.reduce<readonly Backfill[]>((all, range) => proved(all, range), ordered(window))

        // Never less than what is really missing; joined parts may be read twice.
        expect(subtract([window], ranges).every(hole => subtract([hole], left[0]?.left ?? []).length === 0)).toBe(true)
        expect(proved(left, window)).toEqual([])
      }),
    )
  })
})

describe('what cannot be proved', () => {
  test('is put off until the slowest schedule ticks again, and read then', () => {
    const bad = { fromMs: now - 2 * HOUR_MS, untilMs: now - 2 * HOUR_MS + SECOND_MS }
    const tried = proved(unproved(ordered(hours(3, 1)), bad, now), hours(3, 1))
    const put = unproved(ordered(bad), bad, now)

    expect(tried).toEqual([])
    expect(nextBackfill(put, now)).toBeNull()
    expect(nextBackfill(ageBackfills(put, now + HOUR_MS, now).backfills, now)).toBeNull()
    expect(nextBackfill(ageBackfills(put, now + HOUR_MS, now + 1).backfills, now)).toEqual(bad)
  })

  test('outside of what was asked for changes nothing', () => {
    const asked = ordered(hours(3, 2))

    expect(unproved(asked, hours(9, 8), now)).toEqual(asked)
  })

  test('and is older than the API keeps by now, is lost, and said so', () => {
    const { backfills, lost } = ageBackfills(ordered(hours(140, 139)), now + 4 * HOUR_MS + 30 * MINUTE_MS, 0)

    expect(lost).toEqual([{ fromMs: now - 140 * HOUR_MS, untilMs: now + 4 * HOUR_MS + 29 * MINUTE_MS - HORIZON_MS }])
    expect(backfills[0]?.left).toEqual([{ fromMs: lost[0]?.untilMs, untilMs: now - 139 * HOUR_MS }])
    expect(ageBackfills(backfills, now + 2 * DAY_MS, 0).backfills).toEqual([])
  })
})

test('its progress is the share that was read', () => {
  const [half] = proved(ordered(hours(4, 2)), hours(3, 2))

  expect(half && doneShare(half)).toBe(0.5)
})
