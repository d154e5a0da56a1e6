/**
 * The account's request budget: one limiter per API key, in front of every request. A token bucket (GCRA) on the monotonic clock that
 * starts empty, so that a restart earns nothing; a hold that the API asked for (Retry-After, or nothing left); a rate that halves on 429 and
 * comes back slowly; and what the API says is left, spread until there is more. Nothing of it ever makes the rate higher than configured.
 * Requests go out one at a time, those that finish a read before those that begin one.
 *
 *   earliest next request = max(theoretical arrival - (burst - 1) intervals, hold, last request + time to reset / requests left)
 */
import PQueue from 'p-queue'
import { ConnectorError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import type { Allowance } from './rate-headers.ts'

export interface BudgetOptions {
  /** Requests per second, above 0. */
  readonly requestsPerSecond: number
  /** How many requests may go out together after a pause, a whole number from 1. */
  readonly burst: number
}

/** What a granted request tells its budget. */
export interface Permit {
  /** How long the API's own wish (Retry-After) kept this request waiting, in milliseconds; pacing not counted. */
  readonly heldMs: number
  /** To be called when the request leaves: a slow connection must not move two requests closer together than the rate allows. */
  sent(): void
}

export interface Budget {
  /**
   * Runs `task` when its turn has come. Higher `priority` first, one at a time. Over any interval of L seconds at most
   * `requestsPerSecond` x L + `burst` requests start. Rejects with `STOPPED` when `signal` aborts while it waits.
   */
  run<T>(priority: number, signal: AbortSignal, task: (permit: Permit) => Promise<T>): Promise<T>
  /** The API answered 429: half the rate from now on, at least 1/64 of what was configured. */
  slower(): void
  /** A good answer: after 20 of them, or a minute since the rate last changed, it gains a tenth of what was configured, up to all of it. */
  good(): void
  /** Nothing is sent before this instant, epoch milliseconds. Never shortens a hold; a wall clock that jumps does not either. */
  holdUntil(instantMs: number): void
  /**
   * The API said how much is left. Nothing: nothing is sent until the reset, at most an hour, then one request asks anew. Else what is left is
   * spread evenly until the reset, when that is slower than the rate. The newest word counts.
   */
  obey(allowance: Allowance): void
  /** The latest hold, epoch milliseconds, and no later than it ends by the clock as it is now; 0 when there was none. */
  notBeforeMs(): number
  /** The share of the configured rate that was used lately (about a minute), 0 to 1. */
  usedRatio(): number
}

const SLOWEST = 1 / 64
const RECOVERY_STEP = 0.1
const ANSWERS_PER_STEP = 20
/** At a small share of a small rate 20 answers would take hours. */
const PATIENCE_PER_STEP_MS = 60_000
/** Timers overflow beyond 24.8 days and would fire at once, so long holds are slept in pieces. */
const LONGEST_SLEEP_MS = 3_600_000
const USE_MEMORY_MS = 60_000
/** A header is believed for so long that nothing is left: what stands still for longer should be told so by a Retry-After. */
const LONGEST_EMPTY_MS = 3_600_000

export function createBudget(options: BudgetOptions, clock: Clock): Budget {
  const { requestsPerSecond, burst } = options
  if (!(requestsPerSecond > 0) || !Number.isFinite(requestsPerSecond) || !Number.isInteger(burst) || burst < 1) {
    throw new ConnectorError('SETTINGS_INVALID', 'requestsPerSecond must be above 0 and burst a whole number from 1')
  }
  const queue = new PQueue({ concurrency: 1 })
  let share = 1
  let goodAnswers = 0
  let changedMs = clock.monotonic()
  const intervalMs = () => 1_000 / (requestsPerSecond * share)
  /** GCRA's theoretical arrival time; a whole burst ahead of now is an empty bucket. */
  let arrivalMs = clock.monotonic() + burst * intervalMs()
  let holdMs = Number.NEGATIVE_INFINITY
  let notBeforeMs = 0
  let sentMs = Number.NEGATIVE_INFINITY
  /** What the API says is left, spread. */
  let spread = { intervalMs: 0, untilMs: Number.NEGATIVE_INFINITY }
  let used = 0
  let usedAtMs = clock.monotonic()

  function noteUse(nowMs: number, requests: number): void {
    used = used * Math.exp(-(nowMs - usedAtMs) / USE_MEMORY_MS) + requests
    usedAtMs = nowMs
  }

  async function take(signal: AbortSignal): Promise<Permit> {
    const spreadMs = () => (clock.monotonic() < spread.untilMs ? Math.min(spread.untilMs, sentMs + spread.intervalMs) : 0)
    const pacedMs = () => Math.max(arrivalMs - (burst - 1) * intervalMs(), spreadMs())
    const heldMs = Math.max(0, holdMs - Math.max(clock.monotonic(), pacedMs()))
    for (;;) {
      if (signal.aborted) throw stopped()
      const waitMs = Math.max(pacedMs(), holdMs) - clock.monotonic()
      if (waitMs <= 0) break
      await clock.sleep(Math.min(waitMs, LONGEST_SLEEP_MS), signal)
    }
    const before = arrivalMs
    const book = () => {
      sentMs = clock.monotonic()
      // A request that was given up may leave after its successor has taken its turn: that turn stays booked.
      arrivalMs = Math.max(arrivalMs, Math.max(before, sentMs) + intervalMs())
    }
    book()
    noteUse(clock.monotonic(), 1)
    return { heldMs, sent: book }
  }

  function holdUntil(instantMs: number): void {
    if (!Number.isFinite(instantMs) || instantMs <= 0) return
    notBeforeMs = Math.max(notBeforeMs, instantMs)
    holdMs = Math.max(holdMs, clock.monotonic() + instantMs - clock.now())
  }

  return {
    async run(priority, signal, task) {
      // The queue gives a place away as soon as its signal aborts, also one whose request is still under way: so it knows only of the waiting.
      const waiting = new AbortController()
      const leave = () => waiting.abort()
      if (signal.aborted) leave()
      signal.addEventListener('abort', leave, { once: true })
      const begin = async () => {
        signal.removeEventListener('abort', leave)
        return task(await take(signal))
      }
      try {
        return await queue.add(begin, { priority, signal: waiting.signal })
      } catch (error) {
        if (signal.aborted && !(error instanceof ConnectorError)) throw stopped()
        throw error
      } finally {
        signal.removeEventListener('abort', leave)
      }
    },
    slower() {
      const [nowMs, beforeMs] = [clock.monotonic(), intervalMs()]
      share = Math.max(SLOWEST, share / 2)
      changedMs = nowMs
      // In GCRA tokens are counted in intervals: what is missing of a full bucket must not look like less because they are longer now.
      if (arrivalMs > nowMs) arrivalMs = nowMs + (arrivalMs - nowMs) * (intervalMs() / beforeMs)
      goodAnswers = 0
    },
    good() {
      goodAnswers += 1
      const nowMs = clock.monotonic()
      if (share === 1 || (goodAnswers < ANSWERS_PER_STEP && nowMs - changedMs < PATIENCE_PER_STEP_MS)) return
      share = Math.min(1, share + RECOVERY_STEP)
      changedMs = nowMs
      goodAnswers = 0
    },
    holdUntil,
    obey({ remaining, resetMs }) {
      if (remaining === 0) holdUntil(clock.now() + Math.min(resetMs, LONGEST_EMPTY_MS))
      else spread = { intervalMs: resetMs / remaining, untilMs: clock.monotonic() + resetMs }
    },
    // By a wall clock that was set back since, the instant would last as much longer in the next life.
    notBeforeMs: () => Math.min(notBeforeMs, notBeforeMs === 0 ? 0 : Math.ceil(clock.now() + holdMs - clock.monotonic())),
    usedRatio() {
      noteUse(clock.monotonic(), 0)
      return Math.min(1, used / ((requestsPerSecond * USE_MEMORY_MS) / 1_000))
    },
  }
}

function stopped(): ConnectorError {
  return new ConnectorError('STOPPED', 'stopped while waiting for the request budget')
}
