import { inspect } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { createBudget } from '../../src/kaleyra/budget.ts'
import { createKaleyraSource } from '../../src/kaleyra/source.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import {
  API_KEY,
  type Api,
  countsAll,
  json,
  never,
  REJECTED_KEY,
  type Reply,
  readAll,
  rows,
  SID,
  startApi,
  startSource,
  success,
  WINDOW,
} from './fixture.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

async function open(reply: Reply, more: Parameters<typeof startSource>[1] = {}, clock = new VirtualClock()) {
  const api: Api = await startApi(reply, clock)
  const opened = startSource(api, more)
  opened.source.adopt(countsAll)
  closers.push(opened.source.close, api.close)
  const startMs = clock.monotonic()
  return {
    ...opened,
    api,
    clock,
    read: (signal = never) => readAll(opened.source.read(WINDOW, signal)),
    /** Virtual milliseconds since the start, of each request's arrival. */
    times: () => api.seen.map(({ atMs }) => atMs - startMs),
    outcomes: () => opened.notes.flatMap(note => (note.kind === 'request' ? [note.outcome] : [])),
  }
}

const ok: Reply = (_, response) => json(response, success(rows(0, 2)))
/** The first `count` requests fail. */
const failing =
  (count: number, fail: Reply): Reply =>
  (seen, response, nth) =>
    nth <= count ? fail(seen, response, nth) : ok(seen, response, nth)
const answer =
  (status: number, headers: Record<string, string> = {}, body: unknown = ''): Reply =>
  (_, response) =>
    json(response, body, status, headers)

describe('pacing', () => {
  test('the first request waits one interval, the next ones each another', async () => {
    const { read, times } = await open(
      (seen, response) =>
        json(
          response,
          success(rows((Number(seen.form.get('page')) - 1) * 10, Number(seen.form.get('page')) * 10), { total: 30, limit: 10 }),
        ),
      { pageSize: 10 },
    )

    await read()

    expect(times()).toEqual([1_000, 2_000, 3_000, 4_000])
  })

  test('retries are requests like any other: none comes early', async () => {
    const { read, times, source } = await open(failing(4, answer(503)), { requestsPerSecond: 0.5 })

    await read()

    expect(times()).toEqual([2_000, 4_000, 6_000, 8_000, 10_000])
    expect(source.requests()).toBe(5)
  })

  test('two sources on one key share its budget', async () => {
    const clock = new VirtualClock()
    const api = await startApi(ok, clock)
    const options = {
      sid: SID,
      apiKey: API_KEY,
      origin: api.origin,
      pageSize: 10,
      requestsPerSecond: 1,
      burst: 1,
      timeoutMs: 5_000,
      optIn: [],
    }
    const budget = createBudget(options, clock)
    const startMs = clock.monotonic()
    const sources = [1, 2].map(() => createKaleyraSource(options, { clock, random: () => 0, note: () => {}, budget }))
    for (const source of sources) source.adopt(countsAll)
    closers.push(...sources.map(source => source.close), api.close)

    await Promise.all(sources.map(source => readAll(source.read(WINDOW, never))))

    expect(api.seen.map(({ atMs }) => atMs - startMs)).toEqual([1_000, 2_000])
  })

  test('a budget and its use are told', async () => {
    const { read, notes } = await open(ok)

    await read()

    expect(notes.map(note => note.kind)).toEqual(['request', 'budget'])
  })
})

describe('Retry-After', () => {
  test('in seconds is waited out in full, beyond any back-off', async () => {
    const { read, times, source, clock, notes } = await open(failing(1, answer(429, { 'retry-after': '9' })))

    await read()

    expect(times()).toEqual([1_000, 10_000])
    expect(source.notBeforeMs()).toBe(clock.now())
    expect(notes.some(note => note.kind === 'throttled')).toBe(true)
  })

  test('of more than ten seconds ends the read at once, and holds whatever is asked next', async () => {
    const { read, times, source, clock, notes } = await open(failing(1, answer(429, { 'retry-after': '600' })))
    const beforeMs = clock.now()

    await expect(read()).rejects.toMatchObject({ code: 'API_THROTTLED', retryAfterMs: 600_000 })
    expect(times()).toEqual([1_000])
    await read()

    expect(times()).toEqual([1_000, 601_000])
    expect(source.notBeforeMs()).toBe(beforeMs + 601_000)
    const waited = notes.flatMap(note => (note.kind === 'throttled' ? [note.waitMs] : [])).reduce((a, b) => a + b, 0)
    expect(waited).toBeGreaterThan(597_000)
    expect(waited).toBeLessThanOrEqual(600_000)
  })

  test('as a date is read against the answer’s own clock', async () => {
    const clock = new VirtualClock()
    const skewMs = -30_000
    const { read, times } = await open(
      failing(1, (_, response) => {
        const api = clock.now() + skewMs
        json(response, '', 503, { date: new Date(api).toUTCString(), 'retry-after': new Date(api + 8_000).toUTCString() })
      }),
      {},
      clock,
    )

    await read()

    expect(times()).toEqual([1_000, 9_000])
  })

  test('outlives the read that met it, and a restart', async () => {
    const clock = new VirtualClock()
    const first = await open(answer(429, { 'retry-after': '3600' }), {}, clock)
    await expect(first.read()).rejects.toMatchObject({ code: 'API_THROTTLED' })
    const notBeforeMs = first.source.notBeforeMs()

    const second = await open(ok, {}, clock)
    second.source.holdUntil(notBeforeMs)
    await second.read()

    expect(clock.now()).toBeGreaterThanOrEqual(notBeforeMs)
    expect(second.api.seen).toHaveLength(1)
  })

  test('429 without it halves the rate', async () => {
    const { read, times } = await open(failing(1, answer(429)))

    await read()

    expect(times()).toEqual([1_000, 3_000])
  })
})

describe('rate headers', () => {
  test('that say nothing is left hold the next request until the reset, also when they come with a failure', async () => {
    const empty = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '40' }
    const { read, times, source, clock } = await open(failing(1, answer(500, empty)))

    await read()

    expect(times()).toEqual([1_000, 41_000])
    expect(source.notBeforeMs()).toBe(clock.now())
  })

  test('that say little is left slow the reading down', async () => {
    const { read, times } = await open((_, response) =>
      json(response, success(rows(0, 2)), 200, { 'ratelimit-policy': '"minute";q=60;w=60', ratelimit: '"minute";r=4;t=40' }),
    )

    await read()
    await read()
    await read()

    expect(times()).toEqual([1_000, 11_000, 21_000])
  })

  test('that make no sense change nothing', async () => {
    const nonsense = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1e99', ratelimit: ';;;="' }
    const { read, times } = await open((_, response) => json(response, success(rows(0, 2)), 200, nonsense))

    await read()
    await read()

    expect(times()).toEqual([1_000, 2_000])
  })
})

describe('second tries', () => {
  test.each([
    ['unavailable', answer(500), 5, 'API_UNAVAILABLE'],
    ['malformed', answer(200, {}, '<html>'), 5, 'API_MALFORMED'],
    ['throttled', answer(429), 5, 'API_THROTTLED'],
    ['unauthorized', answer(200, {}, REJECTED_KEY), 4, 'API_UNAUTHORIZED'],
    ['rejected', answer(400, {}, { code: 'RBC3004', data: [] }), 1, 'API_REJECTED'],
    ['redirected', answer(302, { location: '/elsewhere' }), 1, 'API_REDIRECTED'],
    ['clock_skew', answer(200, { date: 'Thu, 15 Jan 2026 11:00:00 GMT' }, success([])), 1, 'API_CLOCK_SKEW'],
  ] as const)('%s', async (outcome, reply, requests, code) => {
    const { read, source, outcomes } = await open(reply)

    await expect(read()).rejects.toMatchObject({ code })
    expect(source.requests()).toBe(requests)
    expect(outcomes()).toEqual(new Array(requests).fill(outcome))
  })

  test('a key that was rejected by accident is tried again with more and more time between', async () => {
    const { read, times } = await open(failing(3, answer(200, {}, REJECTED_KEY)), { requestsPerSecond: 100 })

    const pages = await read()

    expect(pages).toHaveLength(1)
    expect(times()).toEqual([10, 1_010, 3_010, 7_010])
  })

  test('a connection lost in the middle of a body is tried again', async () => {
    const { read, outcomes } = await open(
      failing(2, (_, response) => {
        response.writeHead(200, { 'content-length': '1000' })
        response.write('{"code":"RBC103","data":[', () => response.destroy())
      }),
    )

    expect(await read()).toHaveLength(1)
    expect(outcomes()).toEqual(['unavailable', 'unavailable', 'ok'])
  })

  test('a server that hangs is left at the deadline and tried again', async () => {
    const { read, outcomes } = await open(
      failing(1, () => {}),
      { timeoutMs: 60 },
    )

    expect(await read()).toHaveLength(1)
    // On a busy machine a good answer may miss the short deadline, too.
    expect([outcomes().at(0), outcomes().at(-1)]).toEqual(['unavailable', 'ok'])
  })
})

describe('stopping', () => {
  test('in the middle of a request ends the read at once', async () => {
    const controller = new AbortController()
    const { read, outcomes } = await open(() => controller.abort())

    await expect(read(controller.signal)).rejects.toMatchObject({ code: 'STOPPED' })
    expect(outcomes()).toEqual(['aborted'])
  })

  test('while waiting for the budget or for a second try ends the read at once', async () => {
    const clock = new VirtualClock({ mode: 'manual' })
    const { read, api } = await open(answer(500), {}, clock)
    const [waiting, retrying] = [new AbortController(), new AbortController()]

    const first = read(waiting.signal)
    waiting.abort()
    await expect(first).rejects.toMatchObject({ code: 'STOPPED' })
    const second = read(retrying.signal)
    await clock.advance(1_000)
    while (clock.asleep === 0) await new Promise(resolve => setImmediate(resolve))
    retrying.abort()

    await expect(second).rejects.toMatchObject({ code: 'STOPPED' })
    expect(api.seen).toHaveLength(1)
  })

  test('by close is final', async () => {
    const { read, source } = await open(ok)

    await source.close()

    await expect(read()).rejects.toMatchObject({ code: 'STOPPED' })
  })
})

describe('the API’s clock', () => {
  test('is known after the first answer', async () => {
    const clock = new VirtualClock()
    const { read, source } = await open(
      (_, response) => json(response, success([]), 200, { date: new Date(clock.now() - 5_000).toUTCString() }),
      {},
      clock,
    )
    const before = source.skewMs()

    await read()

    expect(before).toBeNull()
    expect(source.skewMs()).toBe(-5_000)
  })

  test('is known after a skewed answer, too', async () => {
    const { read, source, clock } = await open((_, response) =>
      json(response, success([]), 200, { date: new Date(clock.now() + 90_000).toUTCString() }),
    )

    await expect(read()).rejects.toMatchObject({ code: 'API_CLOCK_SKEW' })
    expect(source.skewMs()).toBe(90_000)
  })
})

test('filters are sent comma-separated with every request', async () => {
  const { read, api } = await open(ok, { filters: { bridge: ['13236000007', '13236000008'], status: [] } })

  await read()

  expect(api.seen[0]?.form.get('bridge')).toBe('13236000007,13236000008')
  expect(api.seen[0]?.form.has('status')).toBe(false)
})

describe('secrets', () => {
  const PHONE = '919876543210'
  const leak = {
    code: 'RBC9',
    message: `${SID} ${API_KEY} ${PHONE}`,
    data: [{ from: PHONE }],
    error: { error: `${API_KEY} ${PHONE}` },
  }

  test.each([
    ['a rejected key', answer(200, {}, { ...leak, code: 'RBC001' })],
    ['an unknown code', answer(200, {}, leak)],
    ['an error next to rows', answer(200, {}, { ...leak, code: 'RBC103' })],
    ['half a body', answer(200, {}, `{"code":"RBC103","data":[{"from":"${PHONE}","key":"${API_KEY}"`)],
    ['a server error as HTML', answer(500, {}, `<html>${PHONE} ${API_KEY} ${SID}`)],
    ['a redirect', answer(302, { location: `https://x.example.com/${SID}?api-key=${API_KEY}` })],
    ['a lost connection', ((_, response) => void response.destroy()) as Reply],
    ['no HTTP', ((_, response) => void response.socket?.end(`${PHONE} ${API_KEY} ${SID}\r\n\r\n`)) as Reply],
    ['a hanging server', (() => {}) as Reply],
  ])('%s shows neither key, SID, number nor body, however deep one looks', async (_what, reply) => {
    const { read, notes } = await open(reply, { timeoutMs: 50 })

    const error: unknown = await read().catch((caught: unknown) => caught)

    const shown = inspect([error, notes], { depth: 20, showHidden: true })
    expect(shown).toContain('ConnectorError')
    for (const secret of [SID, API_KEY, PHONE]) expect(shown).not.toContain(secret)
  })
})
