/** One account's life on an in-memory Kafka and a virtual clock, in front of whatever source it is given. */
import { AccountTask } from '../../src/flow/account.ts'
import { type Checkpoint, decodeCheckpoint } from '../../src/ledger/codec.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/window.ts'
import type { Clock, Happening, Source } from '../../src/ports.ts'
import { ledgerOn } from './ledger-on-memory.ts'
import type { MemoryCluster } from './memory-kafka.ts'

export interface LifeSettings {
  readonly cluster: MemoryCluster
  readonly source: Source
  readonly clock: Clock
  readonly once: boolean
  readonly startFromMs: number
  readonly note?: (happening: Happening) => void
  readonly random?: () => number
  readonly maxRowsPerRead?: number
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
    stop = never,
  } = settings
  return new AccountTask(
    {
      source,
      ledger: ledgerOn(cluster, clock, { startFromMs }, () => source.notBeforeMs()),
      // As text, so that a test can look into it; the Avro encoder has its own tests.
      encoder: {
        encode: event => Buffer.from(JSON.stringify(event, (_, value) => (typeof value === 'bigint' ? `${value}` : value))),
      },
      clock,
      random,
      note,
    },
    {
      account: 'main',
      events: { topic: 'events', partitions: 2 },
      deadLetters: { topic: 'dlq', partitions: 1 },
      keyOf: callId => callId,
      schedule: [
        { name: 'hot', everyMs: MINUTE_MS, spanMs: 30 * MINUTE_MS },
        { name: 'warm', everyMs: 30 * MINUTE_MS, spanMs: 6 * HOUR_MS },
        { name: 'cold', everyMs: DAY_MS, spanMs: 6 * DAY_MS },
      ],
      maxRowsPerRead,
      ignored: new Set(),
      settleMs: 5 * MINUTE_MS,
      retryFailedMs: 15 * MINUTE_MS,
      once,
      exitOnFailure: false,
    },
    { soft: stop, hard: never },
  )
}

/** The newest checkpoint that is committed; `null` while there is none. */
export function checkpointIn(cluster: MemoryCluster): Checkpoint | null {
  const newest = cluster.committed('ledger').findLast(({ key }) => String(key) === 'main/checkpoint')
  return newest?.value ? decodeCheckpoint(Buffer.from(newest.value)) : null
}
