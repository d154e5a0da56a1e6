/**
 * The total table: what an answer of the API comes to, over real HTTP, down to the last try and the last record. Whatever it is, nothing is covered
 * that was not read, and nobody is told a key, a SID, a number or a body.
 */
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../src/errors.ts'
import type { Decision } from '../../src/flow/policy.ts'
import { API_KEY, json, REJECTED_KEY, type Reply, row, rows, SID, startApi, success } from './fixture.ts'
import { type Open, outcomeOf, PHONE, SECRETS } from './outcome.ts'

const LEAK = `${SID} ${API_KEY} ${PHONE}`
const refusal = (code: string) => ({ code, message: LEAK, data: [], error: { error: LEAK } })
const status =
  (code: number, body: unknown = { message: LEAK }, headers: Record<string, string> = {}): Reply =>
  (_, response) =>
    json(response, body, code, headers)
const html = (code: number) => status(code, `<!doctype html><p>${LEAK}`, { 'content-type': 'text/html' })
const redirect = (code: number) => status(code, '', { location: `/moved?sid=${SID}&api-key=${API_KEY}` })
const ahead =
  (seconds: number, body: unknown = success([])): Reply =>
  (_, response) =>
    json(response, body, 200, { date: new Date(Date.parse(String(response.getHeader('date'))) + seconds * 1_000).toUTCString() })

const facing =
  (reply: Reply): Open =>
  (clock, good) =>
    startApi((seen, response, nth) => (nth <= good ? json(response, success([])) : reply(seen, response, nth)), clock)

const decisionOf: Partial<Record<ErrorCode, Decision>> = {
  API_UNAUTHORIZED: 'fail_account',
  API_REJECTED: 'reprobe',
  API_REDIRECTED: 'fail_account',
  API_CLOCK_SKEW: 'fail_account',
  API_TOO_LARGE: 'fail_account',
  API_THROTTLED: 'retry',
  API_UNAVAILABLE: 'retry',
  API_MALFORMED: 'retry',
}

/** What is answered; its code; how often it is asked for; what the message must say. */
const table: readonly (readonly [string, Reply, ErrorCode, number, RegExp])[] = [
  [
    'RBC001, which looks like an empty page',
    status(200, REJECTED_KEY),
    'API_UNAUTHORIZED',
    4,
    /RBC001, incorrect SID or API key/,
  ],
  ['RBC001 with rows', status(200, { ...REJECTED_KEY, data: rows(0, 3) }), 'API_UNAUTHORIZED', 4, /RBC001/],
  ['RBC001 with HTTP 500', status(500, REJECTED_KEY), 'API_UNAUTHORIZED', 4, /RBC001.*HTTP 500/],
  ['RBC3004', status(200, refusal('RBC3004')), 'API_REJECTED', 1, /RBC3004, incorrect start time/],
  ['RBC3004 with HTTP 400', status(400, refusal('RBC3004')), 'API_REJECTED', 1, /RBC3004.*HTTP 400/],
  ['an unknown code', status(200, refusal('RBC4242')), 'API_REJECTED', 1, /RBC4242, a code this release does not know/],
  ['an unknown code with HTTP 400', status(400, refusal('RBC4242')), 'API_REJECTED', 1, /RBC4242.*HTTP 400/],
  ['an unknown code with HTTP 503', status(503, refusal('RBC4242')), 'API_UNAVAILABLE', 5, /HTTP 503 with RBC4242/],
  ['an unknown code with HTTP 401', status(401, refusal('RBC4242')), 'API_UNAUTHORIZED', 4, /HTTP 401/],
  ['a code that is free text', status(200, refusal(LEAK)), 'API_REJECTED', 1, /an unusual code/],
  ...([400, 404, 405, 406, 409, 410, 413, 414, 415, 422, 451] as const).map(
    code => [`HTTP ${code}`, status(code), 'API_REJECTED', 1, new RegExp(`HTTP ${code}`)] as const,
  ),
  ...([401, 403] as const).map(
    code => [`HTTP ${code}`, status(code), 'API_UNAUTHORIZED', 4, new RegExp(`HTTP ${code}`)] as const,
  ),
  ['HTTP 403 as HTML', html(403), 'API_UNAUTHORIZED', 4, /HTTP 403 with an HTML page/],
  ['HTTP 429', status(429), 'API_THROTTLED', 5, /HTTP 429/],
  ...([408, 500, 501, 502, 503, 504, 520, 599] as const).map(
    code => [`HTTP ${code}`, status(code), 'API_UNAVAILABLE', 5, new RegExp(`HTTP ${code}`)] as const,
  ),
  ['HTTP 502 as HTML', html(502), 'API_UNAVAILABLE', 5, /HTTP 502 with an HTML page/],
  ...([300, 301, 302, 303, 304, 307, 308] as const).map(
    code => [`HTTP ${code}`, redirect(code), 'API_REDIRECTED', 1, new RegExp(`redirect \\(HTTP ${code}\\).*check url`)] as const,
  ),
  ['HTML with HTTP 200', html(200), 'API_MALFORMED', 5, /HTTP 200 with an HTML page/],
  ['HTTP 204', (_, response) => void response.writeHead(204).end(), 'API_MALFORMED', 5, /HTTP 204 with no JSON object/],
  ['HTTP 206 without a code', status(206, { data: rows(0, 2) }), 'API_MALFORMED', 5, /HTTP 206 with no code/],
  ['an empty body', status(200, ''), 'API_MALFORMED', 5, /no JSON object/],
  ['JSON that ends early', status(200, `{"code":"RBC103","data":[{"from":"${PHONE}`), 'API_MALFORMED', 5, /no JSON object/],
  ['a bare list', status(200, rows(0, 2)), 'API_MALFORMED', 5, /no JSON object/],
  ['bytes that are no UTF-8', status(200, '\ufffd\u0000{'), 'API_MALFORMED', 5, /no JSON object/],
  ['data of null', status(200, success([], { data: null })), 'API_MALFORMED', 5, /no list of rows under data/],
  [
    'an error next to a success',
    status(200, success(rows(0, 3), { error: { error: LEAK } })),
    'API_MALFORMED',
    5,
    /an error next to/,
  ],
  ['a status of 500 and no code', status(200, { status: 500, data: [] }), 'API_MALFORMED', 5, /a status other than 200/],
  ['an empty list nobody vouches for', status(200, { data: [] }), 'API_MALFORMED', 5, /neither code nor status/],
  ['an empty success with HTTP 500', status(500, success([])), 'API_UNAVAILABLE', 5, /HTTP 500/],
  [
    'a body in an encoding nobody asked for',
    (_, response) => {
      const body = gzipSync(JSON.stringify(success([row(1)])))
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length }).end(body)
    },
    'API_MALFORMED',
    5,
    /an encoding that was not asked for/,
  ],
  [
    'a body that is announced too large',
    (_, response) => {
      response.writeHead(200, { 'content-length': String(64 * 1_024 * 1_024) }).write('{')
    },
    'API_TOO_LARGE',
    1,
    /more than 32 MiB; lower api\.pageSize/,
  ],
  ['a clock an hour ahead', ahead(3_600), 'API_CLOCK_SKEW', 1, /clock is 3600 s ahead of ours; set this machine's clock/],
  ['a clock two minutes behind', ahead(-120), 'API_CLOCK_SKEW', 1, /clock is 120 s behind ours/],
  ['a clock that explains a refused start', ahead(3_600, refusal('RBC3004')), 'API_CLOCK_SKEW', 1, /ahead of ours/],
]

describe.concurrent('an answer', () => {
  test.for(table)('%s', async ([, reply, code, tries, says], { expect }) => {
    const outcome = await outcomeOf(facing(reply))

    expect(outcome).toMatchObject({ code, decision: decisionOf[code], tries, ended: code, slots: 0, published: 0 })
    expect(outcome.message).toMatch(says)
    for (const secret of SECRETS) expect(outcome.shown).not.toContain(secret)
  })
})

test('the table knows every code that an answer can come to', () => {
  expect(new Set(table.map(([, , code]) => code))).toEqual(new Set(Object.keys(decisionOf)))
})

test('a success code with rows counts, whatever the HTTP status next to it', async () => {
  const outcome = outcomeOf(facing(status(500, success([row(1)]))))

  expect(await outcome).toMatchObject({ ended: 'covered', published: 1, tries: 1 })
})

test.for([301, 302, 303, 307, 308])('HTTP %i is not followed, so neither key nor fields go along', async (code, { expect }) => {
  const elsewhere = await startApi((_, response) => json(response, success([])))
  const outcome = await outcomeOf(facing(status(code, '', { location: `${elsewhere.origin}/v1/${SID}/voice/call-logs` })))
  await elsewhere.close()

  expect(outcome.code).toBe('API_REDIRECTED')
  expect(elsewhere.seen).toEqual([])
})
