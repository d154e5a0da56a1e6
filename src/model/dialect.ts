/**
 * How an account's API behaves where the vendor's page contradicts itself or says nothing. Found by evidence (`kaleyra/probe.ts`), kept in the
 * checkpoint, shown by `check` and `/status`. Everything here may be `unknown`: reading goes on proving what it can.
 */

/** How a question travels: the page is titled "GET Method" and shows a POST with form fields; a later revision shows a GET with them. */
export const REQUEST_STYLES = ['post-form', 'get-query', 'get-body'] as const
export type RequestStyle = (typeof REQUEST_STYLES)[number]

export interface Dialect {
  readonly style: RequestStyle
  /** What proved that the fields of this style are heard; `assumed` only for a style that the settings name. */
  readonly provedBy: 'bad_start_refused' | 'limit_echoed' | 'window_heard' | 'assumed'
  /** Where `limit` is heard; both are always sent. */
  readonly limitIn: 'field' | 'header' | 'both' | 'neither' | 'unknown'
  /** The API lowers a larger `limit` to this; `null` while none was lowered. */
  readonly largestLimit: number | null
  /**
   * Rows of the largest page that came, kept where no way of paging is heard: there only a smaller page is known to hold all. Absent while there
   * was none, and in what an earlier release wrote.
   */
  readonly largestPage?: number
  /** What `page` means: an index, a count of pages from the first, or nothing. */
  readonly page: 'index' | 'count' | 'ignored' | 'unknown'
  /** Whether `offset`, sent without `page`, skips that many rows. */
  readonly offset: 'rows' | 'ignored' | 'unknown'
  /** What `total` counts: all that matches the window, or the rows of its own page. */
  readonly total: 'all' | 'page' | 'absent' | 'unknown'
  /** How instants are written: `2020-07-28T10:16:25Z` or `…+00:00`. */
  readonly instants: 'z' | 'offset'
  /** When it was found, epoch milliseconds. */
  readonly probedAtMs: number
}

const VALUES = {
  style: REQUEST_STYLES,
  provedBy: ['bad_start_refused', 'limit_echoed', 'window_heard', 'assumed'],
  limitIn: ['field', 'header', 'both', 'neither', 'unknown'],
  page: ['index', 'count', 'ignored', 'unknown'],
  offset: ['rows', 'ignored', 'unknown'],
  total: ['all', 'page', 'absent', 'unknown'],
  instants: ['z', 'offset'],
} as const satisfies { readonly [K in keyof Dialect]?: readonly Dialect[K][] }

/** For the checkpoint. */
export function dialectText(dialect: Dialect): string {
  return JSON.stringify(dialect)
}

/** What `dialectText` wrote; `null` for everything else, such as words of a later release: then the API is asked again. */
export function dialectFrom(text: string): Dialect | null {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch {
    return null
  }
  return isDialect(found) ? found : null
}

function isDialect(value: unknown): value is Dialect {
  if (typeof value !== 'object' || value === null) return false
  const fields: ReadonlyMap<string, unknown> = new Map(Object.entries(value))
  const { largestLimit, largestPage, probedAtMs } = Object.fromEntries(fields)
  return (
    Object.entries(VALUES).every(([name, known]) => known.some(each => each === fields.get(name))) &&
    (largestLimit === null || Number.isSafeInteger(largestLimit)) &&
    (largestPage === undefined || Number.isSafeInteger(largestPage)) &&
    Number.isSafeInteger(probedAtMs)
  )
}
