import fc from 'fast-check'
import { expect, test } from 'vitest'
import { age, book, openGap, startCoverage } from '../../src/model/coverage.ts'
import { hoursOf, rangesOf } from '../../src/model/picture.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/window.ts'

const now = Date.parse('2026-03-10T12:00:00Z')
const settleMs = 5 * MINUTE_MS
const minutesAgo = (from: number, until: number) => ({ fromMs: now - from * MINUTE_MS, untilMs: now - until * MINUTE_MS })

test('what was read, read again, tried and never read are told apart', () => {
  const read = book(startCoverage(now, HOUR_MS), [{ ...minutesAgo(40, 2), readAtMs: now }], now)
  const books = openGap(read, minutesAgo(50, 45), 'moved', now)

  expect(rangesOf(books, settleMs, now)).toEqual({
    covered: [minutesAgo(40, 5)],
    settling: [minutesAgo(5, 2)],
    unread: [minutesAgo(60, 50), minutesAgo(45, 40), minutesAgo(2, 0)],
    gap: [minutesAgo(50, 45)],
    lost: [],
  })
})

test('every second of the books is in exactly one state, whatever happened', () => {
  const act = fc.tuple(fc.boolean(), fc.nat(7 * 24 * 60), fc.integer({ min: 1, max: 2_000 }))
  fc.assert(
    fc.property(fc.array(act, { maxLength: 12 }), fc.nat(8 * 24), (acts, laterHours) => {
      const startMs = now - 6 * DAY_MS
      let books = startCoverage(now, 6 * DAY_MS)
      for (const [isProved, at, length] of acts) {
        const window = { fromMs: startMs + at * MINUTE_MS, untilMs: Math.min(now, startMs + (at + length) * MINUTE_MS) }
        if (window.fromMs < books.anchorMs || window.fromMs >= window.untilMs) continue
        books = isProved ? book(books, [{ ...window, readAtMs: now }], now) : openGap(books, window, 'moved', now)
      }
      const thenMs = now + laterHours * HOUR_MS
      books = age(books, thenMs)

      const ranges = rangesOf(books, settleMs, thenMs)
      const total = Object.values(ranges)
        .flat()
        // Gaps alone may reach back further than the books.
        .reduce((sum, range) => sum + Math.max(0, range.untilMs - Math.max(range.fromMs, books.anchorMs)), 0)
      const hours = hoursOf(books, ranges, thenMs)

      expect(total).toBe(thenMs - books.anchorMs)
      expect(hours.length).toBeLessThanOrEqual(146)
    }),
  )
})

test('an hour shows its worst state, the share that was read, and its calls', () => {
  const startsMs = [now - 50 * MINUTE_MS, now - 20 * MINUTE_MS]
  const read = book(startCoverage(now, 2 * HOUR_MS), [{ ...minutesAgo(60, 15), readAtMs: now, startsMs }], now)
  const books = openGap(read, minutesAgo(15, 10), 'moved', now)

  expect(hoursOf(books, rangesOf(books, settleMs, now), now)).toMatchObject([
    { state: 'unread', readShare: 0, calls: 0 },
    { state: 'gap', readShare: 0.75, calls: 2 },
  ])
})
