/** Whatever the API sends, a row comes out: nothing throws, no number is altered, no private field slips out. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_ROW_BYTES } from '../../src/kaleyra/bad-rows.ts'
import { createNormaliser } from '../../src/kaleyra/normalise.ts'
import type { CallLog } from '../../src/model/call-log.ts'
import { NUMBER_RULES, type NumberRules, strictestOf } from '../../src/model/number-protection.ts'

const KEYS = [
  ...[
    'id',
    'call_id',
    'uniqid',
    'parent_id',
    'service',
    'direction',
    'from',
    'callto',
    'caller_id',
    'start_time',
    'answer_time',
    'end_time',
  ],
  ...[
    'duration',
    'billsec',
    'status',
    'reason',
    'hangup_by',
    'credits',
    'cost',
    'currency',
    'location',
    'provider',
    'recording',
    'custom',
  ],
  ...['notes', 'Call-ID', 'agent', '__proto__', 'toString', ''],
]
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.date({ noInvalidDate: true }).map(date => date.toISOString()),
  fc.constantFrom(
    'ANSWER',
    '00:01:03',
    '1.25',
    '2026-01-02 03:04:05',
    '0',
    0,
    '',
    ' ',
    1e21,
    -0,
    1e-7,
    2 ** 53,
    Number.POSITIVE_INFINITY,
  ),
  fc.stringMatching(/^[0-9:.,+eT Z-]{0,24}$/),
)
const row = fc
  .array(fc.tuple(fc.oneof(fc.constantFrom(...KEYS), fc.string({ maxLength: 20 })), value), { maxLength: 25 })
  .map(entries => {
    const made: Record<string, unknown> = {}
    for (const [key, one] of entries)
      Object.defineProperty(made, key, { value: one, enumerable: true, configurable: true, writable: true })
    return made
  })

const isInt = (seconds: number | null) => seconds === null || (Number.isInteger(seconds) && seconds >= 0 && seconds < 2 ** 31)
const isInstant = (ms: number | null) => ms === null || Number.isSafeInteger(ms)

function check(call: CallLog): void {
  expect(call.call_id).not.toBe('')
  for (const ms of [call.start_time, call.answer_time, call.end_time]) expect(isInstant(ms)).toBe(true)
  for (const seconds of [call.duration_seconds, call.billed_seconds]) expect(isInt(seconds)).toBe(true)
  if (call.cost !== null) expect(call.cost > -(10n ** 18n) && call.cost < 10n ** 18n).toBe(true)
  for (const text of Object.values(call.extra)) expect(typeof text).toBe('string')
  expect([call.location, call.operator, call.recording_ref, call.custom, call.notes]).toEqual([null, null, null, null, null])
}

describe('normalise', () => {
  for (const timeZone of [undefined, 'Asia/Kolkata']) {
    test(`gives a row for any JSON value, with ${timeZone ?? 'no'} time zone`, () => {
      const normalise = createNormaliser({ timeZone, optIn: [], note: () => {} })

      fc.assert(
        fc.property(
          fc.array(fc.oneof({ weight: 9, arbitrary: row }, { weight: 1, arbitrary: fc.jsonValue() }), { maxLength: 5 }),
          rows => {
            const normalised = normalise(rows)

            expect(normalised).toHaveLength(rows.length)
            for (const { call, bad } of normalised) {
              if (call !== undefined) check(call)
              else expect(Buffer.byteLength(bad?.json ?? '')).toBeLessThanOrEqual(MAX_ROW_BYTES)
            }
          },
        ),
        { numRuns: 1_000 },
      )
    })
  }

  test('gives the same call for the same row, however its keys are ordered or spelled', () => {
    const normalise = createNormaliser({ timeZone: 'UTC', optIn: [], note: () => {} })
    const scalar = fc.oneof(fc.integer(), fc.string(), fc.boolean())
    const known = fc.dictionary(
      fc.constantFrom('from', 'status', 'duration', 'credits', 'hangup_by', 'start_time', 'service'),
      scalar,
    )

    fc.assert(
      fc.property(known, fields => {
        const spelled = Object.fromEntries(
          Object.entries(fields)
            .reverse()
            .map(([key, one]) => [key.toUpperCase().replace('_', '-'), one]),
        )
        const lower = (call: CallLog | undefined) =>
          call === undefined
            ? undefined
            : {
                ...call,
                extra: Object.fromEntries(
                  Object.entries(call.extra).map(([key, one]) => [key.toLowerCase().replace('-', '_'), one]),
                ),
              }

        const [one, other] = normalise([
          { id: 'a', ...fields },
          { ...spelled, ID: 'a' },
        ])

        expect(lower(other?.call)).toEqual(lower(one?.call))
      }),
    )
  })

  test('survives a value nested beyond the stack', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(200_000)}${']'.repeat(200_000)}`)
    const normalise = createNormaliser({ timeZone: undefined, optIn: [], note: () => {} })

    const [inside, itself, other] = normalise([{ id: 'a', blob: deep }, deep, [deep]])

    expect(inside?.call?.extra).toEqual({ blob: '{"truncated":true}' })
    expect(itself?.bad).toMatchObject({ reason: 'not_an_object', json: '{"truncated":true}' })
    expect(other?.bad?.identity).not.toBe(itself?.bad?.identity)
  })
})

/** Every digit of a text, whatever stands between them. */
const digitsIn = (text: string) => text.replace(/\D/g, '')

describe('numbers planted anywhere in a row', () => {
  const NUMBERS_ALONE = ['from', 'callto', 'callee', 'caller', 'caller_id', 'did', 'Bridge-Number']
  const ANY_KEY = [...KEYS.filter(key => !['id', 'call_id', 'Call-ID', 'uniqid', 'parent_id'].includes(key)), ...NUMBERS_ALONE]
  const rule = fc.constantFrom(...NUMBER_RULES.filter(name => name !== 'plain'))
  const rules: fc.Arbitrary<NumberRules> = fc.record({ from_number: rule, to_number: rule, bridge_number: rule })
  const optIn = fc.subarray(['recording_ref', 'location', 'operator', 'notes', 'custom'])
  /** None that a time of this century could be, and none that could be a year. */
  const digits = fc.stringMatching(/^(91[6-9]|[6-8])[0-9]{9}$/)
  const spelled = digits.chain(number =>
    fc.constantFrom<unknown>(
      ...[number, `+${number}`, `00${number}`, `(${number.slice(0, 3)}) ${number.slice(3)}`, Number(number)],
      ...[`${number.slice(0, -5)} ${number.slice(-5)}`, `+${number.slice(0, -5)}-${number.slice(-5)}`, `call ${number}, please`],
    ),
  )
  const planted = fc.oneof(
    spelled,
    fc.array(spelled, { minLength: 1, maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...ANY_KEY, 'id'), spelled.map(String)), spelled, { minKeys: 1, maxKeys: 3 }),
    spelled.map(number => JSON.stringify({ deep: [{ from: number, id: number }] })),
  )
  const entry = fc.tuple(fc.oneof(fc.constantFrom(...ANY_KEY), spelled.map(String), fc.constant('blob')), planted)
  const planting = fc.record({ rules, optIn, entries: fc.array(entry, { minLength: 1, maxLength: 8 }) })
  const KEY = 'ghijklmnopqrstuvwxyz'

  test.each(['call', 'bad'] as const)('appear nowhere in the %s it becomes, in none of its fields', kind => {
    let seen = 0
    fc.assert(
      fc.property(planting, ({ rules, optIn, entries }) => {
        const normalise = createNormaliser({ timeZone: undefined, optIn, privacy: rules, hmacKey: KEY, note: () => {} })
        const row = { ...Object.fromEntries(entries), ...(kind === 'call' ? { id: 'a-b' } : {}) }
        // A recording's reference is whole or not at all, and only numbers of the call itself are looked for in it.
        const { recording: _, ...rest } = row as Record<string, unknown>

        const [made] = normalise([rest])

        const published = made?.call ?? made?.bad
        const text = digitsIn(JSON.stringify(published, (_key, one) => (typeof one === 'bigint' ? String(one) : one)))
        if (published !== undefined && (made?.call !== undefined) === (kind === 'call')) seen += 1
        // Of an HMAC 9 digits in a row are as good as never those of the number.
        for (const [number] of JSON.stringify(rest)
          .replace(/[^\d"]/g, '')
          .matchAll(/\d{10,}/g)) {
          expect(text).not.toContain(number.slice(-9))
        }
      }),
      { numRuns: 1_000 },
    )
    expect(seen).toBeGreaterThan(900)
  })

  test('are neither in the call nor in the dead letter when only one of the three is protected, outside of the plain fields', () => {
    fc.assert(
      fc.property(fc.constantFrom('from_number', 'to_number', 'bridge_number'), rule, spelled, (field, one, number) => {
        const rules: NumberRules = { from_number: 'plain', to_number: 'plain', bridge_number: 'plain', [field]: one }
        const normalise = createNormaliser({ timeZone: undefined, optIn: [], privacy: rules, hmacKey: KEY, note: () => {} })
        const key = { from_number: 'from', to_number: 'to', bridge_number: 'bridge' }[field]
        const row = { [key]: number, agent: number, nested: { number } }

        const [{ call } = {}, { bad } = {}] = normalise([{ id: 'a-b', ...row }, row])

        const tail = digitsIn(String(number)).slice(-9)
        expect(strictestOf(rules)).toBe(one)
        expect(digitsIn(JSON.stringify(call))).not.toContain(tail)
        expect(digitsIn(bad?.json ?? tail)).not.toContain(tail)
      }),
      { numRuns: 500 },
    )
  })

  test('never make a row throw, whatever JSON it is and whatever the rules are', () => {
    fc.assert(
      fc.property(rules, optIn, fc.oneof(row, fc.jsonValue(), fc.json()), (privacy, optIn, raw) => {
        const normalise = createNormaliser({ timeZone: 'UTC', optIn, privacy, hmacKey: KEY, note: () => {} })

        const [made] = normalise([raw])

        expect((made?.call === undefined) !== (made?.bad === undefined)).toBe(true)
        for (const text of Object.values(made?.call?.extra ?? {})) expect(typeof text).toBe('string')
        expect(() => JSON.parse(made?.bad?.json ?? 'null')).not.toThrow()
      }),
      { numRuns: 1_000 },
    )
  })

  test('beyond the stack are not published either, not even when JSON came as text', () => {
    const deep = `${'['.repeat(200_000)}"919876543210"${']'.repeat(200_000)}`
    const privacy = { from_number: 'mask', to_number: 'mask', bridge_number: 'mask' } as const
    const normalise = createNormaliser({ timeZone: undefined, optIn: [], privacy, note: () => {} })

    const [call, bad] = normalise([{ id: 'a', blob: deep }, { blob: JSON.parse(deep) }])

    expect(JSON.stringify([call?.call, bad?.bad])).not.toContain('9876543210')
  })
})
