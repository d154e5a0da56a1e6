/** Answers that no honest API would give, over real HTTP, each read for what it is: all rows, or a coded error, and never a crash. */
import { afterEach, describe, expect, test } from 'vitest'
import type { Page } from '../../src/ports.ts'
import { type Api, idsOf, json, never, readAll, rows, startApi, startSource, success, WINDOW } from './fixture.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** The pages of one window, when the API answers these bytes to every request for page 1, and nothing more on any other. */
async function read(body: string | Buffer): Promise<Page[]> {
  const api: Api = await startApi((seen, response) => {
    if (seen.form.get('page') === '1') response.writeHead(200, { 'content-length': Buffer.byteLength(body) }).end(body)
    else json(response, success([], { total: undefined, limit: undefined }))
  })
  const { source } = startSource(api, { requestsPerSecond: 100 })
  closers.push(source.close, api.close)
  return readAll(source.read(WINDOW, never))
}
const firstRow = async (body: string | Buffer) => (await read(body))[0]?.rows[0]
const envelope = (data: string) => `{"code":"RBC103","data":${data}}`
const nested = (depth: number, core = '') => `${'['.repeat(depth)}${core}${']'.repeat(depth)}`

describe('a body', () => {
  test('may begin with a byte order mark', async () => {
    expect(await firstRow(`\ufeff${envelope('[{"id":"a"}]')}`)).toMatchObject({ call: { call_id: 'a' } })
  })

  test('may hold bytes that are no UTF-8, which spoil their own value only', async () => {
    const [before, after] = envelope('[{"id":"a","agent":"J?rg"}]').split('?')
    const latin1 = Buffer.concat([Buffer.from(before ?? ''), Buffer.from([0xf6]), Buffer.from(after ?? '')])

    expect(await firstRow(latin1)).toMatchObject({ call: { call_id: 'a', extra: { agent: 'J\ufffdrg' } } })
  })

  test('may hold halves of surrogate pairs, in keys and values', async () => {
    const row = await firstRow(envelope('[{"id":"a","k\\udc00":"v","agent":"x\\ud800"}]'))

    expect(row?.call?.extra).toEqual({ 'k\ufffd': 'v', agent: 'x\ufffd' })
  })

  test.each([
    ['in a value', envelope(`[{"id":"a","deep":${nested(100_000)}}]`)],
    ['in a value, next to a long number', envelope(`[{"id":"a","unit":12345678901234567890,"deep":${nested(100_000)}}]`)],
    ['outside the rows', `{"code":"RBC103","deep":${nested(100_000)},"data":[{"id":"a"}]}`],
  ])('may be nested 100,000 levels deep %s', async (_where, body) => {
    expect(await firstRow(body)).toMatchObject({ call: { call_id: 'a' } })
  })

  test.each([
    ['in place of a row', envelope(nested(100_000, '1')), 'not_an_object'],
    ['in place of an id', envelope(`[{"id":${nested(100_000)}}]`), 'no_call_id'],
  ])('nested 100,000 levels deep %s is a bad row', async (_where, body, reason) => {
    const row = await firstRow(body)

    expect(row?.bad).toMatchObject({ reason, json: expect.stringContaining('truncated') })
    expect(Buffer.byteLength(row?.bad?.json ?? '')).toBeLessThan(1_000)
  })

  test('cannot set prototypes: neither of the envelope, nor of a row', async () => {
    const row = await firstRow(envelope('[{"id":"a","__proto__":{"status":"ANSWER","id":"b"},"constructor":{"x":1}}]'))

    expect(row).toMatchObject({ call: { call_id: 'a', status: null } })
    expect(row?.call?.extra).toEqual({ _proto_: '{"id":"b","status":"ANSWER"}', constructor: '{"x":1}' })
    await expect(read('{"code":"RBC103","__proto__":{"data":[]}}')).rejects.toMatchObject({ code: 'API_MALFORMED' })
  })

  test('with a key twice means the later one', async () => {
    expect(await firstRow(envelope('[{"id":"a","id":"b","status":"BUSY","status":"ANSWER"}]'))).toMatchObject({
      call: { call_id: 'b', status: 'ANSWER' },
    })
  })

  test('with a text of a megabyte is a dead letter of its size, and its neighbours are read', async () => {
    const [page] = await read(envelope(JSON.stringify([{ id: 'a' }, { id: 'huge', note: 'x'.repeat(1_000_000) }, { id: 'c' }])))

    expect(idsOf(page)).toEqual(['a', 'huge', 'c'])
    expect(page?.rows[1]?.bad).toMatchObject({ reason: 'too_large', json: expect.stringMatching(/"truncated":true/) })
  })

  test('with a row of 100,000 keys is a dead letter, too', async () => {
    const row = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`key ${index}`, index]))

    expect(await firstRow(envelope(JSON.stringify([{ id: 'a', ...row }])))).toMatchObject({
      bad: { reason: 'too_large', callId: 'a' },
    })
  })

  test('with a million rows that are none gives each of them back', async () => {
    const [page] = await read(envelope(`[${'0,'.repeat(999_999)}0]`))

    expect(page?.rows).toHaveLength(1_000_000)
    expect(page?.rows.at(-1)?.bad).toMatchObject({ reason: 'not_an_object', json: '0' })
  })
})

describe('an envelope that lies', () => {
  const lies = (more: Record<string, unknown>, count = 30) => JSON.stringify(success(rows(0, count), more))
  const ids = (count: number) => rows(0, count).map(({ id }) => id)

  test.each([
    ...['many', '-1', '3.5', '1e3', '٣', '', ' ', '99999999999999999999', -1, 2.5, 1e300, true, null, {}, [], [30], undefined],
  ])('about its total (%j) is not believed, and every row is read', async total => {
    const pages = await read(lies({ total }))

    expect(idsOf(pages[0])).toEqual(ids(30))
    expect(pages[0]?.total).toBeNull()
  })

  test.each([0, 1, 7, -5, 2.5, 1e300, '1', 'all', null, {}, Number.MAX_SAFE_INTEGER])(
    'about its limit (%j) costs a request at most, never a row',
    async limit => {
      expect(idsOf((await read(lies({ limit })))[0])).toEqual(ids(30))
    },
  )

  test('by sending 10,000 rows on a page of 100 is read whole', async () => {
    const pages = await read(lies({}, 10_000))

    expect(pages[0]?.rows).toHaveLength(10_000)
    expect(pages[0]?.total).toBe(10_000)
  })

  test.each([
    ['data.data', { code: 'RBC103', data: { data: rows(0, 30), total: 30, page: 1 } }],
    ['data.records', { code: 'RBC103', data: { records: rows(0, 30) } }],
    ['records', { code: 'RBC103', records: rows(0, 30) }],
  ])('no more than that its rows are under %s is understood', async (_where, body) => {
    expect(idsOf((await read(JSON.stringify(body)))[0])).toEqual(ids(30))
  })

  test.each([
    ['deeper than anybody has seen', { code: 'RBC103', data: { data: { data: rows(0, 3) } } }],
    ['under a key of its own', { code: 'RBC103', calls: rows(0, 3) }],
    ['as an object', { code: 'RBC103', data: { 0: {}, 1: {} } }],
    ['as text', { code: 'RBC103', data: JSON.stringify(rows(0, 3)) }],
  ])('about where its rows are, %s, is no empty page', async (_where, body) => {
    await expect(read(JSON.stringify(body))).rejects.toMatchObject({ code: 'API_MALFORMED' })
  })
})
