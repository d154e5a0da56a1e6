/**
 * Reads a request the way a loose PHP-like back end would: one style's fields are heard, the others' do not exist. Shared by the simulator and
 * the pre-rendered variant, so that both prove the same style to a client that probes.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { RequestStyle, SimulatorOptions } from './options.ts'

export interface Ask {
  readonly style: RequestStyle
  /** As asked for; `null` when not given or not a number. */
  readonly limit: number | null
  readonly page: number | null
  readonly offset: number | null
  /** Epoch milliseconds; `null` when not given. */
  readonly from: number | 'malformed' | null
  readonly until: number | 'malformed' | null
  readonly callIds: ReadonlySet<string> | null
  readonly statuses: ReadonlySet<string> | null
  readonly bridges: ReadonlySet<string> | null
}

/** The slice of the selection that an answer holds, and what the envelope says about it. */
export interface Slice {
  readonly first: number
  readonly count: number
  readonly echo: Readonly<Record<string, number>>
}

export function readAsk(method: string, url: URL, headers: IncomingHttpHeaders, body: string, options: SimulatorOptions): Ask {
  const style: RequestStyle = method === 'POST' ? 'post-form' : body === '' ? 'get-query' : 'get-body'
  const fields = options.styles.includes(style) ? heardFields(style, url, headers, body) : new URLSearchParams()
  const header = options.limitIn === 'field' ? null : number(headers.limit)
  const field = options.limitIn === 'header' ? null : number(fields.get('limit'))
  return {
    style,
    limit: header ?? field,
    page: number(fields.get('page')),
    offset: number(fields.get('offset')),
    from: instant(fields.get('start_time'), options),
    until: instant(fields.get('end_time'), options),
    callIds: list(fields.get('call_id')),
    statuses: list(fields.get('status')),
    bridges: list(fields.get('bridge')),
  }
}

export function sliceOf(ask: Ask, options: SimulatorOptions): Slice {
  const limit = Math.min(ask.limit !== null && ask.limit >= 1 ? ask.limit : options.defaultLimit, options.maxLimit)
  const page = options.page === 'ignored' ? 1 : Math.max(1, ask.page ?? 1)
  const offset = options.offset === 'ignored' || (options.offset === 'from-page-2' && page < 2) ? 0 : Math.max(0, ask.offset ?? 0)
  const obeyed = { offset, limit, page }
  const asked = { offset: ask.offset ?? 0, limit: ask.limit ?? options.defaultLimit, page: ask.page ?? 1 }
  return {
    first: offset + (options.page === 'index' ? (page - 1) * limit : 0),
    count: options.page === 'count' ? page * limit : limit,
    echo: options.echo === 'absent' ? {} : options.echo === 'asked' ? asked : obeyed,
  }
}

/** At most 64 KB; what follows is dropped, since no honest request is longer. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= 65_536) chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function heardFields(style: RequestStyle, url: URL, headers: IncomingHttpHeaders, body: string): URLSearchParams {
  if (style === 'get-query') return url.searchParams
  return headers['content-type']?.startsWith('application/x-www-form-urlencoded')
    ? new URLSearchParams(body)
    : new URLSearchParams()
}

function number(text: string | string[] | null | undefined): number | null {
  return typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : null
}

function list(text: string | null): ReadonlySet<string> | null {
  return text === null || text === '' ? null : new Set(text.split(',').map(item => item.trim()))
}

const instantPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/

/** A raw `+` in a form has become a space by now, and is malformed; so is the 31st of February. */
function instant(text: string | null, options: SimulatorOptions): number | 'malformed' | null {
  if (text === null || text === '') return null
  const zone = instantPattern.exec(text)?.[1]
  if (zone === undefined || (options.instants === 'z' && zone !== 'Z') || (options.instants === 'offset' && zone === 'Z'))
    return 'malformed'
  const wall = Date.parse(`${text.slice(0, 19)}Z`)
  if (Number.isNaN(wall) || new Date(wall).toISOString().slice(0, 19) !== text.slice(0, 19)) return 'malformed'
  const instantMs = Date.parse(text)
  return Number.isNaN(instantMs) ? 'malformed' : instantMs
}
