/**
 * What becomes of an account after an error, as the policy decides: wait and go on, ask whether the account is still ours, find the API's
 * dialect anew, give the account a rest, or end. Nothing is tried again for ever without its state saying so.
 */
import { ConnectorError, codeOf } from '../errors.ts'
import { MINUTE_MS } from '../model/window.ts'
import type { Clock, Happening, TaskState } from '../ports.ts'
import type { Attention } from './attention.ts'
import { Backoff } from './backoff.ts'
import { decisionOn, POLICY } from './policy.ts'
import type { Probing } from './probing.ts'
import type { Tenure } from './tenure.ts'

export interface RecoveryOptions {
  readonly retryFailedMs: number
  /** Read what is due at the start and end; an API verdict ends it too. */
  readonly once: boolean
  readonly exitOnFailure: boolean
}

export interface RecoveryParts {
  readonly clock: Clock
  readonly random: () => number
  readonly note: (happening: Happening) => void
  readonly probing: Probing
  readonly attention: Attention
}

/** Where the account stood when the error came. */
export interface Situation {
  /** Whether what was recalled is still good. */
  readonly hasState: boolean
  readonly tenure: Tenure | null
}

type ReopenReason = Extract<Happening, { kind: 'producer.reopened' }>['reason']

/** A run for cron does not sit out a longer Retry-After than this. */
const LONGEST_WAIT_ONCE_MS = MINUTE_MS

/** Whether nothing but the ledger can say what is true after this error. */
export function isVoidAfter(error: unknown): boolean {
  const { decision } = POLICY[codeOf(error)]
  return decision === 'recall' || decision === 'confirm'
}

/** Whether this error ends the program, whoever owns the account by now. */
export function endsAll(error: unknown): boolean {
  return codeOf(error) !== 'STOPPED' && decisionOn(error) === 'stop'
}

export class Recovery {
  private readonly parts: RecoveryParts
  private readonly options: RecoveryOptions
  private readonly backoff: Backoff
  /** Whether the newest thing told about the account is an error. */
  private troubled = false
  /** Why the next producer is opened. */
  private reason: ReopenReason = 'start'

  constructor(parts: RecoveryParts, options: RecoveryOptions) {
    this.parts = parts
    this.options = options
    this.backoff = new Backoff(parts.random, options.once)
  }

  /** A new beginning: nothing that went wrong before counts any more. */
  begin(reason: ReopenReason): void {
    this.reason = reason
    this.backoff.reset()
  }

  /** Why the producer that was just opened had to be; to be asked once for each. */
  reopening(): ReopenReason {
    const { reason } = this
    this.reason = 'unknown'
    return reason
  }

  running(): void {
    this.tell('running')
  }

  paused(): void {
    this.tell('paused')
  }

  /** Something was read and committed. */
  succeeded(): void {
    this.backoff.reset()
    if (this.troubled) this.tell('running')
  }

  /** Waits as the policy says; false when told to stop meanwhile or not ours any more. Throws the error on when it ends the account. */
  async goesOnAfter(error: unknown, { hasState, tenure }: Situation): Promise<boolean> {
    const { once, exitOnFailure } = this.options
    const decision = decisionOn(error)
    this.noteCommit(error)
    if (decision === 'stop') throw error
    // Fenced, or a transaction of ours took too long: only who still owns the account may come back, or two would fence each other in turns.
    if (decision === 'confirm') {
      if (!(await tenure?.confirm())) {
        if (once) throw error
        return false
      }
      this.reason = 'fenced'
    }
    const state = hasState ? 'running' : 'recalling'
    if (decision === 'reprobe' && this.parts.probing.forget()) {
      this.tell(state, error)
      return true
    }
    if (decision === 'reprobe' || decision === 'fail_account') {
      if (once || exitOnFailure) throw error
      return this.fail(error, hasState)
    }
    const waitMs = this.backoff.next()
    // Not an outage of a moment any more: as for a verdict of the API, others go on and this account is tried again later.
    if (waitMs === null && decision === 'retry' && !once && !exitOnFailure) return this.fail(error, hasState)
    const retryAfterMs = error instanceof ConnectorError ? (error.retryAfterMs ?? 0) : 0
    // The promise to stay away is in the ledger by now, so the next run from cron will keep it.
    if (waitMs === null || (once && retryAfterMs > LONGEST_WAIT_ONCE_MS)) throw error
    this.tell(state, error)
    return this.parts.attention.wait(Math.max(waitMs, retryAfterMs), hasState)
  }

  /** The account waits, at most until an order comes, and is then probed anew; false when told to stop meanwhile. */
  private fail(error: unknown, hasState: boolean): Promise<boolean> {
    this.backoff.reset()
    this.parts.probing.failed()
    this.tell('failed', error)
    const { attention } = this.parts
    const { retryFailedMs } = this.options
    return hasState ? attention.wait(retryFailedMs, true) : attention.waitUnclaimed(retryFailedMs, error)
  }

  private noteCommit(error: unknown): void {
    const code = codeOf(error)
    if (code === 'COMMIT_UNKNOWN' || code === 'FENCED')
      this.parts.note({ kind: 'commit.failed', result: code === 'FENCED' ? 'fenced' : 'unknown', error })
  }

  private tell(state: TaskState, error?: unknown): void {
    this.troubled = error !== undefined
    this.parts.note({ kind: 'task', state, ...(this.troubled && { error, remedy: POLICY[codeOf(error)].remedy }) })
  }
}
