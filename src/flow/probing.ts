/**
 * Whether the API counts as readable just now. It must answer well before the ledger is claimed: nobody is disturbed for an account that
 * cannot be read. Not before an earlier life's promise to stay away has been read, though: while an open transaction on the ledger may hide one,
 * nothing is asked, and if it does not end in a moment, the recall, which waits for it or aborts it, comes first.
 */
import type { Looked } from '../model/looked.ts'
import { SECOND_MS } from '../model/window.ts'
import type { Clock, Ledger, Source } from '../ports.ts'

/** A running owner's transactions are over within as many looks. */
const MOST_LOOKS = 3
const BETWEEN_LOOKS_MS = SECOND_MS

export class Probing {
  private readonly source: Source
  private readonly ledger: Ledger
  private readonly clock: Clock
  private readonly everyMs: number
  private proved = false
  /** Whether an earlier life's dialect was taken over, or there was none. */
  private adopted = false
  /** When the dialect was last found anew, on the monotonic clock. */
  private reprobedMs = Number.NEGATIVE_INFINITY

  /** The dialect is found anew at most once in `everyMs`. */
  constructor({ source, ledger, clock }: { source: Source; ledger: Ledger; clock: Clock }, everyMs: number) {
    this.source = source
    this.ledger = ledger
    this.clock = clock
    this.everyMs = everyMs
  }

  /**
   * Proves that the API can be read, unless it has been since it last failed. An account that was paused, or may have been, and is not claimed
   * yet, is sent nothing: it is proved when it is resumed, or recalled. Throws what `Ledger.look` and `Source.probe` throw.
   */
  async prove(signal: AbortSignal, isClaimed: boolean): Promise<void> {
    if (this.proved) return
    const { notBeforeMs, dialect, paused, isWhole } = await this.look(signal, isClaimed)
    this.source.holdUntil(notBeforeMs)
    if (!isWhole && !isClaimed) return
    // Only at the start: later the source knows better, and what it has just forgotten must not come back from the ledger.
    if (dialect !== null && !this.adopted) this.source.adopt(dialect)
    this.adopted = true
    if (paused && !isClaimed) return
    await this.source.probe(signal)
    this.proved = true
  }

  /** Once it is claimed, what binds us has been recalled, and whatever is open by now hides nothing more of it. */
  private async look(signal: AbortSignal, isClaimed: boolean): Promise<Looked> {
    for (let looks = 1; ; looks += 1) {
      const looked = await this.ledger.look(signal)
      if (looked.isWhole || isClaimed || looks >= MOST_LOOKS) return looked
      await this.clock.sleep(BETWEEN_LOOKS_MS, signal)
    }
  }

  /** The account failed: it is to be proved anew before the next read. */
  failed(): void {
    this.proved = false
  }

  /**
   * The API does not hear us as it did, here or in an earlier life: the dialect is forgotten. Whether it may be found anew at once; else the
   * account has failed.
   */
  forget(): boolean {
    const wasHeard = this.proved || this.source.dialect() !== null
    this.source.forget()
    if (!wasHeard || this.clock.monotonic() - this.reprobedMs < this.everyMs) return false
    this.proved = false
    this.reprobedMs = this.clock.monotonic()
    return true
  }
}
