/**
 * Reading one window page by page from an API that documents neither `page` nor `offset` properly. Each way of paging must prove itself on
 * the first window that needs a second page, and what was found out stays with the account:
 *
 *   unproved ──page 2 brings rows that page 1 had not, and less than half of those it had──▶ page
 *      └─ it repeats page 1 ──offset brings such rows──▶ offset
 *                 └─ it repeats page 1, too ──▶ none: unless a total that counts all says otherwise, the page is marked `unpaged` and
 *                                               the reader must ask for smaller windows
 *
 * Fullness is judged on raw rows. `total` is a claim: one that only ever equals the page's own rows may be the page's own count, so until
 * a larger one was seen a full page is confirmed by asking for the next. The echoed `limit` is a claim, too: a bound that the API keeps to
 * itself makes a full page look short, so only a page smaller than one seen before is short, and where no total tells, that is asked once.
 */
import { ConnectorError } from '../errors.ts'
import type { Row } from '../model/call-log.ts'
import { SECOND_MS, type Window } from '../model/window.ts'
import type { Page } from '../ports.ts'
import { meetFirstPage, type Paging } from './paging.ts'
import { boundsOf, type Spoken } from './question.ts'
import type { Ask, Send } from './retry.ts'

export interface PagesDeps {
  readonly send: Send
  readonly normalise: (rows: readonly unknown[]) => Row[]
  readonly paging: Paging
  readonly spoken: Readonly<Spoken>
  /** Rows asked for per page. */
  readonly pageSize: number
  /** Form fields sent with every request. */
  readonly filters: Readonly<Record<string, string>>
}

/** An API that still sends new rows after this many pages never ends. */
const MOST_PAGES = 10_000

const FIRST_READ = 0
const WITHIN_READ = 1

interface Fetched {
  readonly rows: readonly Row[]
  /** As claimed. */
  readonly total: number | null
  /** Rows asked for, or fewer as the API says. */
  readonly limit: number
  /** As many rows as this page could hold, or more: there may be another. */
  readonly isFull: boolean
}

/** Pages of `window` in order; see `Source.read`. Throws what `send` throws, and `API_MALFORMED` when the pages never end. */
export async function* readPages(window: Window, deps: PagesDeps, signal: AbortSignal): AsyncGenerator<Page, void, undefined> {
  const { paging, pageSize, spoken } = deps
  const bounds = boundsOf({ fromMs: window.fromMs - SECOND_MS, untilMs: window.untilMs + SECOND_MS }, spoken)
  const known = new Set<string>()
  let rawRows = 0

  async function fetch(cursor: Readonly<Record<string, string>>, priority: number, most = pageSize): Promise<Fetched> {
    const fields = { ...deps.filters, limit: String(most), ...bounds, ...cursor }
    const answer = await deps.send({ style: spoken.style, fields, limit: most, priority } satisfies Ask, signal)
    if (answer.limit !== null && answer.limit < most) paging.largestLimit = answer.limit
    const limit = Math.min(most, answer.limit ?? most)
    // Where nothing can bring a second page, a single row would be cut down to its second; no API shows calls one by one.
    const fewest = paging.mode === 'none' ? Math.min(2, limit) : 1
    const isFull = answer.rows.length >= fewest && answer.rows.length >= Math.min(limit, paging.largestPage)
    if (answer.total !== null && answer.total > answer.rows.length) paging.total = 'proven'
    return { rows: deps.normalise(answer.rows), total: answer.total, limit, isFull }
  }
  const firstCursor = (): Record<string, string> => (paging.mode === 'offset' ? {} : { page: '1' })
  const byPage = (number: number) => fetch({ page: String(number) }, WITHIN_READ)
  const byOffset = () => fetch({ offset: String(rawRows) }, WITHIN_READ)
  const usableTotal = (number: number, { total, isFull }: Fetched) =>
    paging.total === 'own_count' && (number > 1 || isFull) ? null : total
  const page = (number: number, fetched: Fetched, mark: 'recheck' | 'unpaged' | null = null): Page => ({
    number,
    rows: fetched.rows,
    total: usableTotal(number, fetched),
    recheck: mark === 'recheck',
    unpaged: mark === 'unpaged',
  })
  const note = ({ rows, total }: Fetched) => {
    const isLess = rawRows > 0 && total !== null && total < rawRows + rows.length
    // A row that leaves makes a total fall, too, but not to what is on this page.
    if (isLess && (paging.total === 'unproven' || total === rows.length)) paging.total = 'own_count'
    rawRows += rows.length
    for (const row of rows) known.add(identity(row))
  }
  const isLast = (number: number, fetched: Fetched): boolean => {
    const total = usableTotal(number, fetched)
    if (total === null) return !fetched.isFull
    return rawRows >= total && (!fetched.isFull || paging.total === 'proven')
  }

  /** Page 2 while no way of paging has proved itself; `null` when page 1 was all there is. */
  async function proveSecond(first: Fetched): Promise<Fetched | 'unpaged' | null> {
    const second = await byPage(2)
    const news = compare(second.rows, known, first.rows)
    const hasMore = (first.total !== null && first.total > rawRows) || second.rows.some(row => !known.has(identity(row)))
    if (news === 'new') {
      paging.mode = 'page'
      return second
    }
    if (news === 'empty' && !hasMore) return null
    const third = await byOffset()
    const shifted = compare(third.rows, known, first.rows)
    if (shifted === 'new' || (shifted === 'empty' && news === 'repeat' && !hasMore)) paging.mode = 'offset'
    if (shifted === 'new') return third
    if (shifted === 'empty') return hasMore ? 'unpaged' : null
    paging.mode = 'none'
    return 'unpaged'
  }

  const isRepeat = (asked: Fetched | 'unpaged' | null) =>
    asked !== null && asked !== 'unpaged' && asked.rows.length > 0 && isSame(asked, first)

  /** Whether there is more behind a page that looks like all there is. */
  async function hidesMore(): Promise<boolean> {
    if (paging.mode === 'none') return false
    const [one, other] = paging.mode === 'offset' ? [byOffset, () => byPage(2)] : [() => byPage(2), byOffset]
    const news = compare((await one()).rows, known, first.rows)
    // Page 1 again may also mean that the way of paging is heard no more.
    return news === 'new' || (news === 'repeat' && compare((await other()).rows, known, first.rows) === 'new')
  }

  /** Where nothing brings a second page, a total that is just this page's is asked what it counts: of several rows it is shown one. */
  async function countsAll(): Promise<boolean> {
    const { rows, total } = first
    if (paging.total !== 'unproven' || rows.length < 2 || total !== rows.length) return false
    const one = await fetch(firstCursor(), WITHIN_READ, 1)
    if (one.rows.length < rows.length && one.total === one.rows.length) paging.total = 'own_count'
    return isLast(1, first)
  }

  /** Page 1 came again for page 2: either it was the last, or the way of paging is heard no more. One that is not seen to fail for good is kept. */
  async function doubtSecond(before: Fetched): Promise<Fetched | 'unpaged' | null> {
    const { mode } = paging
    paging.mode = 'unproved'
    const second = await proveSecond(before)
    if (paging.mode === 'unproved' || paging.mode === 'none') paging.mode = mode
    return second
  }

  const first = await fetch(firstCursor(), FIRST_READ)
  const isDoubtful = meetFirstPage(paging, { rows: first.rows.length, total: first.total, limit: first.limit })
  note(first)
  const isCut = isDoubtful && isLast(1, first) && (await hidesMore())
  if (isCut) paging.largestPage = first.rows.length
  if ((isLast(1, first) && !isCut) || first.rows.length === 0) {
    yield page(1, first)
    return
  }
  if (paging.mode === 'none') {
    yield page(1, first, (await countsAll()) ? null : 'unpaged')
    return
  }
  yield page(1, first)

  let previous = first
  let number = 2
  for (; ; number += 1) {
    if (number > MOST_PAGES)
      throw new ConnectorError('API_MALFORMED', `the API still sends new rows after ${MOST_PAGES} pages of one window`)
    const asked =
      paging.mode === 'unproved' ? await proveSecond(first) : paging.mode === 'offset' ? await byOffset() : await byPage(number)
    const next = number === 2 && isRepeat(asked) ? await doubtSecond(first) : asked
    if (next === 'unpaged') {
      yield page(number, first, 'unpaged')
      return
    }
    if (next === null || next.rows.length === 0) break
    if (next.rows.every(row => known.has(identity(row)))) {
      // The last page over and over is how some APIs end; it must not make up the claimed total. Any other mixture shows that rows moved.
      if (!isSame(next, previous) && !isSame(next, first)) yield page(number, next)
      break
    }
    previous = next
    if (rawRows > 0 && paging.largestPage < pageSize && next.rows.length > 0) paging.largestLimit ??= paging.largestPage
    note(next)
    yield page(number, next)
    if (isLast(number, next)) {
      number += 1
      break
    }
  }
  if (number > 2) yield page(1, await fetch(firstCursor(), WITHIN_READ), 'recheck')
}

/** One request for the first page of exactly these bounds; `total` only when it is known to count all, or could hide nothing. */
export async function readFirstPage(window: Window, deps: PagesDeps, signal: AbortSignal): Promise<Page> {
  const { paging, pageSize, filters, spoken } = deps
  const page = paging.mode === 'offset' ? {} : { page: '1' }
  const fields = { ...filters, limit: String(pageSize), ...boundsOf(window, spoken), ...page }
  const answer = await deps.send({ style: spoken.style, fields, limit: pageSize, priority: FIRST_READ }, signal)
  if (answer.total !== null && answer.total > answer.rows.length) paging.total = 'proven'
  const total = paging.total === 'proven' ? answer.total : null
  return { number: 1, rows: deps.normalise(answer.rows), total, recheck: false, unpaged: false }
}

/** Whether two pages hold the same rows. */
function isSame(one: Fetched, other: Fetched): boolean {
  const ids = new Set(other.rows.map(identity))
  return one.rows.length === other.rows.length && one.rows.every(row => ids.has(identity(row)))
}

/**
 * `repeat` also when half of page 1 comes again with others: then `page` is a count of pages, or is not heard and the rows have moved on
 * meanwhile. An index that is taken for either costs requests, the other way round a window would look read with its first page.
 */
export function compare(rows: readonly Row[], known: ReadonlySet<string>, first: readonly Row[]): 'empty' | 'repeat' | 'new' {
  if (rows.length === 0) return 'empty'
  const ids = new Set(rows.map(identity))
  const bringsNew = rows.some(row => !known.has(identity(row)))
  const repeated = first.filter(row => ids.has(identity(row))).length
  return bringsNew && repeated * 2 < first.length ? 'new' : 'repeat'
}

/** By what a row is told from others: its call id, or all it holds. */
export function identity(row: Row): string {
  return row.call !== undefined ? row.call.call_id : (row.bad.callId ?? row.bad.json)
}
