import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readMoney, readSeconds } from '../../src/kaleyra/amounts.ts'

describe('money', () => {
  test.each([
    [1.25, 1_250_000n],
    ['1.25', 1_250_000n],
    [0.1, 100_000n],
    ['0.000001', 1n],
    [0.000001, 1n],
    ['-3.5', -3_500_000n],
    ['+2', 2_000_000n],
    ['.5', 500_000n],
    ['5.', 5_000_000n],
    [0, 0n],
    ['-0', 0n],
    ['0.0000000000', 0n],
    ['1.2500000000', 1_250_000n],
    ['00012.5', 12_500_000n],
    ['999999999999.999999', 999_999_999_999_999_999n],
    ['-999999999999.999999', -999_999_999_999_999_999n],
    ['123456789.123456', 123_456_789_123_456n],
    ['1234567890.123456', 1_234_567_890_123_456n],
    [' 7 ', 7_000_000n],
  ])('%j is exact', (value, expected) => {
    expect(readMoney(value)).toBe(expected)
  })

  test.each([
    ...['0.0000001', '1.0000005', '1000000000000', '1,25', '1 000', '₹1.25', '1e3', '1.2.3', '-', '.', '', ' ', 'free'],
    ...['1,234', '12abc', '١٫٢٥', '１', '1_000', '0x10', 'NaN', '--1', '1-', '9'.repeat(500_000)],
    ...[0.1 + 0.2, 1e-7, 1e21, Number.NaN, Number.POSITIVE_INFINITY, true, null, {}, []],
  ])('%j is not guessed at', value => {
    expect(readMoney(value)).toBeNull()
  })

  test('is what the text says, for every decimal that fits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 18n) + 1n, max: 10n ** 18n - 1n }), unscaled => {
        const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(7, '0')
        const text = `${unscaled < 0n ? '-' : ''}${digits.slice(0, -6)}.${digits.slice(-6)}`

        expect(readMoney(text)).toBe(unscaled)
      }),
    )
  })
})

describe('seconds', () => {
  test.each([
    [63, 63],
    ['63', 63],
    ['063', 63],
    ['63.00', 63],
    ['00:01:03', 63],
    ['1:01:03', 3_663],
    ['100:00:00', 360_000],
    [0, 0],
    ['0', 0],
    [' 63 ', 63],
    [2_147_483_647, 2_147_483_647],
    ['596523:14:07', 2_147_483_647],
    [-0, 0],
  ])('%j are %i', (value, expected) => {
    expect(readSeconds(value)).toBe(expected)
  })

  test.each([
    ...['01:03', '63.5', '-1', '1e3', '63s', '00:60:00', '', '9999999999', '1'.repeat(400)],
    ...['596523:14:08', '999999:59:59', '1,234', '12abc', '٦٣', '６３', '0x3f', '+63', '-0', 'Infinity'],
    ...[63.5, -1, 2_147_483_648, Number.NaN, true, null, {}],
  ])('%j are not guessed at', value => {
    expect(readSeconds(value)).toBeNull()
  })
})
