import { describe, expect, test } from 'vitest'
import { type RangeOptions, rangeOf, windowsOf } from '../../src/commands/preview-range.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, windowText } from '../../src/model/window.ts'

const NOW_MS = Date.UTC(2026, 0, 15, 12) + 250
const range = (options: RangeOptions) => windowText(rangeOf(options, NOW_MS))

describe('the range of a preview', () => {
  test('is the last hour unless told otherwise, up to where rows stop moving', () => {
    expect(range({})).toBe('[2026-01-15T11:00:00Z, 2026-01-15T11:59:55Z)')
    expect(range({ since: '6d' })).toBe('[2026-01-09T12:00:00Z, 2026-01-15T11:59:55Z)')
  })

  test('is from and to, in any zone, in whole seconds outwards', () => {
    const bounds = { from: '2026-01-15T10:00:00.7Z', to: '2026-01-15T16:00:00.2+05:30' }

    expect(range(bounds)).toBe('[2026-01-15T10:00:00Z, 2026-01-15T10:30:01Z)')
  })

  test('ends before now, whatever was asked', () => {
    expect(range({ from: '2026-01-15T10:00:00Z', to: '2027-01-01T00:00:00Z' })).toBe(
      '[2026-01-15T10:00:00Z, 2026-01-15T11:59:55Z)',
    )
  })

  test.each<[string, RangeOptions, RegExp]>([
    ['a number without a unit', { since: '60' }, /--since: "60" is no duration/],
    ['nothing', { since: '0s' }, /no duration from 1s/],
    ['more than the API keeps', { since: '7d' }, /no duration from 1s to 6d/],
    ['a range that is still moving', { since: '3s' }, /is the newest that can be read/],
    ['two ways at once', { since: '1h', to: '2026-01-15T11:00:00Z' }, /--since goes without/],
    ['an end alone', { to: '2026-01-15T11:00:00Z' }, /--to goes with --from/],
    ['a time without a zone', { from: '2026-01-15T11:00:00' }, /names no zone; append Z/],
    ['a day', { from: '2026-01-15' }, /--from: "2026-01-15" is no instant such as/],
    ['a date that does not exist', { from: '2026-02-30T00:00:00Z' }, /is no instant/],
    ['an end before its begin', { from: '2026-01-15T11:00:00Z', to: '2026-01-15T10:00:00Z' }, /--from must be before --to/],
    ['the future', { from: '2026-01-15T13:00:00Z' }, /is the newest that can be read/],
    ['what the API has forgotten', { from: '2026-01-09T11:58:00Z' }, /keeps 6 days, back to 2026-01-09T12:00:00Z/],
  ])('is not %s', (_, options, reason) => {
    expect(() => rangeOf(options, NOW_MS)).toThrow(
      expect.objectContaining({ code: 'ARGUMENTS_INVALID', message: expect.stringMatching(reason) }),
    )
  })

  test('is read in neighbours of at most a day, oldest first', () => {
    const whole = { fromMs: NOW_MS - 250 - 6 * DAY_MS, untilMs: NOW_MS - 250 - 5 * SECOND_MS }
    const windows = windowsOf(whole)

    expect(windows).toHaveLength(6)
    expect([windows.at(0)?.fromMs, windows.at(-1)?.untilMs]).toEqual([whole.fromMs, whole.untilMs])
    windows.forEach(({ fromMs, untilMs }, index) => {
      expect(untilMs - fromMs).toBeLessThanOrEqual(DAY_MS)
      expect(windows[index + 1]?.fromMs ?? untilMs).toBe(untilMs)
    })
    expect(windowsOf({ fromMs: 0, untilMs: HOUR_MS + MINUTE_MS })).toHaveLength(1)
  })
})
