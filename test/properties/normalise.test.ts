/** Whatever the API sends, a row comes out: nothing throws, no number is altered, no private field slips out. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_ROW_BYTES } from '../../src/kaleyra/bad-rows.ts'
import { createNormaliser } from '../../src/kaleyra/normalise.ts'
import type { CallLog } from '../../src/model/call-log.ts'

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

    const [inside, itself] = normalise([{ id: 'a', blob: deep }, deep])

    expect(inside?.call?.extra).toEqual({ blob: '{"truncated":true}' })
    expect(itself?.bad).toMatchObject({ reason: 'not_an_object', json: '{"truncated":true}' })
  })
})
