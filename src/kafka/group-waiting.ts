/** The accounts that wait until the group gives them their ledger partition. */
import { ConnectorError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import type { Holding } from './group-holding.ts'

interface Account {
  readonly partition: number
  /** On the monotonic clock. */
  readonly sinceMs: number
  readonly onStandby: () => void
  readonly taken: (holding: Holding) => void
  readonly failed: (error: unknown) => void
  isTold: boolean
}

export class Waiting {
  readonly #clock: Clock
  readonly #accounts = new Set<Account>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Throws `STOPPED`, or what `fail` decides. */
  async wait(partition: number, onStandby: () => void, signal: AbortSignal): Promise<Holding> {
    const found = Promise.withResolvers<Holding>()
    const sinceMs = this.#clock.monotonic()
    const account = { partition, sinceMs, onStandby, taken: found.resolve, failed: found.reject, isTold: false }
    const onAbort = () => found.reject(new ConnectorError('STOPPED', 'stopped while standing by'))
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    this.#accounts.add(account)
    try {
      return await found.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#accounts.delete(account)
    }
  }

  /** One for each account. */
  partitions(): number[] {
    return [...this.#accounts].map(({ partition }) => partition)
  }

  give(partition: number, holding: Holding): void {
    for (const account of this.#accounts) if (account.partition === partition) account.taken(holding)
  }

  /** Tells those whose partition another instance has, once each. */
  tell(isElsewhere: (partition: number) => boolean): void {
    for (const account of this.#accounts) {
      if (account.isTold || !isElsewhere(account.partition)) continue
      account.isTold = true
      account.onStandby()
    }
  }

  /** Gives up for those for whom `failureAfter` finds a reason, given how long they have waited, in milliseconds. */
  fail(failureAfter: (waitedMs: number) => Error | null): void {
    for (const account of this.#accounts) {
      const failure = failureAfter(this.#clock.monotonic() - account.sinceMs)
      if (failure !== null) account.failed(failure)
    }
  }
}
