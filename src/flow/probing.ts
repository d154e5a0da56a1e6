/**
 * Whether the API counts as readable just now. It must answer well before the ledger is claimed: nobody is disturbed for an account that
 * cannot be read. Not before an earlier life's promise to stay away has been read, though.
 */
import type { Clock, Ledger, Source } from '../ports.ts'

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
   * Proves that the API can be read, unless it has been since it last failed. An account that was paused, and is not claimed yet, is sent nothing:
   * it is proved when it is resumed. Throws what `Ledger.look` and `Source.probe` throw.
   */
  async prove(signal: AbortSignal, isClaimed: boolean): Promise<void> {
    if (this.proved) return
    const { notBeforeMs, dialect, paused } = await this.ledger.look(signal)
    this.source.holdUntil(notBeforeMs)
    // Only at the start: later the source knows better, and what it has just forgotten must not come back from the ledger.
    if (dialect !== null && !this.adopted) this.source.adopt(dialect)
    this.adopted = true
    if (paused && !isClaimed) return
    await this.source.probe(signal)
    this.proved = true
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
