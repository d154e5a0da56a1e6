import { afterEach, describe, expect, test } from 'vitest'
import {
  type Api,
  countsAll,
  idsOf,
  json,
  never,
  type Reply,
  readAll,
  row,
  rows,
  type Seen,
  startApi,
  startSource,
  success,
  WINDOW,
} from './fixture.ts'

let api: Api | null = null
let close: (() => Promise<void>) | null = null
afterEach(async () => {
  await close?.()
  await api?.close()
})

async function open(reply: Reply, pageSize = 10) {
  api = await startApi(reply)
  const opened = startSource(api, { pageSize, requestsPerSecond: 100 })
  close = opened.source.close
  return { ...opened, seen: api.seen, read: () => readAll(opened.source.read(WINDOW, never)) }
}

type Hears = 'page' | 'offset' | 'neither' | 'page count' | 'page clamped'
interface Habits {
  readonly count: number
  readonly hears?: Hears
  readonly total?: 'true' | 'none' | 'own' | 'zero' | 'huge'
  readonly echo?: 'obeyed' | 'asked' | 'none'
  /** The API's own bound on the page size. */
  readonly most?: number
}

/** An API of a given number of calls, and habits. */
function calls({ count, hears = 'page', total = 'true', echo = 'obeyed', most = 1_000 }: Habits): Reply {
  return (seen, response) => {
    const limit = Math.min(most, Number(seen.form.get('limit')))
    const page = Number(seen.form.get('page') ?? 1)
    const offset = Number(seen.form.get('offset') ?? 0)
    const from = {
      page: (page - 1) * limit,
      'page clamped': Math.min(page - 1, Math.ceil(count / limit) - 1) * limit,
      offset,
      neither: 0,
      'page count': 0,
    }[hears]
    const until = Math.min(count, hears === 'page count' ? page * limit : from + limit)
    const found = from < until ? rows(from, until) : []
    const totals = { true: count, none: undefined, own: found.length, zero: 0, huge: 1_000_000 }
    json(
      response,
      success(found, {
        total: totals[total],
        limit: { obeyed: limit, asked: Number(seen.form.get('limit')), none: undefined }[echo],
      }),
    )
  }
}

const cursors = (seen: readonly Seen[]) =>
  seen.map(({ form }) => (form.has('offset') ? `offset ${form.get('offset')}` : `page ${form.get('page') ?? 'omitted'}`))
const ids = (from: number, until: number) => rows(from, until).map(one => one.id)

describe('one page', () => {
  test('asks for the window with one second more on both sides, and both bounds', async () => {
    const { read, seen, source } = await open(calls({ count: 3 }))
    source.adopt(countsAll)

    const pages = await read()

    expect(pages).toMatchObject([{ number: 1, total: 3, recheck: false, unpaged: false }])
    expect(idsOf(pages[0])).toEqual(ids(0, 3))
    expect(seen).toHaveLength(1)
    expect(Object.fromEntries(seen[0]?.form ?? [])).toEqual({
      limit: '10',
      start_time: '2026-01-15T09:59:59Z',
      end_time: '2026-01-15T11:00:01Z',
      page: '1',
    })
  })

  test('of nothing is an honest nothing', async () => {
    const { read, seen } = await open(calls({ count: 0 }))

    expect(await read()).toMatchObject([{ number: 1, rows: [], total: 0 }])
    expect(seen).toHaveLength(1)
  })

  test('that is full needs no second once total has been seen above a page', async () => {
    let count = 25
    const { read, seen } = await open((one, response, nth) => calls({ count })(one, response, nth))
    await read()
    count = 10
    seen.length = 0

    const pages = await read()

    expect(pages).toHaveLength(1)
    expect(cursors(seen)).toEqual(['page 1'])
  })

  test('that is full is confirmed once while total may be its own count', async () => {
    const { read, seen } = await open(calls({ count: 10 }))

    const first = await read()
    const second = await read()

    expect([first, second].map(pages => pages.length)).toEqual([1, 1])
    expect(cursors(seen)).toEqual(['page 1', 'page 2', 'page 1'])
  })
})

describe('an API that hears page', () => {
  test('is read by page, and page 1 is asked again at the end', async () => {
    const { read, seen } = await open(calls({ count: 25 }))

    const pages = await read()

    expect(cursors(seen)).toEqual(['page 1', 'page 2', 'page 3', 'page 1'])
    expect(pages.map(({ number, recheck, total, unpaged }) => [number, recheck, total, unpaged])).toEqual([
      [1, false, 25, false],
      [2, false, 25, false],
      [3, false, 25, false],
      [1, true, 25, false],
    ])
    expect(pages.slice(0, 3).flatMap(idsOf)).toEqual(ids(0, 25))
    expect(idsOf(pages[3])).toEqual(ids(0, 10))
  })

  test.each(['none', 'zero'] as const)('without a usable total (%s) is read to the short page', async total => {
    const { read, seen } = await open(calls({ count: 25, total }))

    const pages = await read()

    expect(pages.slice(0, -1).flatMap(idsOf)).toEqual(ids(0, 25))
    expect(pages.map(page => page.total)).toEqual([null, null, null, null])
    expect(cursors(seen)).toEqual(['page 1', 'page 2', 'page 3', 'page 1'])
  })

  test('without a usable total is read to the empty page', async () => {
    const { read, seen } = await open(calls({ count: 20, total: 'none' }))

    const pages = await read()

    expect(pages.map(page => page.number)).toEqual([1, 2, 1])
    expect(cursors(seen)).toEqual(['page 1', 'page 2', 'page 3', 'page 1'])
  })

  test('whose total counts only the page loses nothing, and the total is not believed again', async () => {
    const { read } = await open(calls({ count: 25, total: 'own' }))

    const first = await read()
    const second = await read()

    expect(first.slice(0, -1).flatMap(idsOf)).toEqual(ids(0, 25))
    expect(second.slice(0, -1).flatMap(idsOf)).toEqual(ids(0, 25))
    expect(first[1]?.total).toBeNull()
    expect(second.map(page => page.total)).toEqual([null, null, null, null])
  })

  test.each([
    ['says so', 'obeyed', 'none'],
    ['says nothing', 'none', 'none'],
    ['claims to obey', 'asked', 'none'],
    ['claims to obey and counts only the page', 'asked', 'own'],
  ] as const)('that bounds its pages and %s is read whole', async (_what, echo, total) => {
    const { read } = await open(calls({ count: 70, most: 30, echo, total }), 100)

    for (let time = 0; time < 2; time += 1) {
      expect((await read()).slice(0, -1).flatMap(idsOf)).toEqual(ids(0, 70))
    }
  })

  test('that bounds its pages below the documented 25, says nothing and counts nothing usable, is read whole', async () => {
    for (const total of ['none', 'zero', 'own'] as const) {
      const { read } = await open(calls({ count: 23, most: 10, echo: 'none', total }), 100)

      expect((await read()).slice(0, -1).flatMap(idsOf)).toEqual(ids(0, 23))
      await close?.()
      await api?.close()
    }
  })

  test('without a total is asked no second time about a page smaller than others were', async () => {
    let count = 60
    const { read, seen } = await open(
      (one, response, nth) => calls({ count, total: 'none', echo: 'none' })(one, response, nth),
      100,
    )
    await read()
    const confirmed = cursors(seen)
    count = 50
    seen.length = 0

    const pages = await read()

    expect(confirmed).toEqual(['page 1', 'page 2'])
    expect(pages).toHaveLength(1)
    expect(cursors(seen)).toEqual(['page 1'])
  })

  test('that repeats its last page for ever is left there', async () => {
    for (const total of ['none', 'huge'] as const) {
      const { read, seen } = await open(calls({ count: 30, hears: 'page clamped', total }))

      const pages = await read()

      expect(pages.slice(0, -1).flatMap(idsOf)).toEqual(ids(0, 30))
      expect(cursors(seen)).toEqual(['page 1', 'page 2', 'page 3', 'page 4', 'page 1'])
      await close?.()
      await api?.close()
    }
  })

  test('whose pages are put together anew for each request shows that rows came twice', async () => {
    const { read, source } = await open((seen, response) => {
      const page = Number(seen.form.get('page'))
      const found = page === 1 ? rows(0, 10) : page === 2 ? rows(3, 5) : []
      json(response, success(found, { total: undefined }))
    })
    source.adopt({ ...countsAll, page: 'index', total: 'absent' })

    const pages = await read()

    expect(pages.filter(page => !page.recheck).flatMap(idsOf)).toEqual([...ids(0, 10), ...ids(3, 5)])
  })

  test('that claims more than it has ends at the empty page', async () => {
    const { read } = await open(calls({ count: 25, total: 'huge' }))

    expect((await read()).slice(0, -1).flatMap(idsOf)).toEqual(ids(0, 25))
  })

  test('that never ends is given up', async () => {
    const { read } = await open((seen, response) => {
      const page = Number(seen.form.get('page'))
      json(response, success([row(page)], { total: 1_000_000_000, limit: 1 }))
    }, 1)

    await expect(read()).rejects.toMatchObject({ code: 'API_MALFORMED', message: expect.stringContaining('10000') })
  })
})

describe('an API that does not hear page', () => {
  test('is read by offset, and that is remembered', async () => {
    const { read, seen } = await open(calls({ count: 25, hears: 'offset' }))

    const first = await read()
    const asked = cursors(seen)
    seen.length = 0
    const second = await read()

    for (const pages of [first, second]) {
      expect(pages.slice(0, -1).flatMap(idsOf)).toEqual(ids(0, 25))
      expect(pages.map(page => page.number)).toEqual([1, 2, 3, 1])
    }
    expect(asked).toEqual(['page 1', 'page 2', 'offset 10', 'offset 20', 'page omitted'])
    expect(cursors(seen)).toEqual(['page omitted', 'offset 10', 'offset 20', 'page omitted'])
  })

  test('because page is a number of pages, is not read twice over', async () => {
    const { read, seen } = await open(calls({ count: 30, hears: 'page count' }))

    const pages = await read()

    expect(pages.at(-1)).toMatchObject({ unpaged: true })
    expect(cursors(seen)).toEqual(['page 1', 'page 2', 'offset 10'])
  })

  test('because page is a number of pages, and answers an offset with nothing, has more than page 1 all the same', async () => {
    const { read } = await open((seen, response) => {
      const pages = seen.form.has('offset') ? 0 : Number(seen.form.get('page') ?? 1)
      json(response, success(rows(0, Math.min(30, pages * 10)), { total: undefined, limit: undefined }))
    })

    const reads = [await read(), await read()]

    expect(reads.map(pages => pages.at(-1)?.unpaged)).toEqual([true, true])
  })

  test('and bounds its pages is not mistaken for one with larger pages after the trial', async () => {
    const { read } = await open(calls({ count: 70, hears: 'page count', most: 30, echo: 'none', total: 'own' }), 100)

    const reads = [await read(), await read()]

    expect(reads.map(pages => pages.at(-1)?.unpaged)).toEqual([true, true])
  })

  test('because page is a number of pages, and mixes its rows, does not make the next first page look short', async () => {
    const { read, seen } = await open((one, response) => {
      const page = Number(one.form.get('page'))
      const found = page === 1 ? rows(0, 25) : rows(5, Math.min(60, 5 + 25 * page))
      json(response, success(found, { total: found.length, limit: undefined }))
    }, 100)
    await read()
    seen.length = 0

    await read()

    expect(cursors(seen).length).toBeGreaterThan(1)
  })

  test('nor offset is marked unpaged, and that is remembered', async () => {
    const { read, seen } = await open(calls({ count: 25, hears: 'neither' }))

    const first = await read()
    seen.length = 0
    const second = await read()

    expect(first.map(page => page.unpaged)).toEqual([false, true])
    expect(second.map(page => page.unpaged)).toEqual([true])
    expect(cursors(seen)).toEqual(['page 1'])
    expect(idsOf(second[0])).toEqual(ids(0, 10))
  })

  test.each([2, 3])('nor offset is not believed to when a call comes before request %s moves all others on', async moving => {
    const { read } = await open((_, response, nth) => {
      const newest = nth < moving ? 1 : 0
      json(response, success(rows(newest, newest + 10), { total: undefined, limit: undefined }))
    })

    const pages = await read()

    expect(pages.at(-1)).toMatchObject({ unpaged: true })
  })

  test('still reads in one page what fits into one', async () => {
    let count = 25
    const { read } = await open((one, response, nth) => calls({ count, hears: 'neither' })(one, response, nth))
    await read()
    count = 9

    expect(await read()).toMatchObject([{ number: 1, unpaged: false, total: 9 }])
  })

  test.each(['none', 'own'] as const)(
    'nor offset still reads in one page what fits into one after a restart, total %s',
    async total => {
      let count = 25
      const reply: Reply = (one, response, nth) => calls({ count, hears: 'neither', total, most: 20 })(one, response, nth)
      const { read, source, seen } = await open(reply, 100)
      source.adopt({ ...countsAll, total: 'unknown' })
      await read()
      const kept = source.dialect()
      const after = startSource(api as Api, { pageSize: 100, requestsPerSecond: 100 }).source
      if (kept !== null) after.adopt(kept)
      count = 1
      seen.length = 0

      const again = await readAll(after.read(WINDOW, never))
      await after.close()

      expect(kept).toMatchObject({ page: 'ignored', offset: 'ignored', largestPage: 20 })
      expect(again).toMatchObject([{ number: 1, unpaged: false }])
      expect(seen).toHaveLength(1)
    },
  )

  test.each(['true', 'none', 'own'] as const)('nor offset takes no single row for a full page, total %s', async total => {
    const { read, seen } = await open(calls({ count: 1, hears: 'neither', total }))
    await read()
    seen.length = 0

    expect(await read()).toMatchObject([{ number: 1, unpaged: false }])
    expect(seen).toHaveLength(1)
  })

  test('nor offset is read by a total that counts all, which a limit of one row shows', async () => {
    const { read, seen, source } = await open(calls({ count: 3, hears: 'neither' }))
    source.adopt({ ...countsAll, total: 'unknown' })
    const limits = () => seen.map(({ form, headers }) => [form.get('limit'), headers.limit])
    await read()
    seen.length = 0

    const second = await read()
    const third = await read()

    for (const pages of [second, third]) expect(pages).toMatchObject([{ number: 1, unpaged: false, total: 3 }])
    expect(limits()).toEqual([
      ['10', '10'],
      ['1', '1'],
      ['10', '10'],
    ])
    expect(source.dialect()).toMatchObject({ total: 'all', largestLimit: null })
  })

  test('nor offset stays unpaged when a limit of one row shows that the total counts its own page', async () => {
    const { read, seen } = await open(calls({ count: 3, hears: 'neither', total: 'own' }))
    await read()
    seen.length = 0

    expect(await read()).toMatchObject([{ unpaged: true }])
    expect(await read()).toMatchObject([{ unpaged: true }])
    expect(seen.map(({ form }) => form.get('limit'))).toEqual(['10', '1', '10'])
  })

  test('without a total either, but exactly full, ends when offset brings nothing', async () => {
    const { read, seen } = await open(calls({ count: 10, hears: 'offset', total: 'none' }))

    expect(await read()).toMatchObject([{ number: 1, unpaged: false, total: null }])
    expect(cursors(seen)).toEqual(['page 1', 'page 2', 'offset 10'])
  })
})

describe('an API that changes while it is read', () => {
  /** Reads twice as it was, then as often as told as it is after. */
  async function change(before: Habits, after: Habits, times: number, pageSize = 10) {
    let habits = before
    const { read, seen } = await open((one, response, nth) => calls(habits)(one, response, nth), pageSize)
    await read()
    await read()
    habits = after
    seen.length = 0
    const reads = []
    for (let time = 0; time < times; time += 1) reads.push(await read())
    const rowsOf = reads.map(pages => pages.filter(page => !page.recheck).flatMap(idsOf))
    return { reads, rowsOf, asked: cursors(seen) }
  }

  test.each(['true', 'none'] as const)('from page to offset is read by offset (total %s)', async total => {
    const { rowsOf, asked } = await change({ count: 25, total }, { count: 25, total, hears: 'offset' }, 2)

    expect(rowsOf).toEqual([ids(0, 25), ids(0, 25)])
    expect(asked.slice(-4)).toEqual(['page omitted', 'offset 10', 'offset 20', 'page omitted'])
  })

  test.each(['true', 'none'] as const)('and hears no way of paging any more is marked unpaged (total %s)', async total => {
    const { reads } = await change({ count: 25, total }, { count: 25, total, hears: 'neither' }, 2)

    expect(reads.map(pages => pages.at(-1)?.unpaged)).toEqual([true, true])
  })

  test('and hears page again later is read by page again', async () => {
    let hears: Hears = 'page'
    const { read } = await open((one, response, nth) => calls({ count: 25, hears })(one, response, nth))
    await read()
    hears = 'neither'
    await read()
    hears = 'page'

    expect((await read()).slice(0, -1).flatMap(idsOf)).toEqual(ids(0, 25))
  })

  test.each(['none', 'own'] as const)('and lowers its limit unsaid is read whole when read again (total %s)', async total => {
    const silent = { count: 35, total, echo: 'none' } as const
    const { rowsOf } = await change({ ...silent, most: 20 }, { ...silent, most: 10 }, 3, 50)

    expect(rowsOf.slice(1)).toEqual([ids(0, 35), ids(0, 35)])
  })

  test('and lowers its limit unsaid and hears offset instead of page is read whole when read again', async () => {
    const silent = { count: 35, total: 'none', echo: 'none' } as const
    const { rowsOf } = await change({ ...silent, most: 20 }, { ...silent, most: 10, hears: 'offset' }, 3, 50)

    expect(rowsOf.slice(1)).toEqual([ids(0, 35), ids(0, 35)])
  })

  test('from a total of all to one of its page is believed once at most', async () => {
    const { rowsOf, reads } = await change({ count: 25 }, { count: 25, total: 'own' }, 3)

    expect(rowsOf).toEqual([ids(0, 10), ids(0, 25), ids(0, 25)])
    expect(reads.at(-1)?.at(-1)?.total).toBeNull()
  })
})

test('rows without an id are told apart by what they hold', async () => {
  const found = Array.from({ length: 15 }, (_, index) => ({ from: `number ${index}` }))
  const { read } = await open((seen, response) => {
    const page = Number(seen.form.get('page'))
    json(response, success(found.slice((page - 1) * 10, page * 10), { total: 15, limit: 10 }))
  })

  const pages = await read()

  expect(pages.slice(0, -1).flatMap(page => page.rows.map(one => one.bad?.reason))).toEqual(new Array(15).fill('no_call_id'))
})

test('a reader may stop early: no further request goes out', async () => {
  const { source, seen } = await open(calls({ count: 100 }))

  for await (const page of source.read(WINDOW, never)) if (page.number === 2) break

  expect(seen).toHaveLength(2)
})
