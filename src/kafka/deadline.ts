/**
 * Every wait on Kafka has an end. kafkajs promises may stay pending for minutes and cannot be cancelled, so a wait is raced against the
 * clock and the caller's signal: who loses is abandoned, and because steps run one after the other under the same deadline, an abandoned
 * step is never followed by another one.
 */
import type { Clock } from '../ports.ts'

export interface DeadlineOptions {
  readonly clock: Clock
  /** How long all steps together may take, in milliseconds. */
  readonly ms: number
  readonly signal: AbortSignal
  /** What to throw when time is up; `cause` is the newest failure told to `remember`. */
  readonly late: (cause: unknown) => Error
}

/** One span of time shared by several steps. */
export class Deadline {
  readonly #options: DeadlineOptions
  readonly #endMs: number
  #cause: unknown

  constructor(options: DeadlineOptions) {
    this.#options = options
    this.#endMs = options.clock.monotonic() + options.ms
  }

  /** Milliseconds until the end, at least 0. */
  remainingMs(): number {
    return Math.max(0, this.#endMs - this.#options.clock.monotonic())
  }

  /** Keeps a failure that is about to be retried, so that running out of time can name it. */
  remember(cause: unknown): void {
    this.#cause = cause
  }

  /**
   * The result of `work`, or throws what `late` makes of the end of time, or `STOPPED` when the signal aborts. The loser keeps running
   * unobserved; its outcome is dropped.
   */
  async wait<T>(work: Promise<T>): Promise<T> {
    const { clock, signal, late } = this.#options
    const done = new AbortController()
    const stop = () => done.abort()
    // Not AbortSignal.any: a combined signal lives as long as the process-wide one it listens to.
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    work.catch(() => {})
    const end = clock.sleep(this.remainingMs(), done.signal).then(() => {
      throw late(this.#cause)
    })
    end.catch(() => {})
    try {
      return await Promise.race([end, work])
    } finally {
      signal.removeEventListener('abort', stop)
      done.abort()
    }
  }

  /** Sleeps `ms` or until the end, whichever comes first, so that one last attempt follows; throws like `wait` when the end has passed. */
  async pause(ms: number): Promise<void> {
    const { clock, signal, late } = this.#options
    const left = this.remainingMs()
    if (left === 0) throw late(this.#cause)
    await clock.sleep(Math.min(ms, left), signal)
  }
}
