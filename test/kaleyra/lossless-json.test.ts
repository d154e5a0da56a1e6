import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseLossless } from '../../src/kaleyra/lossless-json.ts'

const LONG = '123456789012345678901'

describe('a body with a long number', () => {
  test('is read as JSON.parse would read it but for that number, whatever else it holds', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.stringMatching(/^[\\"\d.eE:,[\]{} +-]*$/),
      fc.constant(`,${LONG}\\","`),
    )
    const { value } = fc.letrec<{ value: unknown }>(tie => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.oneof(text, fc.integer(), fc.boolean(), fc.constantFrom(null, 0.1, -0.5, 1e15, 1e-6, -12.25)),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(text, tie('value'), { maxKeys: 4 }),
      ),
    }))
    fc.assert(
      fc.property(value, fc.boolean(), (other, spaced) => {
        const json = JSON.stringify({ before: other, long: 'LONG', after: other }, null, spaced ? 2 : 0)

        const parsed = parseLossless(json.replace('"LONG"', LONG))

        expect(parsed).toEqual({ ...JSON.parse(json), long: LONG })
      }),
      { numRuns: 500 },
    )
  })

  test('keeps it wherever it stands, with sign, fraction and exponent', () => {
    expect(
      parseLossless(
        `[${LONG}, -${LONG},\n{"a":0.${LONG},"b":1.5e+400,"c":-1E-400,"d":1e3,"e":"${LONG}","${LONG}":[9007199254740993]}]`,
      ),
    ).toEqual([
      LONG,
      `-${LONG}`,
      { a: `0.${LONG}`, b: '1.5e+400', c: '-1E-400', d: 1_000, e: LONG, [LONG]: ['9007199254740993'] },
    ])
  })

  test('is no JSON when it was none before', () => {
    const broken = [
      ...['{"a":1.2.3.4.5.6.7.8.9.0}', `{"a":0${LONG}}`, `{"a":${LONG} 1}`, `{"a":${LONG}e}`, `{"a":${LONG}.}`, `{${LONG}:1}`],
      ...[`{"a":+${LONG}}`, `{"a":${LONG}`, `{"a":"${LONG}}`, `{"a":${LONG}-1}`, `{"a":-}${LONG}`],
    ]

    expect(broken.map(parseLossless)).toEqual(broken.map(() => undefined))
  })

  test('may be nested beyond the stack, or hold millions of escapes', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    const escapes = '\\n'.repeat(4_000_000)

    expect(parseLossless(`{"id":${LONG},"deep":${deep}}`)).toMatchObject({ id: LONG, deep: expect.any(Array) })
    expect(parseLossless(`{"id":${LONG},"text":"${escapes}"}`)).toMatchObject({ id: LONG })
  })
})
