import { describe, expect, test } from 'vitest'
import { ConnectorError, codeOf } from '../../src/errors.ts'
import { type Answer, judge, skewOf } from '../../src/kaleyra/envelope.ts'
import type { RawAnswer } from '../../src/kaleyra/transport.ts'
import { REJECTED_KEY, rows, success } from './fixture.ts'

const NOW = Date.UTC(2026, 0, 15, 12)

function raw(body: unknown, status = 200, headers: Record<string, string> = {}): RawAnswer {
  return { status, headers, body: typeof body === 'string' ? body : JSON.stringify(body), receivedMs: NOW }
}

function verdict(answer: RawAnswer): Answer | string {
  try {
    return judge(answer)
  } catch (error) {
    return codeOf(error)
  }
}

function failure(answer: RawAnswer): ConnectorError {
  try {
    judge(answer)
  } catch (error) {
    if (error instanceof ConnectorError) return error
  }
  throw new Error('a success')
}

describe('success', () => {
  test('is the documented answer', () => {
    expect(verdict(raw(success([])))).toEqual({ rows: [], total: 0, limit: 100 })
  })

  test('is no code with status 200, as number or text', () => {
    expect(verdict(raw({ status: '200', message: 'OK', data: rows(0, 2) }))).toMatchObject({ total: null, limit: null })
    expect(verdict(raw({ status: 200, data: [] }))).toMatchObject({ rows: [] })
  })

  test('is RBC103 whatever the HTTP status says', () => {
    expect(verdict(raw(success(rows(0, 1)), 500))).toMatchObject({ total: 1 })
  })

  test.each([
    ['data.data', { code: 'RBC103', data: { data: rows(0, 2) } }],
    ['data.records', { code: 'RBC103', data: { records: rows(0, 2) } }],
    ['records', { code: 'RBC103', records: rows(0, 2) }],
  ])('finds the rows under %s', (_where, body) => {
    expect(verdict(raw(body))).toMatchObject({ rows: rows(0, 2) })
  })

  test.each([
    ['data', { code: 'RBC103', data: { data: rows(0, 2), total: '7', limit: 50 } }, 7, 50],
    ['the envelope, before data', { code: 'RBC103', data: { data: rows(0, 2), total: 7, limit: 50 }, total: 9, limit: 5 }, 9, 5],
    ['nowhere, when data is a list', { code: 'RBC103', data: Object.assign(rows(0, 2), { total: 7 }) }, null, null],
  ])('finds the total and the limit in %s', (_where, body, total, limit) => {
    expect(verdict(raw(body))).toMatchObject({ rows: rows(0, 2), total, limit })
  })

  test.each([undefined, null, {}, [], '', false])('takes an error of %j as none', error => {
    expect(verdict(raw(success([], { error })))).toMatchObject({ rows: [] })
  })

  test('survives a byte order mark', () => {
    expect(verdict(raw(`\ufeff${JSON.stringify(success([]))}`))).toMatchObject({ rows: [] })
  })

  test.each([
    [0, 3, null],
    ['7', 3, 7],
    ['many', 3, null],
    [undefined, 3, null],
    [-1, 3, null],
    [2.5, 1, null],
    [2, 3, null],
    [0, 0, 0],
    [{}, 0, null],
  ])('reads a total of %j beside %i rows as %j', (total, count, expected) => {
    expect(verdict(raw(success(rows(0, count), { total })))).toMatchObject({ total: expected })
  })

  test('keeps every digit of numbers that a double cannot hold', () => {
    const body =
      '{"code":"RBC103","data":[{"id":123456789012345678901, "cost":0.12345678901234567890,"big":1e400,"tiny":1e-400,"n":1e3,"d":63}]}'

    expect(verdict(raw(body))).toMatchObject({
      rows: [{ id: '123456789012345678901', cost: '0.12345678901234567890', big: '1e400', tiny: '1e-400', n: 1000, d: 63 }],
    })
  })
})

describe('failure', () => {
  test.each([
    ['a rejected key that looks like an empty page', REJECTED_KEY, 200, 'API_UNAUTHORIZED'],
    ['a rejected key with HTTP 401', REJECTED_KEY, 401, 'API_UNAUTHORIZED'],
    ['HTTP 401', '', 401, 'API_UNAUTHORIZED'],
    ['HTTP 403 as HTML', '<html>', 403, 'API_UNAUTHORIZED'],
    [
      'a bad start time',
      { code: 'RBC3004', message: 'Incorrect start time.', data: [], error: { error: 'x' } },
      400,
      'API_REJECTED',
    ],
    ['a bad start time as HTTP 200', { code: 'RBC3004', data: [] }, 200, 'API_REJECTED'],
    ['an unknown code', { code: 'RBC777', data: [] }, 200, 'API_REJECTED'],
    ['an unknown code with HTTP 500', { code: 'RBC500', data: [] }, 500, 'API_UNAVAILABLE'],
    ['an unknown code with HTTP 429', { code: 'RBC429', data: [] }, 429, 'API_THROTTLED'],
    ['HTTP 400', { data: [] }, 400, 'API_REJECTED'],
    ['HTTP 404', 'not here', 404, 'API_REJECTED'],
    ['HTTP 405', {}, 405, 'API_REJECTED'],
    ['HTTP 413', {}, 413, 'API_REJECTED'],
    ['HTTP 429', '', 429, 'API_THROTTLED'],
    ['HTTP 408', {}, 408, 'API_UNAVAILABLE'],
    ['HTTP 500 as HTML', '<html>', 500, 'API_UNAVAILABLE'],
    ['HTTP 503', {}, 503, 'API_UNAVAILABLE'],
    ['a redirect', '', 302, 'API_REDIRECTED'],
    ['HTML with HTTP 200', '<html>maintenance</html>', 200, 'API_MALFORMED'],
    ['nothing', '', 200, 'API_MALFORMED'],
    ['half a body', '{"code":"RBC103","data":[{"id":', 200, 'API_MALFORMED'],
    ['a bare list', [], 200, 'API_MALFORMED'],
    ['null', 'null', 200, 'API_MALFORMED'],
    ['no rows', { code: 'RBC103' }, 200, 'API_MALFORMED'],
    ['data of another shape', { code: 'RBC103', data: {} }, 200, 'API_MALFORMED'],
    ['an error next to rows', success(rows(0, 3), { error: { error: 'partial' } }), 200, 'API_MALFORMED'],
    ['an error next to no rows', success([], { error: ['x'] }), 200, 'API_MALFORMED'],
    ['no code and another status', { status: 500, data: [] }, 200, 'API_MALFORMED'],
    ['no code and HTTP 204', { status: 200, data: [] }, 204, 'API_MALFORMED'],
    ['an empty list nothing vouches for', { data: [] }, 200, 'API_MALFORMED'],
    ['an empty success next to HTTP 500', success([]), 500, 'API_UNAVAILABLE'],
    ['an empty success that says 503 itself', success([], { status: '503' }), 200, 'API_UNAVAILABLE'],
    ['data of null', success([], { data: null }), 200, 'API_MALFORMED'],
    ['a list of rows as an object', success([], { data: { 0: {}, 2: {} } }), 200, 'API_MALFORMED'],
    ['a list of rows as text', success([], { data: '[]' }), 200, 'API_MALFORMED'],
    ['a code of another type', success([], { code: { a: 1 } }), 200, 'API_REJECTED'],
    ['a success code that is only inherited', '{"__proto__":{"code":"RBC103","data":[]}}', 200, 'API_MALFORMED'],
    ['of two codes the later, as everywhere in JSON', '{"code":"RBC103","data":[],"code":"RBC001"}', 200, 'API_UNAUTHORIZED'],
    ['UTF-16', Buffer.from(JSON.stringify(success([])), 'utf16le').toString('utf8'), 200, 'API_MALFORMED'],
    ['two answers in one', JSON.stringify(success([])).repeat(2), 200, 'API_MALFORMED'],
  ])('%s', (_what, body, status, expected) => {
    expect(verdict(raw(body, status))).toBe(expected)
  })

  test('names code and HTTP status, never the vendor’s free text or the body', () => {
    const text = 'call of +919876543210 leaked'

    const messages = [
      raw({ code: 'RBC777', message: text, data: [], error: { error: text } }),
      raw({ code: text, message: text, data: [] }),
      raw({ code: 'RBC103', message: text, error: text, data: [{ from: text }] }),
      raw(`<html>${text}`, 503),
      raw(`{"from":"${text}`),
    ].map(answer => failure(answer))

    expect(messages[0]?.message).toContain('RBC777')
    expect(messages[0]?.message).toContain('HTTP 200')
    for (const error of messages) expect(JSON.stringify([error.message, error, String(error.cause)])).not.toContain('9876543210')
  })
})

describe('Retry-After', () => {
  const date = 'Thu, 15 Jan 2026 12:00:30 GMT'

  test.each([
    ['seconds', { 'retry-after': '120' }, 120_000],
    ['a date, against our clock', { 'retry-after': date }, 30_000],
    ['a date, against the answer’s own', { 'retry-after': date, date: 'Thu, 15 Jan 2026 12:00:20 GMT' }, 10_000],
    ['a date that has passed', { 'retry-after': 'Thu, 15 Jan 2026 11:00:00 GMT' }, 0],
    ['a negative number', { 'retry-after': '-5' }, undefined],
    ['words', { 'retry-after': 'soon' }, undefined],
    ['a week', { 'retry-after': '604800' }, 604_800_000],
    ['longer than the API remembers', { 'retry-after': '604801' }, undefined],
    ['an instant instead of a time', { 'retry-after': '1768478400' }, undefined],
    ['the end of time', { 'retry-after': 'Fri, 31 Dec 9999 23:59:59 GMT' }, undefined],
    ['nothing', {}, undefined],
  ])('%s', (_what, headers, expected) => {
    expect(failure(raw('', 429, headers as Record<string, string>)).retryAfterMs).toBe(expected)
    expect(failure(raw('', 503, headers as Record<string, string>)).retryAfterMs).toBe(expected)
  })
})

describe('the API’s clock', () => {
  const at = (ms: number) => ({ date: new Date(NOW + ms).toUTCString() })

  test('is compared with ours', () => {
    expect(skewOf(raw('', 200, at(-7_000)))).toBe(-7_000)
    expect(skewOf(raw('', 200))).toBeNull()
    expect(skewOf(raw('', 200, { date: '-5' }))).toBeNull()
  })

  test('may differ by a minute, and no more', () => {
    expect(verdict(raw(success([]), 200, at(60_000)))).toMatchObject({ rows: [] })
    expect(verdict(raw(success([]), 200, at(61_000)))).toBe('API_CLOCK_SKEW')
    expect(verdict(raw(success([]), 200, at(-61_000)))).toBe('API_CLOCK_SKEW')
  })

  test('explains a refused start time, but not a refused key', () => {
    expect(verdict(raw({ code: 'RBC3004', data: [] }, 400, at(3_600_000)))).toBe('API_CLOCK_SKEW')
    expect(verdict(raw(REJECTED_KEY, 200, at(3_600_000)))).toBe('API_UNAUTHORIZED')
  })
})
