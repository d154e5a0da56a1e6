/**
 * What is known about the paging of an account's API, and what each first page adds to it. The API may change its ways unsaid while it is read:
 * a lowered bound makes full pages look short, and a total that begins to count only its own page makes full pages look like all there is. Either
 * shows behind the page, so a page that may be such a one is not believed to be the last until the next was asked for.
 */
import type { Dialect } from '../model/dialect.ts'

/** What is known about an account's paging; changes as windows are read, never back to `unproved`. */
export interface Paging {
  mode: 'unproved' | 'page' | 'offset' | 'none'
  /** `proven`: once seen larger than the page it came with. `own_count`: seen to count only its own page. */
  total: 'unproven' | 'proven' | 'own_count'
  /** Rows of the largest first page so far: this many the API does give at once. */
  largestPage: number
  /** Rows of the newest first page that had more behind it; 0 until there was one. */
  fullPage: number
  /** Rows of the first page before this one. */
  previousPage: number
  /** The full page before had a total of just its own rows: once is chance, twice asks for proof. */
  countedItself: boolean
  /** A larger limit is lowered to this, by the API's own word or because larger pages never came; `null` while none was. */
  largestLimit: number | null
}

export function unprovedPaging(): Paging {
  return {
    mode: 'unproved',
    total: 'unproven',
    largestPage: 0,
    fullPage: 0,
    previousPage: 0,
    countedItself: false,
    largestLimit: null,
  }
}

/** What is known of the paging, in the words of the dialect. */
export function dialectOf(
  { mode, total, largestLimit, largestPage }: Paging,
  before: Pick<Dialect, 'page' | 'offset' | 'total'>,
): Pick<Dialect, 'page' | 'offset' | 'total' | 'largestLimit' | 'largestPage'> {
  return {
    page: mode === 'page' ? 'index' : mode === 'unproved' || before.page === 'count' ? before.page : 'ignored',
    offset: mode === 'offset' ? 'rows' : mode === 'none' ? 'ignored' : before.offset,
    total: total === 'proven' ? 'all' : total === 'own_count' ? 'page' : before.total,
    largestLimit,
    ...(mode === 'none' && largestPage > 0 && { largestPage }),
  }
}

/**
 * Takes over what an earlier life found out. Where a way of paging is heard, how large pages are is found out anew: a page may seem full at first,
 * and that costs one question. Where none is, a page that seems full is cut down to the second and ends as a gap.
 */
export function adoptPaging(
  paging: Paging,
  known: Pick<Dialect, 'page' | 'offset' | 'total' | 'largestLimit' | 'largestPage'>,
): void {
  const { page, offset, total } = known
  const isDeaf = offset === 'ignored' && page !== 'unknown'
  paging.mode = page === 'index' ? 'page' : page !== 'unknown' && offset === 'rows' ? 'offset' : isDeaf ? 'none' : 'unproved'
  paging.total = total === 'all' ? 'proven' : total === 'page' ? 'own_count' : 'unproven'
  paging.largestPage = isDeaf ? (known.largestPage ?? 0) : 0
  paging.fullPage = 0
  paging.previousPage = 0
  paging.countedItself = false
  paging.largestLimit = known.largestLimit
}

/**
 * Learns from the first page of a window. True when its end may only seem to be the end: where no total tells, a page as long as the one before,
 * since a window is read twice there; where one does, the second full page in a row that counts just itself.
 */
export function meetFirstPage(paging: Paging, { rows, total, limit }: FirstPage): boolean {
  const { previousPage, countedItself } = paging
  const hasMore = total !== null && total > rows && rows > 0
  if (hasMore) paging.fullPage = rows
  // One with more behind it is as large as a page is now. Of first pages only: where `page` is a number of pages, page 2 is as large as two, and
  // every page 1 would look short beside it.
  paging.largestPage = hasMore ? rows : Math.max(paging.largestPage, rows)
  paging.previousPage = rows
  if (rows === 0) return false
  if (total === null) return rows === previousPage
  if (paging.total === 'own_count') return true
  const isFull = rows >= Math.min(limit, paging.largestLimit ?? limit, paging.fullPage || limit)
  if (paging.total === 'proven' && isFull) paging.countedItself = !hasMore && !countedItself
  return isFull && !hasMore && countedItself
}

interface FirstPage {
  /** As many as came. */
  readonly rows: number
  readonly total: number | null
  /** As many as were asked for, or fewer as the API says. */
  readonly limit: number
}
