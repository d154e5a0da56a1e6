/** A long run over many records gives the event loop a turn now and then: heartbeats must go out meanwhile, and a signal be heard. */
import type { Clock } from '../ports.ts'

const longestMs = 20

export class Turn {
  readonly #clock: Clock
  readonly #signal: AbortSignal
  #lastMs: number

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock
    this.#signal = signal
    this.#lastMs = clock.monotonic()
  }

  /** Throws `STOPPED` when the signal aborts. */
  async giveWhenDue(): Promise<void> {
    if (this.#clock.monotonic() - this.#lastMs < longestMs) return
    await this.#clock.sleep(1, this.#signal)
    this.#lastMs = this.#clock.monotonic()
  }
}
