import avro from 'avsc'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecimalType, decimalBytes, unscaledOf } from '../../src/avro/decimal.ts'

const limit = 10n ** 18n
const money = (precision = 18) =>
  avro.Type.forSchema({ type: 'bytes', logicalType: 'decimal', precision, scale: 6 } as avro.Schema, {
    logicalTypes: { decimal: DecimalType },
    assertLogicalTypes: true,
  })

describe('a decimal', () => {
  test.each([
    [0n, '00'],
    [1n, '01'],
    [127n, '7f'],
    [128n, '0080'],
    [-1n, 'ff'],
    [-128n, '80'],
    [-129n, 'ff7f'],
    [1_250_000n, '1312d0'],
    [2_147_483_647n, '7fffffff'],
    [2_147_483_648n, '0080000000'],
    [-2_147_483_648n, '80000000'],
    [limit - 1n, '0de0b6b3a763ffff'],
    [1n - limit, 'f21f494c589c0001'],
  ])('of %d is written as %s, as Java writes it', (value, hex) => {
    expect(decimalBytes(value).toString('hex')).toBe(hex)
  })

  test('comes back as it was, in as few bytes as its sign allows', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n - limit, max: limit - 1n }), value => {
        const bytes = decimalBytes(value)
        expect(unscaledOf(bytes)).toBe(value)
        expect(bytes.length === 1 || BigInt.asIntN(8 * (bytes.length - 1), value) !== value).toBe(true)
      }),
    )
  })

  test('is read in more bytes than needed, and no bytes are 0', () => {
    expect([
      unscaledOf(Buffer.from('ffffffffff', 'hex')),
      unscaledOf(Buffer.from('00000000000000000007', 'hex')),
      unscaledOf(Buffer.alloc(0)),
    ]).toEqual([-1n, 7n, 0n])
  })

  test('beyond its digits is refused on both sides of zero, and so is anything but a bigint', () => {
    expect([limit, -limit, 1.5, '1.50', null, Buffer.from([1])].map(value => money().isValid(value))).toEqual(
      Array(6).fill(false),
    )
    expect([limit - 1n, 1n - limit, 0n].map(value => money().isValid(value))).toEqual([true, true, true])
    expect(() => money().toBuffer(limit)).toThrow()
  })

  test('of more than eighteen digits is refused when the schema is read', () => {
    expect(() => money(19)).toThrow('at most 18')
  })

  test('reads what was written as plain bytes', () => {
    const bytes = avro.Type.forSchema('bytes')

    const reader = money()

    expect(reader.fromBuffer(bytes.toBuffer(Buffer.from([1, 0])), reader.createResolver(bytes))).toBe(256n)
  })
})
