/** How long to wait before the next try, and when to give up: full jitter, doubling to 30 s, ended after ten minutes without a success. */
import { MINUTE_MS, SECOND_MS } from '../model/window.ts'

const FIRST_MS = SECOND_MS
const LONGEST_MS = 30 * SECOND_MS
const PATIENCE_MS = 10 * MINUTE_MS
/** A run for cron leaves the next try to cron. */
const PATIENCE_ONCE_MS = 30 * SECOND_MS

export class Backoff {
  private readonly random: () => number
  private readonly patienceMs: number
  private tries = 0
  private waitedMs = 0

  /** `random` gives numbers in [0, 1). */
  constructor(random: () => number, once: boolean) {
    this.random = random
    this.patienceMs = once ? PATIENCE_ONCE_MS : PATIENCE_MS
  }

  /** Milliseconds to wait, or `null` when it is time to give up. */
  next(): number | null {
    if (this.waitedMs >= this.patienceMs) return null
    const ceilingMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.tries)
    this.tries += 1
    this.waitedMs += ceilingMs
    return ceilingMs * (0.5 + this.random() / 2)
  }

  /** After a success. */
  reset(): void {
    this.tries = 0
    this.waitedMs = 0
  }
}
