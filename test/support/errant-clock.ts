/** The clock of a machine whose wall clock may be wrong, in a world where time goes on as it does. Timers do not notice. */
import type { Clock } from '../../src/ports.ts'

export class ErrantClock implements Clock {
  /** How far the wall clock is ahead, milliseconds; negative when it is behind. */
  aheadMs = 0
  private readonly true: Clock

  constructor(clock: Clock) {
    this.true = clock
  }

  now(): number {
    return this.true.now() + this.aheadMs
  }

  monotonic(): number {
    return this.true.monotonic()
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return this.true.sleep(ms, signal)
  }
}
