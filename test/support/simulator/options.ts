/**
 * Everything the vendor's page leaves open about the API's behaviour, one option each. All of them may be changed while the simulator runs:
 * an account whose API starts to behave differently is a case of its own.
 */
import type { FaultKind } from './faults.ts'

export type RequestStyle = 'post-form' | 'get-query' | 'get-body'

export interface SimulatorOptions {
  /** Request styles whose fields are heard. */
  styles: readonly RequestStyle[]
  /** What the other styles get: their fields are not seen (success, empty window: 2xx proves nothing), or this HTTP status. */
  unheard: 'ignored' | 403 | 405
  limitIn: 'header' | 'field' | 'both'
  defaultLimit: number
  /** A higher limit is lowered silently. */
  maxLimit: number
  /** `count`: page 3 means the first three pages at once, as the page's words could be read. */
  page: 'index' | 'count' | 'ignored'
  /** `rows` adds up with `page`; `from-page-2` skips only there, as the page's words could be read. */
  offset: 'rows' | 'from-page-2' | 'ignored'
  /** Which `limit`, `page` and `offset` the envelope names: those obeyed, those asked for, or none. */
  echo: 'obeyed' | 'asked' | 'absent'
  filterBy: 'start' | 'end'
  bounds: 'inclusive' | 'exclusive' | 'half-open'
  order: 'newest' | 'oldest' | 'by-id' | 'shuffled'
  total: 'true' | 'absent' | 'text' | 'page' | 'zero'
  instants: 'both' | 'z' | 'offset'
  /** HTTP status of a refused key or SID. */
  authStatus: 200 | 401
  /** HTTP status of RBC3004. */
  badTimeStatus: 200 | 400
  /** How far back the API reaches. */
  horizonMs: number
  /** A start before the horizon gets RBC3004, or is moved up to the horizon. */
  beyondHorizon: 'refuse' | 'clamp'
  /** The API's clock, and with it the `Date` header, minus the world's. */
  skewMs: number
  /** `null` is no limit. */
  requestsPerSecond: number | null
  /** Requests that may come at once after a pause. */
  burst: number
  retryAfter: 'seconds' | 'date' | 'absent'
  /** Adds X-RateLimit-Limit, -Remaining and -Reset. */
  rateHeaders: boolean
  /** Probability of each fault, per request. */
  faultShares: Partial<Record<FaultKind, number>>
  oversizeBytes: number
  /** The last word on a success's envelope: rows twice, nested data, other keys, anything. Not reachable by `/__options`. */
  rewrite: ((envelope: Record<string, unknown>) => unknown) | null
}

export const usualOptions: SimulatorOptions = {
  styles: ['post-form'],
  unheard: 'ignored',
  limitIn: 'both',
  defaultLimit: 25,
  maxLimit: 1000,
  page: 'index',
  offset: 'rows',
  echo: 'obeyed',
  filterBy: 'start',
  bounds: 'inclusive',
  order: 'newest',
  total: 'true',
  instants: 'both',
  authStatus: 200,
  badTimeStatus: 200,
  horizonMs: 7 * 86_400_000,
  beyondHorizon: 'refuse',
  skewMs: 0,
  requestsPerSecond: null,
  burst: 1,
  retryAfter: 'seconds',
  rateHeaders: false,
  faultShares: {},
  oversizeBytes: 64 * 1024 * 1024,
  rewrite: null,
}

/** Takes options that arrived as JSON. Throws a sentence naming the first key that is unknown or of another type. */
export function changeOptions(options: SimulatorOptions, patch: unknown): void {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) throw new Error('options are a JSON object')
  for (const [key, value] of Object.entries(patch)) {
    if (!(key in usualOptions) || key === 'rewrite') throw new Error(`there is no option ${key}`)
    const usual = usualOptions[key as keyof SimulatorOptions]
    const nullable = key === 'requestsPerSecond' && (value === null || typeof value === 'number')
    const mixed = key === 'unheard' && (value === 'ignored' || value === 403 || value === 405)
    if (!nullable && !mixed && (typeof value !== typeof usual || value === null || Array.isArray(value) !== Array.isArray(usual)))
      throw new Error(`option ${key} cannot be ${JSON.stringify(value)}`)
  }
  Object.assign(options, patch)
}
