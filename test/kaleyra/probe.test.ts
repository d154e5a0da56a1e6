/** What the probe finds out about the simulated API, under each behaviour it can show, and what it refuses to believe. */
import { afterEach, describe, expect, test } from 'vitest'
import { createKaleyraSource, type KaleyraSourceOptions } from '../../src/kaleyra/source.ts'
import type { Happening } from '../../src/ports.ts'
import type { SimulatorOptions } from '../support/simulator/options.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'
import { World, type WorldSettings } from '../support/simulator/world.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { API_KEY, json, never, type Reply, SID, startApi, startSource, success } from './fixture.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

interface Setup {
  readonly api?: Partial<SimulatorOptions>
  readonly source?: Partial<KaleyraSourceOptions>
  readonly world?: Partial<WorldSettings>
}

async function open({ api = {}, source = {}, world = {} }: Setup = {}) {
  const clock = new VirtualClock({ startMs: Date.parse('2026-03-10T12:00:00Z') })
  const simulator = await startSimulator({
    world: new World({ seed: 7, now: () => clock.now(), history: 300, historyMs: 20 * 3_600_000, ...world }),
    options: api,
  })
  const { sid, apiKey, url: origin } = simulator
  const notes: Happening[] = []
  const opened = createKaleyraSource(
    { sid, apiKey, origin, pageSize: 100, requestsPerSecond: 1, burst: 1, timeoutMs: 5_000, optIn: [], ...source },
    { clock, random: () => 0.5, note: happening => notes.push(happening) },
  )
  closers.push(opened.close, () => simulator.close())
  return { clock, simulator, source: opened, notes }
}

const stylesAsked = ({ requests }: Simulator) => [...new Set(requests.map(({ style }) => style))]

describe('the style', () => {
  test.each(['post-form', 'get-query', 'get-body'] as const)(
    'that alone is heard, %s, is found by the refusal of a bad start',
    async style => {
      for (const unheard of ['ignored', 403, 405] as const) {
        const { source } = await open({ api: { styles: [style], unheard } })

        await source.probe(never)

        expect(source.dialect()).toMatchObject({ style, provedBy: 'bad_start_refused' })
      }
    },
  )

  test('the vendor shows is taken when it is heard, whatever else is', async () => {
    const { source, simulator } = await open({ api: { styles: ['get-body', 'get-query', 'post-form'] } })

    await source.probe(never)

    expect(source.dialect()).toMatchObject({ style: 'post-form' })
    expect(stylesAsked(simulator)).toEqual(['post-form'])
  })

  test.each(['field', 'both'] as const)(
    'is found by the echo of a limit heard as %s, with no bad request sent',
    async limitIn => {
      const { source, simulator } = await open({
        api: { styles: ['get-query'], limitIn },
        source: { sendsBadRequest: false },
        world: { history: 0 },
      })

      await source.probe(never)

      expect(source.dialect()).toMatchObject({ style: 'get-query', provedBy: 'limit_echoed', limitIn })
      expect(simulator.requests.some(({ from }) => from === 'malformed')).toBe(false)
    },
  )

  test.each(['start', 'end'] as const)('is found by a window that filters on %s, when nothing is echoed', async filterBy => {
    const { source } = await open({
      api: { styles: ['get-body'], echo: 'absent', limitIn: 'header', filterBy },
      source: { sendsBadRequest: false },
    })

    await source.probe(never)

    expect(source.dialect()).toMatchObject({ style: 'get-body', provedBy: 'window_heard' })
  })

  test.each([
    ['HTTP 400 and no code', 400, { message: 'Bad Request' }],
    ['a code of its own', 200, { code: 'RBC3999', data: [], error: { error: 'Invalid input.' } }],
  ])('is proved by any refusal of the bad start, %s, where the good one is answered', async (_what, status, body) => {
    const answers: Reply = (seen, response) =>
      seen.form.get('start_time') === 'no-time' ? json(response, body, status) : json(response, success([], { limit: undefined }))
    const api = await startApi(answers)
    const { source } = startSource(api)
    closers.push(source.close, api.close)

    await source.probe(never)

    expect(source.dialect()).toMatchObject({ style: 'post-form', provedBy: 'bad_start_refused' })
  })

  test.each([
    ['RBC3004', 1],
    ['RBC3004', 2],
    ['RBC3004', 3],
    ['RBC3999', 1],
    ['RBC3999', 3],
  ])('is not proved by %s that comes by chance, %i times, to a bad start that is not heard', async (code, times) => {
    let left = times
    const api = await startApi(({ form, path }, response) => {
      const isChance = form.get('start_time') === 'no-time' && left > 0
      if (isChance) left -= 1
      const isRefused = isChance || path.includes('start_time=no-time')
      json(response, isRefused ? { code, data: [] } : success([], { limit: undefined }))
    })
    const { source } = startSource(api)
    closers.push(source.close, api.close)

    await source.probe(never)

    expect(left).toBe(0)
    expect(source.dialect()).toMatchObject({ style: 'get-query', provedBy: 'bad_start_refused' })
  })

  test.each([
    ['a server error', 500, 'Uncaught exception'],
    ['a page of HTML', 200, '<html>DateTime::__construct(): failed to parse</html>'],
    ['the 403 of a gateway', 403, '<html>Request blocked</html>'],
  ])('is proved otherwise where the bad start gets %s and the good one is answered', async (_what, status, body) => {
    const answers: Reply = ({ form }, response) =>
      form.get('start_time') === 'no-time'
        ? json(response, body, status)
        : json(response, success([], { limit: Number(form.get('limit')) }))
    const api = await startApi(answers)
    const { source } = startSource(api)
    closers.push(source.close, api.close)

    await source.probe(never)

    expect(source.dialect()).toMatchObject({ style: 'post-form', provedBy: 'limit_echoed' })
  })

  test('that nothing shows to be heard is not believed: the account fails', async () => {
    const { source } = await open({
      api: { echo: 'absent', limitIn: 'header' },
      source: { sendsBadRequest: false },
      world: { history: 0 },
    })

    await expect(source.probe(never)).rejects.toMatchObject({
      code: 'API_UNPROVED',
      message: expect.stringContaining('api.style'),
    })
    expect(source.dialect()).toBeNull()
  })

  test('that the settings name is asked alone, and assumed when nothing proves it', async () => {
    const { source, simulator } = await open({
      api: { styles: ['get-query'], echo: 'absent', limitIn: 'header' },
      source: { style: 'get-query', sendsBadRequest: false },
      world: { history: 0 },
    })

    await source.probe(never)

    expect(source.dialect()).toMatchObject({ style: 'get-query', provedBy: 'assumed' })
    expect(stylesAsked(simulator)).toEqual(['get-query'])
  })

  test('is not taken from an API that answers every question with the same rows', async () => {
    const anyway: Reply = (_, response) =>
      json(
        response,
        success(
          Array.from({ length: 25 }, (_, index) => ({ id: `${index}`, start_time: `2026-01-15T0${index % 9}:00:00Z` })),
          { limit: 25 },
        ),
      )
    const api = await startApi(anyway)
    const { source } = startSource(api)
    closers.push(source.close, api.close)

    await expect(source.probe(never)).rejects.toMatchObject({ code: 'API_UNPROVED' })
  })
})

describe('a key that is rejected', () => {
  test('by the API’s own code ends the probe at the first style, after three spaced tries more', async () => {
    const { source, simulator } = await open({ source: { apiKey: API_KEY } })

    await expect(source.probe(never)).rejects.toMatchObject({ code: 'API_UNAUTHORIZED' })

    expect(simulator.requests.map(({ style }) => style)).toEqual(['post-form', 'post-form', 'post-form', 'post-form'])
  })

  test('by something in front of the API, whatever the style, is still a rejected key', async () => {
    const api = await startApi((_, response) => json(response, { message: 'Forbidden' }, 403))
    const { source } = startSource(api)
    closers.push(source.close, api.close)

    await expect(source.probe(never)).rejects.toMatchObject({ code: 'API_UNAUTHORIZED' })
    expect(api.seen).toHaveLength(3)
    expect(api.seen.every(({ path }) => path.startsWith(`/v1/${SID}/`))).toBe(true)
  })
})

describe('the rest of the dialect', () => {
  const found = async (api: Partial<SimulatorOptions>) => {
    const { source } = await open({ api })
    await source.probe(never)
    return source.dialect()
  }

  test.each(['field', 'header', 'both'] as const)('limit heard as %s, with and without an echo', async limitIn => {
    for (const echo of ['obeyed', 'absent'] as const) expect(await found({ limitIn, echo })).toMatchObject({ limitIn })
  })

  test.each([
    ['index', 'index'],
    ['count', 'count'],
    ['ignored', 'ignored'],
  ] as const)('page %s', async (page, says) => {
    for (const order of ['newest', 'oldest', 'by-id'] as const) expect(await found({ page, order })).toMatchObject({ page: says })
  })

  test.each([
    ['rows', 'rows'],
    ['from-page-2', 'ignored'],
    ['ignored', 'ignored'],
  ] as const)('offset %s', async (offset, says) => {
    expect(await found({ offset })).toMatchObject({ offset: says })
  })

  test.each([
    ['true', 'all'],
    ['text', 'all'],
    ['absent', 'absent'],
    ['zero', 'absent'],
    ['page', 'page'],
  ] as const)('total %s', async (total, says) => {
    expect(await found({ total })).toMatchObject({ total: says })
  })

  test.each([
    ['z', 'z'],
    ['both', 'z'],
    ['offset', 'offset'],
  ] as const)('instants written as %s', async (instants, says) => {
    expect(await found({ instants })).toMatchObject({ instants: says, provedBy: 'bad_start_refused' })
  })

  test('a limit lowered by the API is learned by reading', async () => {
    const { source, clock } = await open({ api: { maxLimit: 40 } })
    await source.probe(never)
    const untilMs = clock.now() - 3_600_000

    for await (const _ of source.read({ fromMs: untilMs - 10 * 3_600_000, untilMs }, never));

    expect(source.dialect()).toMatchObject({ largestLimit: 40 })
  })

  test('of a quiet account stays open where it takes rows to tell', async () => {
    const { source } = await open({ world: { history: 0 } })

    await source.probe(never)

    expect(source.dialect()).toMatchObject({
      style: 'post-form',
      limitIn: 'both',
      page: 'unknown',
      offset: 'unknown',
      total: 'unknown',
    })
  })
})

test('a call that comes between two looks at page 1 does not make an index of a page that is not heard', async () => {
  let looks = 0
  const found = (from: number) =>
    Array.from({ length: 7 }, (_, index) => ({ id: `${from + index}`, start_time: '2026-01-15T10:00:00Z', status: 'ANSWER' }))
  const api = await startApi(({ form }, response) => {
    if (form.get('start_time') === 'no-time') return json(response, { code: 'RBC3004', data: [] })
    looks += form.has('page') || form.has('offset') ? 1 : 0
    return json(response, success(found(100 - looks), { total: undefined, limit: 7 }))
  })
  const { source } = startSource(api)
  closers.push(source.close, api.close)

  await source.probe(never)

  expect(source.dialect()).toMatchObject({ page: 'ignored', offset: 'ignored' })
})

describe('what it costs', () => {
  test.each([
    ['that names its limit is three requests', 'obeyed', 3],
    ['that names none is six requests, four of them meant to be refused', 'absent', 6],
  ] as const)('on a quiet account of an API %s', async (_what, echo, requests) => {
    const { source, simulator } = await open({ api: { echo }, world: { history: 0 } })

    await source.probe(never)

    expect(simulator.requests).toHaveLength(requests)
    expect(simulator.requests.filter(({ from }) => from === 'malformed')).toHaveLength(requests - 2)
  })

  test('is at most eight requests on a busy account, too, where no limit is named', async () => {
    const { source, simulator } = await open({ api: { echo: 'absent', limitIn: 'header' } })

    await source.probe(never)

    expect(simulator.requests.length).toBeLessThanOrEqual(8)
  })

  test('is at most seven requests for the documented style, within the rate, none of them counted as refused', async () => {
    const { source, simulator, notes } = await open()

    await source.probe(never)

    expect(simulator.requests.length).toBeLessThanOrEqual(7)
    expect(simulator.book.mostWithin(999)).toBe(1)
    const outcomes = notes.flatMap(note => (note.kind === 'request' ? [note.outcome] : []))
    expect(new Set(outcomes)).toEqual(new Set(['probe']))
  })

  test('is one request when the dialect is known from an earlier life, and everything again when it was forgotten', async () => {
    const first = await open()
    await first.source.probe(never)
    const dialect = first.source.dialect()
    const second = await open({ api: { styles: ['post-form'] } })
    if (dialect !== null) second.source.adopt(dialect)

    await second.source.probe(never)
    const known = second.simulator.requests.length
    second.source.forget()
    const forgotten = second.source.dialect()
    await second.source.probe(never)

    expect(known).toBe(1)
    expect(forgotten).toBeNull()
    expect(second.simulator.requests.length).toBeGreaterThan(4)
    expect(second.source.dialect()).toMatchObject({ style: 'post-form', page: 'index' })
  })

  test('a dialect of another style than the settings name is not adopted', async () => {
    const first = await open()
    await first.source.probe(never)
    const dialect = first.source.dialect()
    const { source } = await open({ source: { style: 'get-body' } })

    if (dialect !== null) source.adopt(dialect)

    expect(source.dialect()).toBeNull()
  })
})
