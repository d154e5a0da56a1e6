/**
 * Notices that the wall clock was set while the program ran (or stood still: a suspended machine looks the same). By such a clock the books
 * would be aged and closed, so it is believed only once the API has answered by it: an answer whose `Date` disagrees fails the account.
 */
import { LARGEST_ADJUSTMENT_MS } from '../model/sound-books.ts'
import type { Clock } from '../ports.ts'

export class ClockWatch {
  private readonly clock: Clock
  /** The wall clock minus the monotonic one when it was last believed, milliseconds. */
  private believedMs: number

  constructor(clock: Clock) {
    this.clock = clock
    this.believedMs = this.offsetMs()
  }

  /** Now, epoch milliseconds. When the clock was set since the last call, only after `confirm` has resolved; throws what it throws. */
  async soundNow(confirm: () => Promise<void>): Promise<number> {
    for (;;) {
      const offsetMs = this.offsetMs()
      if (Math.abs(offsetMs - this.believedMs) <= LARGEST_ADJUSTMENT_MS) {
        this.believedMs = offsetMs
        return this.clock.now()
      }
      await confirm()
      this.believedMs = offsetMs
    }
  }

  private offsetMs(): number {
    return this.clock.now() - this.clock.monotonic()
  }
}
