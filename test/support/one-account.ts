/** One account's life on an in-memory Kafka and a virtual clock, in front of whatever source it is given. */

import { serialize } from 'node:v8'
import { type AccountOptions, AccountTask } from '../../src/flow/account.ts'
import type { Clock, Encoder, Happening, Ownership, Source } from '../../src/ports.ts'
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
  /** Anything else that is not as usual. */
  readonly options?: Partial<AccountOptions>
  /** Fingerprint of the record settings. */
  readonly rules?: string
  readonly encode?: Encoder['encode']
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
    options = {},
    rules = 'rules-1',
    encode = event => serialize(event),
  } = settings
  return new AccountTask(
    {
      source,
      ledger: ledgerOn(
        cluster,
        clock,
        { startFromMs, rules },
        () => source.notBeforeMs(),
        () => source.dialect(),
      ),
      ownership,
      // Read back by `memory-books.ts`; the Avro encoder has its own tests.
      encoder: { encode },
      clock,
      random,
      note,
    },
    { ...usualAccount, maxRowsPerRead, once, ...options },
    { soft: stop, hard: never },
  )
}
