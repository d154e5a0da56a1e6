/** What can be known of a ledger before it is claimed, and whether that is all there is: an open transaction hides what was committed behind it. */
import type { Dialect } from './dialect.ts'

export interface Peeked {
  /** Everything committed before the look was handed over; else an open transaction may hide some of it. */
  readonly isWhole: boolean
}

/** What an earlier life left for whoever has not claimed the account yet. */
export interface Looked extends Peeked {
  /** Until when the API told it to stay away, epoch milliseconds; 0 when it did not. */
  readonly notBeforeMs: number
  /** In which it spoke; `null` when none was proved. */
  readonly dialect: Dialect | null
  /** By the operator. */
  readonly paused: boolean
}
