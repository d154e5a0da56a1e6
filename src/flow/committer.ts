/**
 * Commits one chunk while the next is read, sifted and encoded: at most one transaction under way and one chunk waiting for it. A failed
 * commit surfaces at the next call, and from then on every call fails: the state it belonged to is void.
 */
import { count } from '../model/lateness.ts'
import type { AccountState } from '../model/state.ts'
import type { Clock, Happening, Ledger } from '../ports.ts'
import type { Packed } from './chunk.ts'

export interface CommitterParts {
  readonly ledger: Ledger
  readonly clock: Clock
  readonly note: (happening: Happening) => void
}

export class Committer {
  private readonly parts: CommitterParts
  private underWay: Promise<void> = Promise.resolve()

  constructor(parts: CommitterParts) {
    this.parts = parts
  }

  /** Resolves when the chunk before is durable and this one is on its way, with the checkpoint as of now. */
  async commit(state: AccountState, packed: Packed, signal: AbortSignal): Promise<void> {
    await this.underWay
    this.underWay = this.start(state, packed, signal)
    // Awaited at the next call; until then a failure must not count as unhandled.
    this.underWay.catch(() => undefined)
  }

  /** Resolves when everything handed over is durable. */
  async drain(): Promise<void> {
    await this.underWay
  }

  private async start(state: AccountState, { chunk, summary, samples }: Packed, signal: AbortSignal): Promise<void> {
    const { ledger, clock, note } = this.parts
    const startedMs = clock.monotonic()
    state.lateness = count(state.lateness, samples, clock.now())
    await ledger.commit(state, chunk, signal)
    const records = chunk.rest.reduce((sum, { messages }) => sum + messages.length, 0)
    note({ kind: 'committed', records, durationMs: clock.monotonic() - startedMs, commit: summary })
  }
}
