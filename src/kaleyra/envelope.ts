/**
 * The verdict on an answer. A rejected key looks like an empty page (HTTP 200, RBC001, `data: []`), so success must prove itself: a JSON
 * object, a list of rows, an empty `error`, and RBC103 or at least status 200. The API's own code is believed before the HTTP status.
 * Messages name code and status; the vendor's free text and the body never get into them.
 */
import { ConnectorError, type ErrorCode } from '../errors.ts'
import { httpDateMs, retryAfterMs } from './http-dates.ts'
import { parseLossless } from './lossless-json.ts'
import type { RawAnswer } from './transport.ts'

/** A successful answer. */
export interface Answer {
  /** As the API sent them, unjudged. */
  readonly rows: readonly unknown[]
  /** How many rows the API claims in all; `null` when the claim is absent, no number, or smaller than what it sent. */
  readonly total: number | null
  /** The page size the API says it used; `null` when it does not say. */
  readonly limit: number | null
}

type Envelope = Readonly<Record<string, unknown>>

/** More than this between the API's clock and ours, in milliseconds, and no window can be trusted. */
export const LARGEST_SKEW_MS = 60_000

/** The API's clock minus ours in milliseconds, at most a second too small; `null` without a `Date`. */
export function skewOf(raw: RawAnswer): number | null {
  const dateMs = httpDateMs(raw.headers.date)
  return dateMs === null ? null : dateMs - raw.receivedMs
}

/** Judges an answer. Throws a coded `API_…` error for everything that does not prove itself a success. */
export function judge(raw: RawAnswer): Answer {
  const { status } = raw
  if (status >= 300 && status < 400) {
    throw new ConnectorError(
      'API_REDIRECTED',
      `the API answered with a redirect (HTTP ${status}), which is never followed with the key; check url`,
    )
  }
  const body = parseLossless(raw.body)
  const isHtml = raw.body.trimStart().startsWith('<')
  if (!isObject(body)) throw httpFailure(raw, isHtml ? 'an HTML page' : 'no JSON object')

  const code = codeIn(body)
  if (code !== null && code !== 'RBC103') throw codedFailure(raw, code)
  if (code === null && status !== 200) throw httpFailure(raw, 'no code')
  if (!isEmpty(body.error)) throw malformed(raw, 'an error next to a success')
  if (code === null && !isEmpty(body.status) && Number(body.status) !== 200)
    throw malformed(raw, 'a status other than 200 and no code')

  const { holder, rows } = rowsIn(body)
  if (rows === null) throw malformed(raw, 'no list of rows under data')
  if (rows.length === 0) refuseDoubtful(raw, code, body.status)
  checkClock(raw)
  const total = countIn(body.total ?? holder.total)
  const limit = countIn(body.limit ?? holder.limit)
  return { rows, total: total !== null && total < rows.length ? null : total, limit: limit || null }
}

/** Rows speak for themselves, whatever the status next to them; an empty list needs somebody to vouch for it, and nobody against it. */
function refuseDoubtful(raw: RawAnswer, code: string | null, status: unknown): void {
  if (code === null && isEmpty(status)) throw malformed(raw, 'an empty list that neither code nor status vouches for')
  if (raw.status >= 500 || Number(status) >= 500)
    throw new ConnectorError(
      'API_UNAVAILABLE',
      `the API answered HTTP ${raw.status} with an empty success and a server error`,
      held(raw),
    )
}

/** Codes the vendor documents; every other is unknown and, unless the HTTP status says more, a refusal. */
const CODES: Readonly<Record<string, { readonly error: ErrorCode; readonly text: string }>> = {
  RBC001: { error: 'API_UNAUTHORIZED', text: 'incorrect SID or API key' },
  RBC3004: { error: 'API_REJECTED', text: 'incorrect start time' },
}

function codedFailure(raw: RawAnswer, code: string): ConnectorError {
  const known = CODES[code]
  if (known === undefined && byStatus(raw.status) !== 'API_REJECTED' && raw.status >= 400) return httpFailure(raw, named(code))
  if (known?.error !== 'API_UNAUTHORIZED') checkClock(raw)
  const what = known === undefined ? 'a code this release does not know' : known.text
  return new ConnectorError(known?.error ?? 'API_REJECTED', `the API answered ${named(code)}, ${what} (HTTP ${raw.status})`, {
    ...held(raw),
    apiCode: named(code),
  })
}

/** The verdict when only the HTTP status speaks. */
function httpFailure(raw: RawAnswer, saw: string): ConnectorError {
  const { status } = raw
  const code = byStatus(status)
  if (code === null) return malformed(raw, saw)
  if (code === 'API_REJECTED') checkClock(raw)
  return new ConnectorError(code, `the API answered HTTP ${status} with ${saw}`, held(raw))
}

function byStatus(status: number): ErrorCode | null {
  if (status === 401 || status === 403) return 'API_UNAUTHORIZED'
  if (status === 429) return 'API_THROTTLED'
  if (status === 408 || status >= 500) return 'API_UNAVAILABLE'
  return status >= 400 ? 'API_REJECTED' : null
}

function malformed(raw: RawAnswer, saw: string): ConnectorError {
  return new ConnectorError('API_MALFORMED', `the API answered HTTP ${raw.status} with ${saw}`, held(raw))
}

function held(raw: RawAnswer): { retryAfterMs?: number } {
  const waitMs = retryAfterMs(raw.headers['retry-after'], httpDateMs(raw.headers.date) ?? raw.receivedMs)
  return waitMs === undefined ? {} : { retryAfterMs: waitMs }
}

function checkClock(raw: RawAnswer): void {
  const skewMs = skewOf(raw)
  if (skewMs === null || Math.abs(skewMs) <= LARGEST_SKEW_MS) return
  const seconds = Math.round(Math.abs(skewMs) / 1_000)
  throw new ConnectorError(
    'API_CLOCK_SKEW',
    `the API's clock is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} ours; set this machine's clock`,
  )
}

/** Only a code that looks like one may be named: anything else is the vendor's free text. */
function named(code: string): string {
  return /^[A-Z]{2,5}-?\d{1,6}$/.test(code) ? code : 'an unusual code'
}

function codeIn(body: Envelope): string | null {
  const { code } = body
  if (isEmpty(code) || code === 200 || code === '200') return null
  return typeof code === 'string' || typeof code === 'number' ? String(code).trim().toUpperCase() : '?'
}

/** The list of rows, and the object around it, where a nested envelope keeps its total. */
function rowsIn(body: Envelope): { readonly holder: Envelope; readonly rows: readonly unknown[] | null } {
  const { data, records } = body
  if (Array.isArray(data)) return { holder: body, rows: data }
  if (isObject(data) && Array.isArray(data.data)) return { holder: data, rows: data.data }
  if (isObject(data) && Array.isArray(data.records)) return { holder: data, rows: data.records }
  return { holder: body, rows: data === undefined && Array.isArray(records) ? records : null }
}

/** A count given as number or digits; `null` for everything else. */
function countIn(value: unknown): number | null {
  const count = typeof value === 'string' && /^\d{1,15}$/.test(value.trim()) ? Number(value) : value
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : null
}

/** PHP writes an empty map as `[]`; absent, `null`, `false` and blank text are empty, too. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true
  if (typeof value === 'string') return value.trim() === ''
  return typeof value === 'object' && Object.keys(value).length === 0
}

function isObject(value: unknown): value is Envelope {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
