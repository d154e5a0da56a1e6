/** How an account's API behaves, in words for people: what is not known is left out. */
import type { Dialect } from '../model/dialect.ts'

const STYLE: Readonly<Record<Dialect['style'], string>> = {
  'post-form': 'POST with form fields',
  'get-query': 'GET with a query',
  'get-body': 'GET with a body',
}
const PROOF: Readonly<Record<Dialect['provedBy'], string>> = {
  bad_start_refused: 'proved: a wrong start time was refused',
  limit_echoed: 'proved: an odd page size was echoed',
  window_heard: 'proved: the window was heard',
  assumed: 'not proved',
}
const LIMIT: Readonly<Record<Dialect['limitIn'], string | null>> = {
  field: 'limit is heard as a field',
  header: 'limit is heard as a header',
  both: 'limit is heard as field and header',
  neither: 'limit is not heard',
  unknown: null,
}
const PAGE: Readonly<Record<Dialect['page'], string | null>> = {
  index: 'page is an index',
  count: 'page is a count of pages',
  ignored: 'page is not heard',
  unknown: null,
}
const OFFSET: Readonly<Record<Dialect['offset'], string | null>> = {
  rows: 'offset skips rows',
  ignored: 'offset is not heard',
  unknown: null,
}
const TOTAL: Readonly<Record<Dialect['total'], string | null>> = {
  all: 'total counts all that matches',
  page: 'total counts its own page',
  absent: 'no total',
  unknown: null,
}

export function dialectWords({ style, provedBy, limitIn, largestLimit, page, offset, total, instants }: Dialect): string {
  const known = [
    `${STYLE[style]} (${PROOF[provedBy]})`,
    LIMIT[limitIn],
    largestLimit === null ? null : `at most ${largestLimit} rows a page`,
    PAGE[page],
    OFFSET[offset],
    TOTAL[total],
    instants === 'z' ? null : 'times are sent as +00:00',
  ]
  return known.filter(words => words !== null).join('; ')
}
