/** The simulator judges the connector, so it is judged first: over real HTTP, and at the socket where a fault lives there. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type IncomingHttpHeaders, request } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, test } from 'vitest'
import { judge, type PublishedRecord } from './simulator/judge.ts'
import { startPrerendered } from './simulator/prerendered.ts'
import { ioShape, legacyShape, type Row } from './simulator/row.ts'
import { type Simulator, type SimulatorSettings, startSimulator } from './simulator/server.ts'
import type { Truth } from './simulator/truth.ts'
import { World } from './simulator/world.ts'

const hour = 3_600_000
const noon = Date.parse('2026-03-10T12:00:00Z')
const clock = { now: noon }
const now = () => clock.now
const open: { close(): Promise<void> }[] = []

afterEach(async () => {
  clock.now = noon
  await Promise.all(open.splice(0).map(part => part.close()))
})

async function simulate(settings: Partial<SimulatorSettings> = {}): Promise<Simulator> {
  const simulator = await startSimulator({ world: { seed: 7, now }, ...settings })
  open.push(simulator)
  return simulator
}

interface Heard {
  status: number
  headers: IncomingHttpHeaders
  text: string
  /** Whether the body came to its announced end. */
  complete: boolean
}

interface Envelope {
  code: string
  data: Row[]
  error: Record<string, unknown>
  total: unknown
  offset: number
  limit: number
  page: number
}

/** One exchange on its own connection. Rejects as the socket does. */
function send(
  url: string,
  settings: { method?: string; headers?: Record<string, string>; body?: string; signal?: AbortSignal } = {},
): Promise<Heard> {
  const { method = 'POST', headers = {}, body = '', signal } = settings
  const length = { 'Content-Length': String(Buffer.byteLength(body)) }
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method, agent: false, headers: { ...headers, ...length }, ...(signal && { signal }) },
      response => {
        const chunks: Buffer[] = []
        const settle = () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: String(Buffer.concat(chunks)),
            complete: response.complete,
          })
        response
          .on('data', (chunk: Buffer) => chunks.push(chunk))
          .on('error', settle)
          .on('end', settle)
      },
    )
    sent.on('error', reject).end(body)
  })
}

const text = (instantMs: number) => new Date(instantMs).toISOString().replace(/\.\d+/, '')
const form = { 'Content-Type': 'application/x-www-form-urlencoded' }

interface Target {
  readonly url: string
  readonly sid: string
  readonly apiKey: string
}

function post(
  to: Target,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Heard> {
  return send(`${to.url}/v1/${to.sid}/voice/call-logs`, {
    headers: { ...form, 'api-key': to.apiKey, ...headers },
    body: new URLSearchParams(fields).toString(),
    ...(signal && { signal }),
  })
}

const window = (from: number, until: number) => ({ start_time: text(from), end_time: text(until) })
const lastHour = window(noon - hour, noon)

async function page(to: Target, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Envelope> {
  return JSON.parse((await post(to, fields, headers)).text) as Envelope
}

async function readAll(to: Target, from: number, until: number, limit: number): Promise<Row[]> {
  const rows: Row[] = []
  for (let number = 1; ; number++) {
    const { data, total } = await page(to, { ...window(from, until), page: String(number) }, { limit: String(limit) })
    rows.push(...data)
    if (data.length < limit) {
      expect(rows.length).toBe(total)
      return rows
    }
  }
}

const sortedIds = (rows: readonly Row[]) => rows.map(row => row.call_id).sort()

describe('the API', () => {
  test.each(['newest', 'oldest', 'by-id'] as const)(
    'shows every visible call in exactly one window and on exactly one page, %s first',
    async order => {
      const { world, ...simulator } = await simulateParts({
        world: { seed: 3, now, history: 1500, historyMs: 6 * hour },
        options: { order },
      })

      const rows: Row[] = []
      for (let from = noon - 6 * hour; from <= noon; from += hour)
        rows.push(...(await readAll(simulator, from, from + hour - 1000, 100)))

      const { calls } = world.truthAt()
      expect(calls.length).toBeGreaterThan(1000)
      expect(calls.length).toBeLessThan(1500)
      expect(sortedIds(rows)).toEqual(calls.map(call => call.id).sort())
      const newest = new Map(calls.map(call => [call.id as unknown, call.versions.at(-1)?.row]))
      expect(rows.every(row => JSON.stringify(row) === JSON.stringify(newest.get(row.call_id)))).toBe(true)
    },
  )

  test('filters on the end of calls when told to, and on either side of its bounds', async () => {
    const simulator = await simulate()
    simulator.world.add({ id: 'long-1', startMs: noon - 3 * hour, endMs: noon - hour, visibleFrom: noon })
    const { options } = simulator
    const onEnd = window(noon - hour, noon - 1000)

    expect((await page(simulator, onEnd)).data).toEqual([])
    options.filterBy = 'end'
    expect(sortedIds((await page(simulator, onEnd)).data)).toEqual(['long-1'])
    options.bounds = 'exclusive'
    expect((await page(simulator, onEnd)).data).toEqual([])
    options.filterBy = 'start'
    expect((await page(simulator, window(noon - 4 * hour, noon - 3 * hour))).data).toEqual([])
    options.bounds = 'inclusive'
    expect(sortedIds((await page(simulator, window(noon - 4 * hour, noon - 3 * hour))).data)).toEqual(['long-1'])
  })

  test('says what the page says: envelope, default limit, echo, silent ceiling', async () => {
    const simulator = await simulate({
      world: { seed: 1, now, history: 200, historyMs: hour, lateShare: 0 },
      options: { maxLimit: 60 },
    })
    const { data, total, ...rest } = await page(simulator, lastHour)

    expect(rest).toEqual({
      status: 200,
      code: 'RBC103',
      message: 'Request successfully executed!',
      error: {},
      offset: 0,
      limit: 25,
      page: 1,
    })
    expect([data.length, typeof total]).toEqual([25, 'number'])
    expect(await page(simulator, { ...lastHour, page: '2' }, { limit: '500' })).toMatchObject({ limit: 60, page: 2 })
    simulator.options.limitIn = 'field'
    expect(await page(simulator, { ...lastHour, limit: '7' }, { limit: '9' })).toMatchObject({ limit: 7 })
    const claimed: unknown[] = []
    for (const kind of ['absent', 'text', 'page', 'zero'] as const) {
      simulator.options.total = kind
      claimed.push((await page(simulator, lastHour)).total)
    }
    expect(claimed).toEqual([undefined, String(total), 25, 0])
  })

  test('pages by index, by offset, or not at all', async () => {
    const simulator = await simulate({ world: { seed: 1, now, history: 100, historyMs: hour, lateShare: 0 } })
    const second = await page(simulator, { ...lastHour, page: '2' })
    const skipped = await page(simulator, { ...lastHour, offset: '25' })
    expect(sortedIds(second.data)).toEqual(sortedIds(skipped.data))

    simulator.options.page = 'ignored'
    simulator.options.offset = 'ignored'
    const deaf = await page(simulator, { ...lastHour, page: '2', offset: '25' })
    expect(deaf).toMatchObject({ page: 1, offset: 0 })
    expect(sortedIds(deaf.data)).not.toEqual(sortedIds(second.data))
    simulator.options.page = 'count'
    expect((await page(simulator, { ...lastHour, page: '3' })).data).toHaveLength(75)
  })

  test('moves rows across pages when a call appears between two requests', async () => {
    const simulator = await simulate({ world: { seed: 1, now, history: 100, historyMs: hour, lateShare: 0 } })
    const first = await page(simulator, lastHour)
    simulator.world.add({ startMs: noon - 1000, visibleFrom: noon })
    const second = await page(simulator, { ...lastHour, page: '2' })

    expect(second.data[0]).toEqual(first.data.at(-1))
  })

  test('ignores the fields of a style it does not hear, and still answers success', async () => {
    const simulator = await simulate({ world: { seed: 1, now, history: 50, historyMs: hour } })
    const bad = { start_time: '2013-02-31T00:00:00Z', end_time: text(noon), limit: '7' }
    const target = `${simulator.url}${simulator.path}`
    const headers = { 'api-key': simulator.apiKey }
    const query = `${target}?${new URLSearchParams(bad)}`
    const ask = async (method: string, url: string, body = '') =>
      JSON.parse((await send(url, { method, headers: { ...headers, ...form }, body })).text).code as string

    expect(await ask('POST', target, String(new URLSearchParams(bad)))).toBe('RBC3004')
    expect(await ask('GET', query)).toBe('RBC103')
    expect(await ask('GET', target, String(new URLSearchParams(bad)))).toBe('RBC103')
    simulator.options.styles = ['get-query', 'get-body']
    expect(await ask('GET', query)).toBe('RBC3004')
    expect(await ask('GET', target, String(new URLSearchParams(bad)))).toBe('RBC3004')
    expect(await ask('POST', target, String(new URLSearchParams(bad)))).toBe('RBC103')
    simulator.options.unheard = 403
    expect((await post(simulator, bad)).status).toBe(403)
  })

  test('refuses a wrong key or SID as an empty page, and times it cannot read or serve', async () => {
    const simulator = await simulate({ world: { seed: 1, now, history: 50, historyMs: hour } })
    const refused = {
      code: 'RBC001',
      message: 'Incorrect SID or API key.',
      data: [],
      error: { error: 'Incorrect SID or API key.' },
    }
    const wrongKey = await post(simulator, lastHour, { 'api-key': 'other' })

    expect([wrongKey.status, JSON.parse(wrongKey.text)]).toEqual([200, refused])
    expect(await page({ ...target(simulator), sid: 'HX1' }, lastHour)).toEqual(refused)
    const rawPlus = `start_time=${text(noon - hour).replace('Z', '+00:00')}&end_time=${text(noon)}`
    const unescaped = await send(`${simulator.url}${simulator.path}`, {
      headers: { ...form, 'api-key': simulator.apiKey },
      body: rawPlus,
    })
    expect(JSON.parse(unescaped.text).code).toBe('RBC3004')
    expect((await page(simulator, window(noon - 8 * 24 * hour, noon))).code).toBe('RBC3004')
    simulator.options.beyondHorizon = 'clamp'
    expect((await page(simulator, window(noon - 8 * 24 * hour, noon))).data.length).toBeGreaterThan(0)
    expect((await page(simulator, {})).total).toBe(0)
  })

  test('dates its answers by the clock of the world, skewed on request', async () => {
    const simulator = await simulate({ options: { skewMs: -90_000 } })

    expect((await post(simulator, lastHour)).headers.date).toBe('Tue, 10 Mar 2026 11:58:30 GMT')
  })
})

describe('the request limit', () => {
  test('answers 429 with a time to come back, forgives after it, and keeps every request', async () => {
    const simulator = await simulate({ options: { requestsPerSecond: 0.5, burst: 2, rateHeaders: true } })
    const statuses = async (count: number) => {
      const heard = []
      for (let i = 0; i < count; i++) heard.push(await post(simulator, lastHour))
      return heard
    }

    const [, , third] = await statuses(3)
    expect([third?.status, third?.headers['retry-after'], third?.headers['x-ratelimit-remaining']]).toEqual([429, '2', '0'])
    clock.now += 1000
    expect((await statuses(1))[0]?.status).toBe(429)
    clock.now += 1000
    simulator.options.retryAfter = 'date'
    expect((await statuses(2)).map(({ status, headers }) => [status, headers['retry-after']])).toEqual([
      [200, undefined],
      [429, 'Tue, 10 Mar 2026 12:00:04 GMT'],
    ])
    expect(simulator.requests.map(({ at, status }) => [at - noon, status])).toEqual([
      [0, 200],
      [0, 200],
      [0, 429],
      [1000, 429],
      [2000, 200],
      [2000, 429],
    ])
    expect(simulator.book.counts.early).toBe(1)
    expect([simulator.book.mostWithin(1000), simulator.book.mostWithin(1001), simulator.book.mostWithin(3000)]).toEqual([3, 4, 6])
  })
})

describe('a fault', () => {
  const cases = [
    ['html', { status: 200, type: 'text/html', json: false }],
    ['http500', { status: 500, type: 'text/html', json: false }],
    ['http503', { status: 503, type: 'text/html', json: false }],
    ['garbage', { status: 200, type: 'application/json', json: false }],
    ['rbc001', { status: 200, type: 'application/json', json: true, code: 'RBC001', rows: 0 }],
    ['rbc3004', { status: 200, type: 'application/json', json: true, code: 'RBC3004', rows: 0 }],
    ['empty200', { status: 200, type: 'application/json', json: true, code: 'RBC001', rows: 0 }],
    ['error-with-data', { status: 200, type: 'application/json', json: true, code: 'RBC5000', rows: 25 }],
  ] as const

  test.each(cases)('%s is what it says, once, and the next answer is honest', async (fault, expected) => {
    const simulator = await simulate({ world: { seed: 1, now, history: 200, historyMs: hour } })
    simulator.next({ fault, after: 1 })

    expect((await page(simulator, lastHour)).code).toBe('RBC103')
    const heard = await post(simulator, lastHour)
    expect((await page(simulator, lastHour)).code).toBe('RBC103')

    const parsed = parse(heard.text)
    expect({ status: heard.status, type: heard.headers['content-type'], json: parsed !== null }).toMatchObject({
      ...pickHttp(expected),
    })
    if ('code' in expected) expect([parsed?.code, parsed?.data.length]).toEqual([expected.code, expected.rows])
    expect([simulator.pendingFaults, simulator.requests.map(entry => entry.fault)]).toEqual([0, [null, fault, null]])
  })

  test('reset ends with ECONNRESET before any byte', async () => {
    const simulator = await simulate()
    simulator.next({ fault: 'reset' })

    await expect(post(simulator, lastHour)).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(simulator.requests[0]).toMatchObject({ fault: 'reset', status: 0 })
  })

  test('truncate announces more than it sends', async () => {
    const simulator = await simulate({ world: { seed: 1, now, history: 200, historyMs: hour } })
    const whole = await post(simulator, lastHour)
    simulator.next({ fault: 'truncate' })
    const cut = await post(simulator, lastHour)

    expect([cut.status, cut.headers['content-length'], cut.complete]).toEqual([200, whole.headers['content-length'], false])
    expect(whole.text.startsWith(cut.text) && cut.text.length < whole.text.length).toBe(true)
  })

  test('hang answers nothing until the client or the simulator closes', async () => {
    const simulator = await simulate()
    simulator.next({ fault: 'hang', count: 2 })
    const controller = new AbortController()
    const abandoned = post(simulator, lastHour, {}, controller.signal)
    const cut = post(simulator, lastHour)
    const both = Promise.allSettled([abandoned, cut])

    await expect.poll(() => simulator.requests.length).toBe(2)
    // Others are served meanwhile.
    expect((await page(simulator, lastHour)).code).toBe('RBC103')
    controller.abort()
    await simulator.close()
    expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })

  test('oversize goes on until its bound, or until the client leaves', async () => {
    const simulator = await simulate({ options: { oversizeBytes: 1_000_000 } })
    simulator.next({ fault: 'oversize', count: 2 })

    const heard = await post(simulator, lastHour)
    expect(heard.text.length).toBeGreaterThan(1_000_000)
    expect(parse(heard.text)?.data).toHaveLength(1)
    simulator.options.oversizeBytes = Number.MAX_SAFE_INTEGER
    const left = await fetch(`${simulator.url}${simulator.path}`, { method: 'POST', headers: { 'api-key': simulator.apiKey } })
    await left.body?.cancel()
    await expect.poll(() => simulator.requests[1]?.status).toBe(200)
  })

  test('redirect leads to a place that remembers who came with the key', async () => {
    const simulator = await simulate()
    simulator.next({ fault: 'redirect' })

    const heard = await post(simulator, lastHour)
    expect([heard.status, heard.headers.location]).toEqual([302, `${simulator.url}/elsewhere`])
    await send(`${simulator.url}/elsewhere`, { method: 'GET', headers: { 'api-key': 'x' } })
    expect(simulator.book.strays).toEqual([{ path: '/elsewhere', hadKey: true }])
  })

  test('http429 carries the time that the script says', async () => {
    const simulator = await simulate()
    simulator.next({ fault: 'http429', retryAfterSeconds: 37 })

    expect((await post(simulator, lastHour)).headers['retry-after']).toBe('37')
  })
})

describe('the world', () => {
  test('is the same for the same seed, however often anybody looks, and another for another', () => {
    const settings = { now, history: 300, livePerSecond: 0.5, badRowShare: 0.02 }
    const worlds = [new World({ seed: 5, ...settings }), new World({ seed: 5, ...settings }), new World({ seed: 6, ...settings })]
    for (; clock.now < noon + hour; clock.now += 60_000) worlds[0]?.truthAt()

    const told = worlds.map(world => JSON.stringify(world.truthAt()))
    expect(told[0]).toBe(told[1])
    expect(told[0]).not.toBe(told[2])
    expect(worlds[0]?.calls.length).toBeGreaterThan(300 + 1500)
    expect(worlds[0]?.truthAt().badRows.length).toBeGreaterThan(5)
  })

  test('meets the same faults for the same seed', async () => {
    const run = async (seed: number) => {
      const simulator = await simulate({ seed, options: { faultShares: { http500: 0.3, http429: 0.2 } } })
      for (let i = 0; i < 30; i++) await post(simulator, lastHour)
      return simulator.requests.map(entry => entry.fault)
    }
    const [once, again, other] = [await run(1), await run(1), await run(2)]

    expect(once).toEqual(again)
    expect(once).not.toEqual(other)
    expect(new Set(once)).toEqual(new Set([null, 'http500', 'http429']))
  })

  test('shows calls late and changes them later, with neighbours that differ', () => {
    const world = new World({ seed: 2, now, history: 2000, lateShare: 0.2, changeShare: 0.3 })
    const late = world.calls.filter(
      call => call.versions[0]!.visibleFrom - (call.versions[0]!.facts.endMs ?? call.startMs) > 120_000,
    )
    const changing = world.calls.filter(call => call.versions.length > 1)

    expect(late.length / 2000).toBeCloseTo(0.2, 1)
    expect(changing.length / 2000).toBeCloseTo(0.3, 1)
    for (const { versions } of changing)
      for (let i = 1; i < versions.length; i++) {
        expect(versions[i]!.visibleFrom).toBeGreaterThan(versions[i - 1]!.visibleFrom)
        expect(versions[i]!.facts).not.toEqual(versions[i - 1]!.facts)
      }
  })

  test('obeys a test: adds, changes, hides, and takes a change of nothing for none', () => {
    const world = new World({ seed: 2, now })
    const { id } = world.add({ credits: '1.5', startMs: noon - hour })
    clock.now += 1000
    world.change(id!, { credits: '1.75' })
    world.change(id!, { credits: '1.75' })

    const versions = world.truthAt().calls[0]?.versions
    expect(
      versions?.map(({ visibleFrom, visibleUntil, facts }) => [visibleFrom - noon, visibleUntil - noon, facts.credits]),
    ).toEqual([
      [0, 1000, '1.5'],
      [1000, Number.POSITIVE_INFINITY, '1.75'],
    ])
    world.hide(id!, noon + 5000)
    expect(world.select({ from: 0, until: noon, by: 'start' }, noon + 5000)).toEqual([])
    expect(world.truthAt(noon + 9000).calls[0]?.versions.at(-1)?.visibleUntil).toBe(noon + 5000)
  })

  test('writes naive times in the zone of the account, legacy keys, and rows without an id', async () => {
    const simulator = await simulate({ world: { seed: 1, now, shape: legacyShape } })
    simulator.world.add({ id: 'a-1', startMs: noon - 60_000 })
    simulator.world.add({ id: null, startMs: noon - 120_000 })

    const { data } = await page(simulator, lastHour)
    expect(data[0]).toMatchObject({
      id: 'a-1',
      callfrom: '9000000001',
      start_time: '2026-03-10 17:29:00',
      duration: 30,
      billsec: '20',
      credits: '0.5',
    })
    expect(data[1]?.id || null).toBeNull()
    expect(simulator.world.truthAt().badRows).toHaveLength(1)
    simulator.world.shape = { ...ioShape, times: 'offset', timeZone: 'America/New_York' }
    expect((await page(simulator, lastHour)).data[0]).toMatchObject({ call_id: 'a-1', start_time: '2026-03-10T07:59:00-04:00' })
  })

  test('says the same in other words when it wobbles', async () => {
    const simulator = await simulate({
      world: { seed: 1, now, history: 20, historyMs: hour, lateShare: 0, shape: { ...ioShape, wobble: true } },
    })
    const said = (rows: Row[]) => rows.map(row => [row.call_id, Number(row.credits), Number(row.duration), row.end_time])
    const [one, two] = [(await page(simulator, lastHour)).data, (await page(simulator, lastHour)).data]

    expect(JSON.stringify(one)).not.toBe(JSON.stringify(two))
    expect(said(one)).toEqual(said(two))
  })
})

describe('the judge', () => {
  /** An ideal connector: looks at every instant given, publishes what is new. */
  function publish(world: World, instants: readonly number[]): PublishedRecord[] {
    const records: PublishedRecord[] = []
    const last = new Map<string, string>()
    const revisions = new Map<string, number>()
    for (const instant of instants)
      for (const { id, versions } of world.truthAt(instant).calls) {
        const { facts } = versions.at(-1)!
        const content = {
          status: facts.status,
          cost: facts.credits === null ? null : BigInt(Math.round(Number(facts.credits) * 1e6)),
          duration_seconds: facts.durationSeconds,
          end_time: facts.endMs,
          has_recording: facts.recording !== null,
        }
        const written = JSON.stringify({ ...content, cost: String(content.cost) })
        if (last.get(id) === written) continue
        last.set(id, written)
        const revision = (revisions.get(id) ?? 0) + 1
        revisions.set(id, revision)
        records.push({
          callId: id,
          revision,
          change: revision === 1 ? 'CREATED' : 'UPDATED',
          content: { ...content, observed_at: instant },
        })
      }
    return records
  }

  const world = new World({ seed: 11, now, history: 500, historyMs: 6 * hour, changeShare: 0.4 })
  const truth: Truth = world.truthAt(noon)
  const instants = Array.from({ length: 37 }, (_, i) => noon - (36 - i) * 600_000)
  const records = publish(world, instants)
  const twice = records.find(record => record.revision === 2)!
  const without = (record: PublishedRecord) => records.filter(other => other !== record)
  const none = { missing: [], repeated: [], stale: [], extra: [] }

  test('finds nothing against an ideal connector', () => {
    expect(records.length).toBeGreaterThan(truth.calls.length)
    expect(judge(truth, records)).toEqual({ ...none, clean: true })
  })

  test('finds a planted missing call and a missing revision', () => {
    const lone = records.find(record => !records.some(other => other.callId === record.callId && other !== record))!
    const first = records.find(record => record.callId === twice.callId && record.revision === 1)!

    expect(judge(truth, without(lone))).toEqual({ ...none, missing: [lone.callId], clean: false })
    expect(judge(truth, without(first))).toEqual({ ...none, missing: [`${twice.callId}#1`], clean: false })
  })

  test('finds a planted repeat: the same record, the same content, or a second creation', () => {
    const { callId } = twice
    const next = Math.max(...records.filter(record => record.callId === callId).map(record => record.revision)) + 1
    const last = records.findLast(record => record.callId === callId)!
    const sameContent = { ...last, revision: next, content: { ...last.content, observed_at: 1, revision: next } }

    expect(judge(truth, [...records, twice])).toEqual({ ...none, repeated: [`${callId}#2`], clean: false })
    expect(judge(truth, [...records, sameContent])).toEqual({ ...none, repeated: [`${callId}#${next}`], clean: false })
    expect(judge(truth, [...without(twice), { ...twice, change: 'CREATED' }]).repeated).toEqual([`${callId}#2`])
  })

  test('finds a planted stale call, and forgives what changed after the settled instant', () => {
    const stale = records.findLast(record => record.revision > 1)!
    const changedAt = truth.calls.find(call => call.id === stale.callId)!.versions.at(-1)!.visibleFrom

    expect(judge(truth, without(stale))).toEqual({ ...none, stale: [stale.callId], clean: false })
    expect(judge(truth, without(stale), { settledBefore: changedAt }).stale).toEqual([stale.callId])
    expect(judge(truth, without(stale), { settledBefore: changedAt - 1 }).clean).toBe(true)
  })

  test('finds what the world never said: a foreign id, an invented content, an older version after a newer one', () => {
    const foreign = { ...twice, callId: 'nobody-1', revision: 1, change: 'CREATED' }
    const invented = records.map(record =>
      record === twice ? { ...record, content: { ...record.content, cost: 999_000_000n } } : record,
    )
    const pair = records.filter(record => record.callId === twice.callId)
    const { versions } = truth.calls.find(call => call.id === twice.callId)!

    expect(judge(truth, [...records, foreign])).toEqual({ ...none, extra: ['nobody-1'], clean: false })
    expect(judge(truth, invented).extra).toEqual([`${twice.callId}#2`])
    expect([pair.length, versions.length]).toEqual([2, 2])
    const swapped = pair.map((record, i) => ({ ...record, content: pair[1 - i]!.content }))
    expect(judge(truth, [...records.filter(record => !pair.includes(record)), ...swapped])).toEqual({
      ...none,
      stale: [twice.callId],
      extra: [`${twice.callId}#2`],
      clean: false,
    })
  })

  test('reads a cost as decimal text, as bytes of scale 6, or as an unscaled integer', () => {
    const own = new World({ seed: 1, now })
    const { id } = own.add({ credits: '-1.25' })
    const { facts } = own.truthAt().calls[0]!.versions[0]!
    const content = { status: facts.status, duration_seconds: 30, end_time: new Date(facts.endMs!) }
    const verdict = (cost: unknown) =>
      judge(own, [{ callId: id!, revision: 1, change: 'CREATED', content: { ...content, cost } }]).clean

    expect([-1_250_000n, '-1.250000', -1.25, Buffer.from('eced30', 'hex'), '-1.26', null].map(verdict)).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ])
  })
})

describe('on its own', () => {
  const folder = join(import.meta.dirname, 'simulator')

  function start(file: string, ...args: string[]) {
    const child = spawn(process.execPath, [join(folder, file), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    open.push({ close: async () => void child.kill('SIGKILL') })
    return child
  }

  async function stop(child: ChildProcess): Promise<unknown> {
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    return (await ended)[0]
  }

  test('prints where it is, counts the truth, takes options, and stops on SIGTERM', async () => {
    const child = start(
      'main.ts',
      ...'--port 0 --seed 7 --history 300 --hours 2 --live 0 --late 0 --change 0.1 --throttle 0 --faults 0'.split(' '),
    )
    const seen = new Map<string, string>()
    for await (const line of createInterface({ input: child.stdout! })) {
      if (line === '') break
      const [name, value] = line.split(/\s+/, 2)
      seen.set(name!, value!)
    }
    const api = { url: seen.get('url')!, sid: seen.get('sid')!, apiKey: seen.get('api-key')! }

    expect((await page(api, window(Date.now() - 3 * hour, Date.now()))).data).toHaveLength(25)
    const counts = JSON.parse((await send(`${api.url}/__truth`, { method: 'GET' })).text)
    expect(counts).toMatchObject({ calls: 300, requests: 1, rowsServed: 25 })
    expect((await send(`${api.url}/__options`, { body: '{"total":"absent"}' })).status).toBe(200)
    expect((await page(api, window(Date.now() - 3 * hour, Date.now()))).total).toBeUndefined()
    expect(JSON.parse((await send(`${api.url}/__options`, { body: '{"totl":1}' })).text)).toEqual({
      message: 'there is no option totl',
    })
    expect(await stop(child)).toBe(0)
  })

  test.each(['oldest', 'newest'] as const)(
    'pre-rendered, shows every call in exactly one window and on exactly one page, %s first',
    async order => {
      const prerendered = await startPrerendered({ calls: 5000, pageSize: 300, from: noon - 6 * hour, until: noon, order })
      open.push(prerendered)

      const rows: Row[] = []
      for (let from = noon - 6 * hour; from <= noon; from += hour)
        rows.push(...(await readAll(prerendered, from, from + hour - 1000, 300)))

      expect(new Set(sortedIds(rows)).size).toBe(5000)
      expect(rows).toHaveLength(5000)
      const [first, last] = (await readAll(prerendered, noon - hour, noon, 300))
        .map(row => String(row.start_time))
        .toSorted((a, b) => (a < b ? -1 : 1))
      expect([first! >= text(noon - hour), last! < text(noon)]).toEqual([true, true])
      expect(await page(prerendered, { start_time: 'yesterday', end_time: text(noon) })).toMatchObject({ code: 'RBC3004' })
      expect(await page(prerendered, window(noon - hour, noon), { limit: '7' })).toMatchObject({
        limit: 7,
        page: 1,
        total: expect.any(Number),
      })
    },
  )

  test('pre-rendered in a process of its own, prints its address as one line of JSON', async () => {
    const child = start('prerendered.ts', '--calls', '1000', '--port', '0')
    const lines = createInterface({ input: child.stdout! })
    const [line] = (await once(lines, 'line')) as [string]
    const api = JSON.parse(line) as Target & { from: number; until: number }

    expect((await readAll(api, Math.ceil(api.from / 1000) * 1000 - 1000, Math.ceil(api.until / 1000) * 1000, 1000)).length).toBe(
      1000,
    )
    expect(await stop(child)).toBe(0)
  })
})

const target = ({ url, sid, apiKey }: Simulator): Target => ({ url, sid, apiKey })

async function simulateParts(settings: Partial<SimulatorSettings>): Promise<Target & { world: World }> {
  const simulator = await simulate(settings)
  return { ...target(simulator), world: simulator.world }
}

function pickHttp({ status, type, json }: { readonly status: number; readonly type: string; readonly json: boolean }) {
  return { status, type, json }
}

function parse(body: string): Envelope | null {
  try {
    return JSON.parse(body) as Envelope
  } catch {
    return null
  }
}
