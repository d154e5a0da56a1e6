/** One account's life on an in-memory Kafka and a virtual clock, in front of whatever source it is given. */

import { serialize } from 'node:v8'
import { AccountTask } from '../../src/flow/account.ts'
import type { Clock, Happening, Ownership, Source } from '../../src/ports.ts'
import { ledgerOn } from './ledger-on-memory.ts'
import type { MemoryCluster } from './memory-kafka.ts'
import { soleOwner } from './sole-owner.ts'
import { usualAccount } from './usual-account.ts'

export interface LifeSettings {
  readonly cluster: MemoryCluster
  readonly source: Source
  readonly clock: Clock
  readonly once: boolean
  readonly startFromMs: number
  readonly note?: (happening: Happening) => void
  readonly random?: () => number
  readonly maxRowsPerRead?: number
  readonly ownership?: Ownership
  /** Ends the life as the first signal of an operator would. */
  readonly stop?: AbortSignal
}

const never = new AbortController().signal

export function lifeOf(settings: LifeSettings): AccountTask {
  const {
    cluster,
    source,
    clock,
    once,
    startFromMs,
    note = () => {},
    random = () => 0.5,
    maxRowsPerRead = 5_000,
    ownership = soleOwner(),
    stop = never,
  } = settings
  return new AccountTask(
    {
      source,
      ledger: ledgerOn(
        cluster,
        clock,
        { startFromMs },
        () => source.notBeforeMs(),
        () => source.dialect(),
      ),
      ownership,
      // Read back by `memory-books.ts`; the Avro encoder has its own tests.
      encoder: { encode: event => serialize(event) },
      clock,
      random,
      note,
    },
    { ...usualAccount, maxRowsPerRead, once },
    { soft: stop, hard: never },
  )
}
