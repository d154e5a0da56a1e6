/** The one clock of the program; tests have another. Timers run on the monotonic clock, so that setting the wall clock moves none. */
import { setTimeout as timer } from 'node:timers/promises'
import { ConnectorError } from '../errors.ts'
import type { Clock } from '../ports.ts'

/** Node fires a longer timer at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep,
}

/**
 * Never resolves early; `Infinity` sleeps until `signal` aborts, and 0 or less does not sleep. Keeps the process alive meanwhile, and
 * leaves no listener on `signal`. Throws `STOPPED` with the signal's reason as cause, `BUG` when `ms` is no number.
 */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (Number.isNaN(ms)) throw new ConnectorError('BUG', 'told to sleep for NaN milliseconds')
  const endMs = performance.now() + ms
  for (;;) {
    if (signal.aborted) throw stopped(signal)
    const leftMs = endMs - performance.now()
    if (leftMs <= 0) return
    try {
      await timer(Math.min(Math.ceil(leftMs), LONGEST_TIMER_MS), undefined, { signal })
    } catch {
      throw stopped(signal)
    }
  }
}

function stopped(signal: AbortSignal): ConnectorError {
  return new ConnectorError('STOPPED', 'stopped while waiting', { cause: signal.reason })
}
