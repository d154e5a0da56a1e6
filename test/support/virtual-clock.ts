/**
 * A clock for tests in which waiting costs no time. In `auto` mode (the default) the earliest sleeper is woken as soon as the event loop
 * has a turn to spare, and time jumps to its instant; sleepers wake in order, one per turn, so whatever one of them starts gets its chance
 * before the next. In `manual` mode time stands still until `advance`. Wall and monotonic time move together, except for `jumpWall`.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { ConnectorError } from '../../src/errors.ts'
import type { Clock } from '../../src/ports.ts'

interface Sleeper {
  readonly wakeMs: number
  readonly wake: () => void
}

export interface VirtualClockOptions {
  /** The wall clock at the beginning, epoch milliseconds. */
  readonly startMs?: number
  readonly mode?: 'auto' | 'manual'
}

export class VirtualClock implements Clock {
  /** Every sleep that was asked for, in milliseconds, in order. */
  readonly sleeps: number[] = []
  private wallMs: number
  private monotonicMs = 1_000
  private readonly mode: 'auto' | 'manual'
  private sleepers: Sleeper[] = []
  private pumping = false

  constructor({ startMs = Date.UTC(2026, 0, 15, 12), mode = 'auto' }: VirtualClockOptions = {}) {
    this.wallMs = startMs
    this.mode = mode
  }

  /** In whole milliseconds, as a real clock tells them, however long somebody slept. */
  now(): number {
    return Math.floor(this.wallMs)
  }

  monotonic(): number {
    return this.monotonicMs
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    const stopped = () => new ConnectorError('STOPPED', 'stopped while sleeping')
    if (signal.aborted) return Promise.reject(stopped())
    this.sleeps.push(ms)
    return new Promise((resolve, reject) => {
      const sleeper: Sleeper = {
        wakeMs: this.monotonicMs + Math.max(0, ms),
        wake: () => {
          signal.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      const onAbort = () => {
        this.sleepers = this.sleepers.filter(other => other !== sleeper)
        reject(stopped())
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.sleepers.push(sleeper)
      this.sleepers.sort((a, b) => a.wakeMs - b.wakeMs)
      if (this.mode === 'auto' && !this.pumping) void this.pump()
    })
  }

  /** How many are asleep now. */
  get asleep(): number {
    return this.sleepers.length
  }

  /** Lets time pass, waking who is due in order; resolves after the last one had a turn of the event loop. */
  async advance(ms: number): Promise<void> {
    const targetMs = this.monotonicMs + ms
    while (this.sleepers[0] !== undefined && this.sleepers[0].wakeMs <= targetMs) {
      this.wakeNext()
      await turn()
    }
    this.moveTo(targetMs)
    await turn()
  }

  /** Moves time on without waking anybody, as work does. */
  pass(ms: number): void {
    this.moveTo(this.monotonicMs + ms)
  }

  /** The wall clock is set forward (or back); the monotonic clock does not notice. */
  jumpWall(ms: number): void {
    this.wallMs += ms
  }

  private async pump(): Promise<void> {
    this.pumping = true
    do {
      await turn()
      this.wakeNext()
    } while (this.sleepers.length > 0)
    this.pumping = false
  }

  private wakeNext(): void {
    const sleeper = this.sleepers.shift()
    if (sleeper === undefined) return
    this.moveTo(Math.max(this.monotonicMs, sleeper.wakeMs))
    sleeper.wake()
  }

  private moveTo(monotonicMs: number): void {
    this.wallMs += monotonicMs - this.monotonicMs
    this.monotonicMs = monotonicMs
  }
}
