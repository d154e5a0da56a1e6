/** A clock for one life in virtual time: whoever wants to sleep beyond an instant is told to stop instead. */
import type { Clock } from '../../src/ports.ts'

/** `stop` aborts at the first sleep that would end at or after `untilMs`, epoch milliseconds. */
export function clockUntil(clock: Clock, untilMs: number): { readonly own: Clock; readonly stop: AbortSignal } {
  const stop = new AbortController()
  const own: Clock = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    sleep: (ms, signal) => {
      if (clock.now() + ms >= untilMs) stop.abort()
      // In whole milliseconds, or rounding between the two clocks would look like a request that came a millisecond early.
      return clock.sleep(Math.ceil(ms), signal)
    },
  }
  return { own, stop: stop.signal }
}
