/**
 * One error class and a closed list of codes. Code decides what happens next (`flow/policy.ts`), never the text of a message:
 * a new code does not compile until the policy has a row for it.
 */

/** What went wrong, as far as the program acts on it. */
export type ErrorCode =
  // settings and arguments: refused before anything opens
  | 'SETTINGS_INVALID'
  | 'ARGUMENTS_INVALID'
  // the API
  | 'API_UNAUTHORIZED' // RBC001, 401, 403: key or SID
  | 'API_REJECTED' // RBC3004, unknown RBC codes, other 4xx: our request, as sent, will never be accepted
  | 'API_THROTTLED' // 429
  | 'API_UNAVAILABLE' // 5xx, 408, resets, DNS, TLS, time-outs
  | 'API_MALFORMED' // HTML, half a body, JSON of another shape
  | 'API_TOO_LARGE' // a body beyond the bound
  | 'API_REDIRECTED' // a redirect, which is never followed with the key
  | 'API_CLOCK_SKEW' // the API's Date and our clock differ by more than 60 s
  | 'API_TIME_ZONE' // rows of a whole page are shifted by one constant: the time zone is wrong
  | 'API_FILTER_IGNORED' // the rows do not react to the window
  | 'API_UNPROVED' // no way of asking shows that it is heard
  // Kafka
  | 'KAFKA_UNREACHABLE'
  | 'KAFKA_UNAUTHORIZED'
  | 'TOPIC_MISSING'
  | 'TOPIC_MISCONFIGURED'
  | 'COMMIT_UNKNOWN' // a transaction whose outcome is unknown: ask the ledger
  | 'FENCED' // a newer instance owns the account
  // the ledger
  | 'LEDGER_BLOCKED' // a foreign open transaction hides later commits
  | 'LEDGER_MISMATCH' // this ledger belongs to other settings
  | 'LEDGER_UNREADABLE' // a record in a format this release cannot read
  | 'LEDGER_FULL' // more calls than records.maxSeen
  // the schema registry
  | 'REGISTRY_UNREACHABLE'
  | 'REGISTRY_REJECTED'
  // the endpoint
  | 'PORT_UNAVAILABLE'
  // ourselves
  | 'STOPPED' // a signal asked for it
  | 'BUG' // an invariant of ours is broken

export interface ErrorOptions {
  readonly cause?: unknown
  /** How long the other side asked us to stay away, in milliseconds from now (Retry-After). */
  readonly retryAfterMs?: number
  /** The API's own code, `RBC001`, when it was the API that spoke and not something in front of it. */
  readonly apiCode?: string
}

/** The only error this program throws on purpose. The message says what, where and what to do; it never holds a secret or a payload. */
export class ConnectorError extends Error {
  override readonly name = 'ConnectorError'
  readonly code: ErrorCode
  readonly retryAfterMs: number | undefined
  readonly apiCode: string | undefined

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryAfterMs = options.retryAfterMs
    this.apiCode = options.apiCode
  }
}

/** The code of a thrown value; anything that is not ours is a `BUG`, so that an unknown error stops the program. */
export function codeOf(error: unknown): ErrorCode {
  return error instanceof ConnectorError ? error.code : 'BUG'
}
