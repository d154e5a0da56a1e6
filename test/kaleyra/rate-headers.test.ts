import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allowanceOf } from '../../src/kaleyra/rate-headers.ts'
import { DAY_MS } from '../../src/model/window.ts'

const answeredMs = Date.parse('2026-03-10T12:00:00Z')
const left = (remaining: number, seconds: number) => ({ remaining, resetMs: seconds * 1_000 })

describe('what is left is understood', () => {
  test.each([
    [
      'X-RateLimit in seconds',
      { 'x-ratelimit-limit': '100', 'x-ratelimit-remaining': '7', 'x-ratelimit-reset': '30' },
      left(7, 30),
    ],
    ['in epoch seconds', { 'x-ratelimit-remaining': '7', 'x-ratelimit-reset': String(answeredMs / 1_000 + 30) }, left(7, 30)],
    ['in epoch milliseconds', { 'x-ratelimit-remaining': '7', 'x-ratelimit-reset': String(answeredMs + 30_000) }, left(7, 30)],
    ['as an HTTP date', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': 'Tue, 10 Mar 2026 12:00:30 GMT' }, left(0, 30)],
    ['as an ISO date', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '2026-03-10T12:00:30Z' }, left(0, 30)],
    ['spelt X-Rate-Limit', { 'x-rate-limit-remaining': '7', 'x-rate-limit-reset': '30' }, left(7, 30)],
    [
      'in the early IETF drafts',
      { 'ratelimit-limit': '100, 100;w=60', 'ratelimit-remaining': '7', 'ratelimit-reset': '30' },
      left(7, 30),
    ],
    ['in the seventh draft', { ratelimit: 'limit=100, remaining=7, reset=30' }, left(7, 30)],
    ['in the drafts since', { ratelimit: '"default";r=7;t=30' }, left(7, 30)],
    ['with names that hold commas', { ratelimit: '"a, r=0;t=9";r=7;t=30' }, left(7, 30)],
    ['of several limits, the strictest', { ratelimit: '"burst";r=9;t=1, "hour";r=60;t=3600' }, left(60, 3_600)],
    ['nothing left before anything else', { ratelimit: '"day";r=1;t=80000, "burst";r=0;t=5' }, left(0, 5)],
    [
      'a policy, without what is left of it',
      { 'ratelimit-policy': '"burst";q=100;w=60, "day";q=2880;w=86400' },
      left(2_880, 86_400),
    ],
    ['a fraction of a second, rounded up', { 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': '0.25' }, left(1, 0.25)],
  ])('%s', (_, headers, expected) => {
    expect(allowanceOf(headers, answeredMs)).toEqual(expected)
  })
})

describe('what says nothing is not guessed', () => {
  test.each([
    ['no headers', {}],
    ['a limit alone', { 'x-ratelimit-limit': '100' }],
    ['no reset', { 'x-ratelimit-remaining': '0' }],
    ['no remaining', { 'x-ratelimit-reset': '30' }],
    ['a reset that has passed', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(answeredMs / 1_000 - 5) }],
    ['a reset of now', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '0' }],
    ['a reset more than a day away', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '86401' }],
    ['words', { 'x-ratelimit-remaining': 'few', 'x-ratelimit-reset': 'soon' }],
    ['negative numbers', { 'x-ratelimit-remaining': '-1', 'x-ratelimit-reset': '30' }],
    ['lists', { 'x-ratelimit-remaining': '1, 2', 'x-ratelimit-reset': '30, 40' }],
    ['a unit', { 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': '30s' }],
    ['digits without end', { 'x-ratelimit-remaining': '9'.repeat(40), 'x-ratelimit-reset': '1'.repeat(40) }],
  ])('%s', (_, headers) => {
    expect(allowanceOf(headers, answeredMs)).toBeNull()
  })

  test('whatever the headers hold, the answer is none or one within its bounds', () => {
    const name = fc.constantFrom('x-ratelimit-remaining', 'x-ratelimit-reset', 'ratelimit', 'ratelimit-policy', 'ratelimit-reset')
    const value = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.nat().map(String),
      fc.stringMatching(/^"?[a-z]{0,3}"?(;(r|t|q|w)=[0-9]{1,13}){0,3}(, "b";r=[0-9]{1,3};t=[0-9]{1,6})?$/),
    )
    fc.assert(
      fc.property(fc.dictionary(name, value), headers => {
        const allowance = allowanceOf(headers, answeredMs)
        if (allowance === null) return
        expect(Number.isSafeInteger(allowance.remaining) && allowance.remaining >= 0).toBe(true)
        expect(allowance.resetMs).toBeGreaterThan(0)
        expect(allowance.resetMs).toBeLessThanOrEqual(DAY_MS)
      }),
      { numRuns: 2_000 },
    )
  })
})
