/**
 * By which time entries age: an entry may be forgotten only when both our clock and the newest ledger record say that it is old enough, or a
 * clock set wrong for an hour would empty the memory, and all that the API still shows would be published again. So a life begins where the
 * ledger ended, at most at our clock, and goes on no faster than the monotonic clock. It never goes back.
 *
 *   time = where the ledger ended + min(what our clock says has passed, what the monotonic clock says)
 *
 * After a long standstill entries thus live longer than nine days, for this life; they are not lost earlier in any.
 */
import type { Clock } from '../ports.ts'

export class LedgerTime {
  private readonly clock: Pick<Clock, 'monotonic'>
  private readonly beganMonotonicMs: number
  private readonly beganMs: number
  private latestMs: number

  /** `newestMs`: when the newest record of the ledger was written, `null` when there is none; epoch milliseconds. */
  constructor(clock: Pick<Clock, 'now' | 'monotonic'>, newestMs: number | null) {
    this.clock = clock
    this.beganMonotonicMs = clock.monotonic()
    this.beganMs = Math.min(clock.now(), newestMs ?? Number.POSITIVE_INFINITY)
    this.latestMs = this.beganMs
  }

  /** The time by which entries age when our clock says `nowMs`, epoch milliseconds. */
  at(nowMs: number): number {
    const soundMs = this.beganMs + this.clock.monotonic() - this.beganMonotonicMs
    this.latestMs = Math.max(this.latestMs, Math.min(nowMs, soundMs))
    return this.latestMs
  }
}
