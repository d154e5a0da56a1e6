/**
 * One account's API behind the `Source` port: the budget in front of every request, the verdict behind it, retries around both, pages on
 * top. Whoever builds two sources on the same API key gives them the same budget.
 */
import { ConnectorError, codeOf, type ErrorCode } from '../errors.ts'
import { type Dialect, REQUEST_STYLES, type RequestStyle } from '../model/dialect.ts'
import type { NumberRules } from '../model/number-protection.ts'
import { edgeOf } from '../model/schedule.ts'
import { MINUTE_MS, type Window } from '../model/window.ts'
import type { Clock, Happening, RequestOutcome, Source } from '../ports.ts'
import { type Budget, createBudget } from './budget.ts'
import { judge, skewOf } from './envelope.ts'
import { httpDateMs } from './http-dates.ts'
import { createNormaliser } from './normalise.ts'
import { readFirstPage, readPages } from './pages.ts'
import { adoptPaging, dialectOf, unprovedPaging } from './paging.ts'
import { probe } from './probe.ts'
import { asDocumented } from './question.ts'
import { allowanceOf } from './rate-headers.ts'
import { type Send, withRetry } from './retry.ts'
import { createTransport, type Transport } from './transport.ts'

export interface KaleyraSourceOptions {
  readonly sid: string
  readonly apiKey: string
  /** The key as the settings say now, asked for when one was refused: its file may hold a newer one. Must not throw. */
  readonly rereadKey?: () => string | undefined
  /** Scheme and host, `https://api.kaleyra.io`. */
  readonly origin: string
  /** IANA name for times without an offset; without it rows with such times are bad rows. */
  readonly timeZone?: string
  /** Rows asked for per page. */
  readonly pageSize: number
  readonly requestsPerSecond: number
  readonly burst: number
  /** For one whole answer, in milliseconds. */
  readonly timeoutMs: number
  /** How questions travel; `auto`, the default, finds it out. */
  readonly style?: RequestStyle | 'auto'
  /** Whether probing may send one request that is wrong on purpose; the default. */
  readonly sendsBadRequest?: boolean
  /** Fields that are null unless named here: recording_ref, location, operator, notes, custom. */
  readonly optIn: readonly string[]
  /** What becomes of each number; all are plain unless given. */
  readonly privacy?: NumberRules
  /** Needed where a rule is hmac. */
  readonly hmacKey?: string | undefined
  /** Narrows the account on purpose; each list is sent comma-separated. */
  readonly filters?: {
    readonly bridge?: readonly string[]
    readonly status?: readonly string[]
    readonly call_id?: readonly string[]
  }
}

export interface KaleyraSourceDeps {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  /** Called for 'request', 'throttled', 'budget' and 'unknown.value'; must not throw. */
  readonly note: (happening: Happening) => void
  /** Shared by the sources of one API key; its own when not given. */
  readonly budget?: Budget
  /** What carries a question to the API and its answer back; HTTP when not given. */
  readonly transport?: Transport
}

/**
 * Opens nothing until the first read. Throws `SETTINGS_INVALID` for a key no header can hold, an unknown time zone or an impossible rate.
 * After `close` every read fails with `STOPPED`.
 */
export function createKaleyraSource(options: KaleyraSourceOptions, deps: KaleyraSourceDeps): Source & { close(): Promise<void> } {
  const { clock, note } = deps
  const budget = deps.budget ?? createBudget(options, clock)
  let { apiKey } = options
  const transport = deps.transport ?? createTransport({ ...options, keyNow: () => apiKey }, clock)
  const { timeZone, optIn, privacy, hmacKey, sid } = options
  const reading = { timeZone, optIn, privacy, hmacKey, identityKey: sid }
  const normalise = createNormaliser({ ...reading, note })
  // What is read to learn the dialect is read again for its rows, and its unknown values are counted then.
  const quiet = createNormaliser({ ...reading, note: () => undefined })
  const paging = unprovedPaging()
  const spoken = asDocumented()
  const { style = 'auto', sendsBadRequest = true } = options
  /** `null` until the API was probed, and again when it no longer answers as it did. */
  let known: Dialect | null = null
  const filters = Object.fromEntries(
    Object.entries(options.filters ?? {}).flatMap(([name, list]) => (list.length > 0 ? [[name, list.join(',')]] : [])),
  )
  let requests = 0
  let skewMs: number | null = null

  const exchange: Send = async ({ style, fields, limit, priority, isTrial }, signal) =>
    budget.run(priority, signal, async permit => {
      if (permit.heldMs > 0) note({ kind: 'throttled', waitMs: permit.heldMs })
      requests += 1
      const startedMs = clock.monotonic()
      const done = (outcome: RequestOutcome) => {
        note({ kind: 'request', outcome, durationMs: clock.monotonic() - startedMs })
        note({ kind: 'budget', ratio: budget.usedRatio() })
      }
      try {
        const raw = await transport.ask({ style, fields: new URLSearchParams(fields), limit }, signal, permit.sent)
        skewMs = skewOf(raw) ?? skewMs
        const allowance = allowanceOf(raw.headers, httpDateMs(raw.headers.date) ?? raw.receivedMs)
        if (allowance !== null) budget.obey(allowance)
        const answer = judge(raw)
        budget.good()
        done(isTrial === true ? 'probe' : 'ok')
        return answer
      } catch (error) {
        // Held before the turn passes on: the next request in the queue must wait, too.
        if (error instanceof ConnectorError && error.retryAfterMs !== undefined)
          budget.holdUntil(clock.now() + error.retryAfterMs)
        if (codeOf(error) === 'API_THROTTLED') budget.slower()
        // For the next try.
        if (codeOf(error) === 'API_UNAUTHORIZED') apiKey = options.rereadKey?.() ?? apiKey
        const outcome = isTrial === true && codeOf(error) === 'API_REJECTED' ? 'probe' : OUTCOMES[codeOf(error)]
        if (outcome !== undefined) done(outcome)
        throw error
      }
    })

  const send = withRetry(exchange, deps)
  const pages = { send, normalise, paging, spoken, pageSize: options.pageSize, filters }

  function adopt(dialect: Dialect): void {
    if (style !== 'auto' && style !== dialect.style) return
    known = dialect
    spoken.style = dialect.style
    spoken.instants = dialect.instants
    adoptPaging(paging, dialect)
  }

  return {
    async probe(signal) {
      if (known === null) {
        const styles = style === 'auto' ? REQUEST_STYLES : [style]
        const found = await probe({ send, clock, normalise: quiet, styles, sendsBadRequest, filters }, signal)
        adopt({ ...found, probedAtMs: clock.now() })
        return
      }
      const untilMs = edgeOf(clock.now(), skewMs)
      const window: Window = { fromMs: untilMs - MINUTE_MS, untilMs }
      await readFirstPage(window, pages, signal)
    },
    dialect: () => (known === null ? null : { ...known, ...dialectOf(paging, known) }),
    adopt,
    forget() {
      known = null
    },
    read: (window, signal) => readPages(window, pages, signal),
    glance: (window, signal) => readFirstPage(window, pages, signal),
    skewMs: () => skewMs,
    requests: () => requests,
    notBeforeMs: () => budget.notBeforeMs(),
    holdUntil: instantMs => budget.holdUntil(instantMs),
    close: () => transport.close(),
  }
}

const OUTCOMES: Partial<Record<ErrorCode, RequestOutcome>> = {
  API_UNAUTHORIZED: 'unauthorized',
  API_REJECTED: 'rejected',
  API_THROTTLED: 'throttled',
  API_UNAVAILABLE: 'unavailable',
  API_MALFORMED: 'malformed',
  API_TOO_LARGE: 'too_large',
  API_REDIRECTED: 'redirected',
  API_CLOCK_SKEW: 'clock_skew',
  STOPPED: 'aborted',
}
