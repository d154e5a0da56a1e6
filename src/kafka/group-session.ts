/**
 * How long the group's coordinator cannot have given us up, by our own clock: a session from when the newest question that was answered was
 * sent. And how long it has been silent.
 */
import type { Clock } from '../ports.ts'

const firstPauseMs = 500
const longestPauseMs = 5_000
/** As many as a session has room for. */
const QUICK_TRIES = 10

export class Session {
  /** The newest failure; `null` before the first. */
  newest: unknown = null
  readonly #clock: Clock
  readonly #lengthMs: number
  #endMs = 0
  /** `null` while all is well. */
  #silentSinceMs: number | null = null
  #failures = 0

  constructor(clock: Clock, lengthMs: number) {
    this.#clock = clock
    this.#lengthMs = lengthMs
  }

  /** The session begins anew at `sinceMs`, on the monotonic clock. */
  renew(sinceMs: number): void {
    this.#endMs = sinceMs + this.#lengthMs
  }

  /** What was asked at `sentMs` was answered. */
  heard(sentMs: number): void {
    this.renew(sentMs)
    this.#silentSinceMs = null
    this.#failures = 0
  }

  /** For how many milliseconds nothing was answered, by this failure; 0 when it was a refusal, which is an answer. */
  failed(error: unknown, isRefusal: boolean): number {
    const nowMs = this.#clock.monotonic()
    this.newest = error
    this.#failures += 1
    this.#silentSinceMs = isRefusal ? null : (this.#silentSinceMs ?? nowMs)
    return nowMs - (this.#silentSinceMs ?? nowMs)
  }

  /** Milliseconds; negative when others may have been given what was ours. */
  leftMs(): number {
    return this.#endMs - this.#clock.monotonic()
  }

  /** Before the next try: short while a session lasts, then longer. */
  pauseMs(): number {
    return Math.min(longestPauseMs, firstPauseMs * 2 ** Math.max(0, this.#failures - QUICK_TRIES))
  }
}
