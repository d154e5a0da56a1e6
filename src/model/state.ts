/**
 * All that an account knows, as one object. It comes from the ledger and is thrown away whole after any doubt about a commit: there is no
 * way to save or restore a part of it, so no part can run ahead of another.
 */
import type { Backfill } from './backfill.ts'
import type { Coverage } from './coverage.ts'
import type { Lateness } from './lateness.ts'
import type { SeenIndex } from './sift.ts'

export interface AccountState {
  readonly seen: SeenIndex
  coverage: Coverage
  lateness: Lateness
  /** Ranges that were asked for and are not read completely yet. */
  backfills: readonly Backfill[]
  /** The operator wants nothing to be read. */
  paused: boolean
  /** Counts the claims: which life of the account this is. */
  readonly incarnation: number
  /** Index of the record rules in force. */
  readonly rules: number
  /** As recalled: the API asked us to stay away until then (Retry-After), epoch milliseconds; 0 when it did not. */
  readonly notBeforeMs: number
}
