import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SECOND_MS, spanMs, split, subtract, union, type Window, windowText } from '../../src/model/window.ts'

const windows = fc
  .tuple(fc.integer({ min: 0, max: 1_000 }), fc.integer({ min: 1, max: 300 }))
  .map(([from, length]): Window => ({ fromMs: from * SECOND_MS, untilMs: (from + length) * SECOND_MS }))

const secondsOf = (list: readonly Window[]) => {
  const seconds = new Set<number>()
  for (const { fromMs, untilMs } of list) for (let at = fromMs; at < untilMs; at += SECOND_MS) seconds.add(at)
  return seconds
}

test('the parts of a split are neighbours that make up exactly the window', () => {
  fc.assert(
    fc.property(windows, fc.integer({ min: 1, max: 60 }), (window, parts) => {
      const pieces = split(window, parts)

      expect(pieces.length).toBe(Math.min(parts, spanMs(window) / SECOND_MS))
      expect(pieces[0]?.fromMs).toBe(window.fromMs)
      expect(pieces.at(-1)?.untilMs).toBe(window.untilMs)
      pieces.slice(1).forEach((piece, index) => {
        expect(piece.fromMs).toBe(pieces[index]?.untilMs)
      })
      for (const piece of pieces) expect(spanMs(piece) % SECOND_MS).toBe(0)
    }),
  )
})

test('union and subtract agree with counting seconds', () => {
  fc.assert(
    fc.property(fc.array(windows, { maxLength: 8 }), fc.array(windows, { maxLength: 8 }), (keep, drop) => {
      const dropped = secondsOf(drop)
      const expected = [...secondsOf(keep)].filter(second => !dropped.has(second)).sort((a, b) => a - b)

      expect([...secondsOf(subtract(keep, drop))]).toEqual(expected)
      expect(secondsOf(union(keep))).toEqual(new Set([...secondsOf(keep)].sort((a, b) => a - b)))
    }),
  )
})

test('a window reads as half-open UTC instants', () => {
  expect(windowText({ fromMs: Date.parse('2026-01-02T03:04:05Z'), untilMs: Date.parse('2026-01-02T03:05:00Z') })).toBe(
    '[2026-01-02T03:04:05Z, 2026-01-02T03:05:00Z)',
  )
})
