/**
 * Reading one window page by page from an API that documents neither `page` nor `offset` properly. Each way of paging must prove itself on
 * the first window that needs a second page, and what was found out stays with the account:
 *
 *   unproved ──page 2 brings rows that page 1 had not, and less than half of those it had──▶ page
 *      └─ it repeats page 1 ──offset brings such rows──▶ offset
 *                 └─ it repeats page 1, too ──▶ none: the page is marked `unpaged` and the reader must ask for smaller windows
 *
 * Fullness is judged on raw rows. `total` is a claim: one that only ever equals the page's own rows may be the page's own count, so until
 * a larger one was seen a full page is confirmed by asking for the next. The echoed `limit` is a claim, too: a bound that the API keeps to
 * itself makes a full page look short, so only a page smaller than one seen before is short.
 */
import { ConnectorError } from '../errors.ts'
import type { Row } from '../model/call-log.ts'
import type { Dialect } from '../model/dialect.ts'
import { SECOND_MS, type Window } from '../model/window.ts'
import type { Page } from '../ports.ts'
import { boundsOf, type Spoken } from './question.ts'
import type { Ask, Send } from './retry.ts'

/** What is known about an account's paging; changes as windows are read, never back to `unproved`. */
export interface Paging {
  mode: 'unproved' | 'page' | 'offset' | 'none'
  /** `proven`: once seen larger than the page it came with. `own_count`: seen to count only its own page. */
  total: 'unproven' | 'proven' | 'own_count'
  /** Rows of the largest first page so far: this many the API does give at once. */
  largestPage: number
  /** A larger limit is lowered to this, by the API's own word or because larger pages never came; `null` while none was. */
  largestLimit: number | null
}

export function unprovedPaging(): Paging {
  return { mode: 'unproved', total: 'unproven', largestPage: 0, largestLimit: null }
}

/** What is known of the paging, in the words of the dialect. */
export function dialectOf(
  { mode, total, largestLimit }: Paging,
  before: Pick<Dialect, 'page' | 'offset' | 'total'>,
): Pick<Dialect, 'page' | 'offset' | 'total' | 'largestLimit'> {
  return {
    page: mode === 'page' ? 'index' : mode === 'unproved' || before.page === 'count' ? before.page : 'ignored',
    offset: mode === 'offset' ? 'rows' : mode === 'none' ? 'ignored' : before.offset,
    total: total === 'proven' ? 'all' : total === 'own_count' ? 'page' : before.total,
    largestLimit,
  }
}

/** Takes over what an earlier life found out. */
export function adoptPaging(paging: Paging, known: Pick<Dialect, 'page' | 'offset' | 'total' | 'largestLimit'>): void {
  const { page, offset, total } = known
  const isDeaf = offset === 'ignored' && page !== 'unknown'
  paging.mode = page === 'index' ? 'page' : page !== 'unknown' && offset === 'rows' ? 'offset' : isDeaf ? 'none' : 'unproved'
  paging.total = total === 'all' ? 'proven' : total === 'page' ? 'own_count' : 'unproven'
  paging.largestPage = 0
  paging.largestLimit = known.largestLimit
}

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
  /** As many rows as this page could hold, or more: there may be another. */
  readonly isFull: boolean
}

/** Pages of `window` in order; see `Source.read`. Throws what `send` throws, and `API_MALFORMED` when the pages never end. */
export async function* readPages(window: Window, deps: PagesDeps, signal: AbortSignal): AsyncGenerator<Page, void, undefined> {
  const { paging, pageSize, spoken } = deps
  const bounds = boundsOf({ fromMs: window.fromMs - SECOND_MS, untilMs: window.untilMs + SECOND_MS }, spoken)
  const known = new Set<string>()
  let rawRows = 0

  async function fetch(cursor: Readonly<Record<string, string>>, priority: number): Promise<Fetched> {
    const fields = { ...deps.filters, limit: String(pageSize), ...bounds, ...cursor }
    const answer = await deps.send({ style: spoken.style, fields, limit: pageSize, priority } satisfies Ask, signal)
    if (answer.limit !== null && answer.limit < pageSize) paging.largestLimit = answer.limit
    const limit = Math.min(pageSize, answer.limit ?? pageSize, paging.largestPage)
    const isFull = answer.rows.length > 0 && answer.rows.length >= limit
    if (answer.total !== null && answer.total > answer.rows.length) paging.total = 'proven'
    return { rows: deps.normalise(answer.rows), total: answer.total, isFull }
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
    if (rawRows > 0 && total !== null && total < rawRows + rows.length && paging.total === 'unproven') paging.total = 'own_count'
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

  const first = await fetch(firstCursor(), FIRST_READ)
  // Of first pages only: where `page` is a number of pages, page 2 is as large as two, and every page 1 would look short beside it.
  paging.largestPage = Math.max(paging.largestPage, first.rows.length)
  note(first)
  if (isLast(1, first) || first.rows.length === 0) {
    yield page(1, first)
    return
  }
  if (paging.mode === 'none') {
    yield page(1, first, 'unpaged')
    return
  }
  yield page(1, first)

  let previous = first
  let number = 2
  for (; ; number += 1) {
    if (number > MOST_PAGES)
      throw new ConnectorError('API_MALFORMED', `the API still sends new rows after ${MOST_PAGES} pages of one window`)
    const next =
      paging.mode === 'unproved' ? await proveSecond(first) : paging.mode === 'offset' ? await byOffset() : await byPage(number)
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
