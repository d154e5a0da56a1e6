/**
 * Second tries, as a decorator of the same type in and out. Only named reasons are tried again, each a bounded number of times, with full
 * jitter from an injected source; what the API asked for by Retry-After is a floor, never shortened.
 */
import { ConnectorError, type ErrorCode } from '../errors.ts'
import type { RequestStyle } from '../model/dialect.ts'
import type { Clock, Happening } from '../ports.ts'
import type { Answer } from './envelope.ts'

/** What to ask, and how. Higher `priority` goes first. */
export interface Ask {
  readonly style: RequestStyle
  readonly fields: Readonly<Record<string, string>>
  /** For the header of this name; `null` leaves it out. */
  readonly limit: number | null
  readonly priority: number
  /** Asked to learn how the API hears, so a refusal of it may be what it takes. */
  readonly isTrial?: boolean
}

/** Sends one question and gives a successful answer, or throws a coded error. */
export type Send = (ask: Ask, signal: AbortSignal) => Promise<Answer>

export interface RetryDeps {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly note: (happening: Happening) => void
}

const BASE_MS = 500
const CAP_MS = 30_000
/**
 * The vendor's edge rejects a good key now and then; more tries than these would look like an attack on it. A trial is refused by whatever
 * stands in front of the API, with 403 for a GET with a body, because of its style and not of its key: that is not tried again.
 */
const UNAUTHORIZED_BASE_MS = 1_000

const RETRIES: Partial<Record<ErrorCode, number>> = {
  API_UNAVAILABLE: 4,
  API_MALFORMED: 4,
  API_THROTTLED: 4,
  API_UNAUTHORIZED: 3,
}

/**
 * A longer wait than this is not sat out here: whoever reads first makes durable what it has, together with the promise to stay away, and
 * comes back. The budget holds every request until then in any case.
 */
const LONGEST_WAIT_MS = 10_000

/** Tries again what may pass: at most four times more, three for a rejected key. Then the last error is thrown as it came. */
export function withRetry(send: Send, { clock, random, note }: RetryDeps): Send {
  return async (ask, signal) => {
    for (let retries = 0; ; retries += 1) {
      try {
        return await send(ask, signal)
      } catch (error) {
        if (
          !(error instanceof ConnectorError) ||
          retries >= (RETRIES[error.code] ?? 0) ||
          (error.retryAfterMs ?? 0) > LONGEST_WAIT_MS ||
          (ask.isTrial === true && error.code === 'API_UNAUTHORIZED' && error.apiCode === undefined)
        )
          throw error
        const backoffMs =
          error.code === 'API_UNAUTHORIZED'
            ? UNAUTHORIZED_BASE_MS * 2 ** retries
            : random() * Math.min(CAP_MS, BASE_MS * 2 ** retries)
        if (error.code === 'API_THROTTLED' && error.retryAfterMs === undefined) note({ kind: 'throttled', waitMs: backoffMs })
        await clock.sleep(backoffMs, signal)
      }
    }
  }
}
