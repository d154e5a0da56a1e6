/**
 * LedgerReader: one partition from its beginning to its last stable offset. Before a recall that must also be its end, or a foreign open
 * transaction hides what was committed after it.
 */
import { ConnectorError } from '../errors.ts'
import type { Clock, LedgerReader, LedgerRecord, PartitionEnds } from '../ports.ts'
import type { KafkaClient } from './client.ts'
import { Deadline } from './deadline.ts'
import type { Place } from './fetch.ts'
import { PartitionLeader } from './partition-leader.ts'
import { committedRecords, partitionEnds, type Scan } from './partition-scan.ts'
import type { StoredRecord } from './record-batch.ts'

export interface LedgerReaderOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  /** How long a foreign open transaction is waited for, in milliseconds: twice the transaction timeout. */
  readonly blockedMs: number
  /** How long reading may go on without getting further, in milliseconds; 60 s. */
  readonly stallMs?: number
}

const pollMs = 250
/** After so long the program gets a turn for everything else, heartbeats among it. */
const turnMs = 20

/**
 * Each `read` opens a connection of its own. Keys and values handed over are views of fetched memory, up to 2 MiB a piece: copy what is kept
 * for long. Besides the port's errors throws `KAFKA_UNREACHABLE`, `KAFKA_UNAUTHORIZED`, `TOPIC_MISSING`, `TOPIC_MISCONFIGURED`, and
 * `LEDGER_UNREADABLE` for a damaged batch.
 */
export function createLedgerReader(options: LedgerReaderOptions): LedgerReader {
  const readTo = async (ends: Ends, place: Place, onRecord: (record: LedgerRecord) => void, signal: AbortSignal) => {
    const leader = new PartitionLeader(options.client, place)
    try {
      const scan = { place, leader, signal, unreadable }
      const { low, stable } = await ends(options, scan)
      for await (const records of committedRecords(options, scan, { from: low, until: stable }))
        for (const record of records) onRecord(ledgerRecord(place, record))
    } finally {
      leader.cut()
    }
  }
  return {
    read: (topic, partition, onRecord, signal) => readTo(settledEnds, { topic, partition }, onRecord, signal),
    peek: (topic, partition, onRecord, signal) => readTo(partitionEnds, { topic, partition }, onRecord, signal),
  }
}

type Ends = (options: LedgerReaderOptions, scan: Scan) => Promise<PartitionEnds>

/** Log start and end of a partition without open transactions. */
async function settledEnds(options: LedgerReaderOptions, scan: Scan): Promise<PartitionEnds> {
  let ends = await partitionEnds(options, scan)
  const blocked = new Deadline({
    clock: options.clock,
    ms: options.blockedMs,
    signal: scan.signal,
    late: () => ledgerBlocked(options, scan.place, ends.stable, ends.high),
  })
  while (ends.stable !== ends.high) {
    await blocked.pause(pollMs)
    ends = await partitionEnds(options, scan)
  }
  return ends
}

/** Hands over every committed record of `[from, end)`. The next answer is on its way while one is handed over. */
async function handOver(
  options: LedgerReaderOptions,
  place: Place,
  leader: PartitionLeader,
  range: { readonly from: bigint; readonly end: bigint },
  onRecord: (record: LedgerRecord) => void,
  signal: AbortSignal,
): Promise<void> {
  const fetch = (offset: bigint, deadline: Deadline) => {
    const answer = leader.ask(broker => fetchFrom(broker, place, offset), deadline)
    answer.catch(() => {})
    return answer
  }
  const turn = new Turn(options.clock, signal)
  let { from } = range
  let deadline = patience(options, place, signal)
  let coming = from < range.end ? fetch(from, deadline) : null
  while (coming !== null) {
    const { batches, committed } = decoded(place, await coming)
    const next = batches.at(-1)?.nextOffset ?? from
    if (next > from) {
      deadline = patience(options, place, signal)
      coming = next < range.end ? fetch(next, deadline) : null
      for (const batch of committed) {
        for (const record of recordsWithin(place, batch, from, range.end)) {
          onRecord(record)
          await turn.giveWhenDue()
        }
      }
      from = next
    } else {
      // Throttled, or no batch where one must be. Never taken for the end: the deadline decides.
      deadline.remember(new Error(`no batch at offset ${from} of ${range.end}`))
      await deadline.pause(pollMs)
      coming = fetch(from, deadline)
    }
  }
}

/** Gives the event loop a turn now and then; throws `STOPPED` when the signal aborts. */
class Turn {
  readonly #clock: Clock
  readonly #signal: AbortSignal
  #lastMs: number

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock
    this.#signal = signal
    this.#lastMs = clock.monotonic()
  }

  async giveWhenDue(): Promise<void> {
    if (this.#clock.monotonic() - this.#lastMs < turnMs) return
    await this.#clock.sleep(1, this.#signal)
    this.#lastMs = this.#clock.monotonic()
  }
}

function decoded(place: Place, answer: FetchAnswer | null) {
  return readable(place, () => {
    const batches = batchesOf(answer?.records ?? Buffer.alloc(0))
    return { batches, committed: [...committedOf(batches, answer?.aborted ?? [])] }
  })
}

/** A batch may begin before the offset asked for, and end after the last one wanted. */
function recordsWithin(place: Place, batch: RecordBatch, from: bigint, end: bigint): LedgerRecord[] {
  const stored = readable(place, () => [...recordsOf(batch)])
  return stored.filter(({ offset }) => offset >= from && offset < end).map(record => ledgerRecord(place, record))
}

function ledgerRecord(place: Place, { key, value, timestampMs, offset }: StoredRecord): LedgerRecord {
  if (key === null) throw unreadable(place, `the record at offset ${offset} has no key: the topic is not a ledger`)
  return { key: key.toString('utf8'), value, timestampMs }
}

function unreadable({ topic, partition }: Place, what: string, cause?: unknown): ConnectorError {
  const text = `ledger ${topic} partition ${partition}: ${what}; look at it with kafka-dump-log.sh, restore it, or start a new ledger`
  return new ConnectorError('LEDGER_UNREADABLE', text, { cause })
}

function ledgerBlocked(
  { client, blockedMs }: LedgerReaderOptions,
  { topic, partition }: Place,
  stable: bigint,
  high: bigint,
): ConnectorError {
  const tool = `kafka-transactions.sh --bootstrap-server ${client.brokers[0]}`
  const where = `--topic ${topic} --partition ${partition}`
  const text =
    `ledger ${topic} partition ${partition} is blocked: a transaction of another producer is open at offset ${stable} of ${high} ` +
    `after ${Math.round(blockedMs / 1000)} s; find it with: ${tool} find-hanging ${where}, end it with: ${tool} abort ${where} --start-offset ${stable}`
  return new ConnectorError('LEDGER_BLOCKED', text)
}
