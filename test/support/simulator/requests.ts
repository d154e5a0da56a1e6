/** What the client did: every request with its instant, so that a test can hold a client to its rate, and the sums that `/__truth` shows. */
import type { Ask } from './ask.ts'
import type { FaultKind } from './faults.ts'

export interface SimulatedRequest extends Ask {
  /** The world's clock, epoch milliseconds. */
  readonly at: number
  /** The injected fault; the limiter's own 429 is none. */
  readonly fault: FaultKind | null
  /** HTTP status sent; 0 when none was, or not yet. */
  status: number
  rows: number
}

const kept = 100_000

export class RequestBook {
  readonly counts = {
    requests: 0,
    rowsServed: 0,
    /** Requests that came before the `Retry-After` of an earlier answer was over. */
    early: 0,
    faults: {} as Partial<Record<FaultKind, number>>,
  }
  /** Requests to any other path, the newest 1,000: where a redirect was followed to, and whether the key went along. */
  readonly strays: { readonly path: string; readonly hadKey: boolean }[] = []
  private entries: SimulatedRequest[] = []
  private quietUntilMs = 0

  get requests(): readonly SimulatedRequest[] {
    return this.entries.slice(-kept)
  }

  note(at: number, ask: Ask, fault: FaultKind | null): SimulatedRequest {
    const entry: SimulatedRequest = { at, fault, status: 0, rows: 0, ...ask }
    this.entries.push(entry)
    if (this.entries.length > kept * 1.1) this.entries = this.entries.slice(-kept)
    this.counts.requests += 1
    if (at < this.quietUntilMs) this.counts.early += 1
    if (fault !== null) this.counts.faults[fault] = (this.counts.faults[fault] ?? 0) + 1
    return entry
  }

  noteStray(path: string, hadKey: boolean): void {
    this.strays.push({ path, hadKey })
    if (this.strays.length > 1000) this.strays.shift()
  }

  promise(untilMs: number): void {
    this.quietUntilMs = Math.max(this.quietUntilMs, untilMs)
  }

  /** The most requests in any half-open span of `spanMs`: the rate over every interval of that length is at most this. */
  mostWithin(spanMs: number): number {
    const { requests } = this
    let most = 0
    let first = 0
    for (let last = 0; last < requests.length; last++) {
      while ((requests[last]?.at ?? 0) - (requests[first]?.at ?? 0) >= spanMs) first += 1
      most = Math.max(most, last - first + 1)
    }
    return most
  }
}
