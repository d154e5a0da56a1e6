/**
 * No number is ever silently another: from the JSON text of a row to the call log, every number is the same exact decimal, or it is not there and
 * its text is kept. Judged by whole-number arithmetic that shares nothing with the reader.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseLossless } from '../../src/kaleyra/lossless-json.ts'
import { createNormaliser } from '../../src/kaleyra/normalise.ts'
import type { Row } from '../../src/model/call-log.ts'

interface Decimal {
  readonly digits: bigint
  readonly exponent: number
}

/** What a decimal text says, exactly; `null` when it is none. */
function decimal(text: string | undefined): Decimal | null {
  const [, sign, whole, fraction = '', exponent = '0'] =
    /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text ?? 'none') ?? []
  if (whole === undefined || whole + fraction === '') return null
  return { digits: BigInt(`${whole}${fraction}`) * (sign === '-' ? -1n : 1n), exponent: Number(exponent) - fraction.length }
}

function areEqual(one: Decimal | null, other: Decimal | null): boolean {
  if (one === null || other === null) return false
  const least = Math.min(one.exponent, other.exponent)
  const scaled = ({ digits, exponent }: Decimal) => digits * 10n ** BigInt(exponent - least)
  return scaled(one) === scaled(other)
}

const normalise = createNormaliser({ timeZone: 'Asia/Kolkata', optIn: [], note: () => {} })
function readRow(json: string): Row | undefined {
  const parsed = parseLossless(`[${json}]`)
  return Array.isArray(parsed) ? normalise(parsed)[0] : undefined
}

const literal = fc.oneof(
  fc.stringMatching(/^-?(0|[1-9]\d{0,24})(\.\d{1,20})?([eE][+-]?\d{1,3})?$/),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(value => JSON.stringify(value)),
  fc.constantFrom(
    '1e21',
    '-0',
    '-0.0',
    '0.30000000000000004',
    '12345678901234567890',
    '1e400',
    '1e-400',
    '9007199254740993',
    '0e5',
    '1E2',
  ),
)

describe('a number in JSON', () => {
  test('is the same exact decimal in whatever field it arrives', () => {
    fc.assert(
      fc.property(literal, number => {
        const said = decimal(number)
        const call = readRow(
          `{"id":"a","credits":${number},"duration":${number},"billsec":${number},"from":${number},"reason":${number},"agent":${number},"more":{"n":${number}}}`,
        )?.call

        const {
          cost,
          duration_seconds: duration,
          billed_seconds: billed,
          from_number: from,
          hangup_cause: cause,
          extra = {},
        } = call ?? {}
        const kept = (key: string) => areEqual(decimal(extra[key]), said)
        expect(cost === null ? kept('credits') : areEqual({ digits: cost ?? 0n, exponent: -6 }, said)).toBe(true)
        expect(duration === null ? kept('duration') : areEqual(decimal(String(duration)), said)).toBe(true)
        expect(billed === null ? kept('billsec') : areEqual(decimal(String(billed)), said)).toBe(true)
        expect(from === null ? kept('from') : areEqual(decimal(from), said)).toBe(true)
        expect(cause === null ? kept('reason') : areEqual(decimal(cause), said)).toBe(true)
        expect(kept('agent')).toBe(true)
        expect(areEqual(decimal(/^\{"n":"?([^"]*)"?\}$/.exec(extra.more ?? '')?.[1]), said)).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })

  test('is the same id, digit for digit, or no id', () => {
    fc.assert(
      fc.property(literal, number => {
        const row = readRow(`{"id":${number}}`)

        if (row?.call !== undefined) expect(areEqual(decimal(row.call.call_id), decimal(number))).toBe(true)
        else expect(row?.bad).toMatchObject({ reason: 'no_call_id', callId: null })
      }),
      { numRuns: 2_000 },
    )
  })
})

test('a text is read as the number it says in plain digits, or kept as it is', () => {
  const text = fc.oneof(
    fc.stringMatching(/^[ +-]?[\d.,:٣３eE]{0,22}$/),
    fc.constantFrom(
      '1,234',
      '12abc',
      '1.234,56',
      '₹12',
      '12 ',
      '1_000',
      '0x10',
      'Infinity',
      'NaN',
      '٣',
      '３',
      '1e3',
      '--1',
      '1.',
      '.5',
      '+7',
    ),
  )
  fc.assert(
    fc.property(text, value => {
      fc.pre(value.trim() !== '')
      const call = readRow(JSON.stringify({ id: 'a', credits: value, duration: value, from: value }))?.call

      const { cost, duration_seconds: duration, extra = {} } = call ?? {}
      if (cost === null) expect(extra.credits).toBe(value)
      else {
        expect(value).toMatch(/^\s*[+-]?[0-9.]+\s*$/)
        expect(areEqual({ digits: cost ?? 0n, exponent: -6 }, decimal(value.trim()))).toBe(true)
      }
      const clock = /^(\d+):(\d\d):(\d\d)$/.exec(value.trim())
      if (duration === null) expect(extra.duration).toBe(value)
      else if (clock !== null) expect(duration).toBe(Number(clock[1]) * 3_600 + Number(clock[2]) * 60 + Number(clock[3]))
      else expect(areEqual(decimal(String(duration)), decimal(value.trim()))).toBe(true)
      expect(call?.from_number).toBe(value)
    }),
    { numRuns: 2_000 },
  )
})
