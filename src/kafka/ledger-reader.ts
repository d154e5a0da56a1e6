/**
 * LedgerReader by plain fetches of one partition: no consumer group, so nothing to join, to assign or to delete. What is committed is decided
 * batch by batch from the coordinator's markers, and the end is reached by offset, not by seeing a record: the tail of a transactional
 * partition is a marker.
 */
import { ConnectorError } from '../errors.ts'
import type { Clock, LedgerReader, LedgerRecord, PartitionEnds } from '../ports.ts'
import type { KafkaClient } from './client.ts'
import { committedOf } from './committed.ts'
import { Deadline } from './deadline.ts'
import { causeOf, unreachable } from './failures.ts'
import { endsOf, type FetchAnswer, fetchFrom, type Place } from './fetch.ts'
import { PartitionLeader } from './partition-leader.ts'
import { batchesOf, type RecordBatch, recordsOf, type StoredRecord } from './record-batch.ts'

export interface LedgerReaderOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  /** How long a foreign open transaction is waited for, in milliseconds: twice the transaction timeout. */
  readonly blockedMs: number
  /** How long reading may go on without getting further, in milliseconds; 60 s. */
  readonly stallMs?: number
}

const pollMs = 250

/**
 * Each `read` opens a connection of its own. Keys and values handed over are views of fetched memory, up to 8 MiB a piece: copy what is kept
 * for long. Besides the port's errors throws `KAFKA_UNREACHABLE`, `KAFKA_UNAUTHORIZED`, `TOPIC_MISSING`, `TOPIC_MISCONFIGURED`, and
 * `LEDGER_UNREADABLE` for a damaged batch.
 */
export function createLedgerReader(options: LedgerReaderOptions): LedgerReader {
  const readTo = async (ends: Ends, place: Place, onRecord: (record: LedgerRecord) => void, signal: AbortSignal) => {
    const leader = new PartitionLeader(options.client, place)
    try {
      const { low, stable } = await ends(options, place, leader, signal)
      await handOver(options, place, leader, { from: low, end: stable }, onRecord, signal)
    } finally {
      leader.cut()
    }
  }
  return {
    read: (topic, partition, onRecord, signal) => readTo(settledEnds, { topic, partition }, onRecord, signal),
    peek: (topic, partition, onRecord, signal) => readTo(endsAsTheyAre, { topic, partition }, onRecord, signal),
  }
}

type Ends = typeof endsAsTheyAre

async function endsAsTheyAre(
  options: LedgerReaderOptions,
  place: Place,
  leader: PartitionLeader,
  signal: AbortSignal,
): Promise<PartitionEnds> {
  const { topic, partition } = place
  const ask = async (broker: Parameters<typeof endsOf>[0]) => {
    const ends = (await endsOf(broker, topic, [partition])).get(partition)
    if (ends === undefined) throw new Error(`no ends of ${topic} partition ${partition}`)
    return ends
  }
  return await leader.ask(ask, patience(options, place, signal))
}

/** Log start and end of a partition without open transactions. */
async function settledEnds(options: LedgerReaderOptions, place: Place, leader: PartitionLeader, signal: AbortSignal) {
  let ends = await endsAsTheyAre(options, place, leader, signal)
  const blocked = new Deadline({
    clock: options.clock,
    ms: options.blockedMs,
    signal,
    late: () => ledgerBlocked(options, place, ends.stable, ends.high),
  })
  while (ends.stable !== ends.high) {
    await blocked.pause(pollMs)
    ends = await endsAsTheyAre(options, place, leader, signal)
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
  let { from } = range
  let deadline = patience(options, place, signal)
  let coming = from < range.end ? fetch(from, deadline) : null
  while (coming !== null) {
    const { batches, committed } = decoded(place, await coming)
    const next = batches.at(-1)?.nextOffset ?? from
    if (next > from) {
      deadline = patience(options, place, signal)
      coming = next < range.end ? fetch(next, deadline) : null
      for (const batch of committed) for (const record of recordsWithin(place, batch, from, range.end)) onRecord(record)
      from = next
    } else {
      // Throttled, or no batch where one must be. Never taken for the end: the deadline decides.
      deadline.remember(new Error(`no batch at offset ${from} of ${range.end}`))
      await deadline.pause(pollMs)
      coming = fetch(from, deadline)
    }
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

function readable<T>(place: Place, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    throw unreadable(place, error instanceof Error ? error.message : 'undecodable bytes', error)
  }
}

function unreadable({ topic, partition }: Place, what: string, cause?: unknown): ConnectorError {
  const text = `ledger ${topic} partition ${partition}: ${what}; look at it with kafka-dump-log.sh, restore it, or start a new ledger`
  return new ConnectorError('LEDGER_UNREADABLE', text, { cause })
}

function patience(
  { client, clock, stallMs = 60_000 }: LedgerReaderOptions,
  { topic, partition }: Place,
  signal: AbortSignal,
): Deadline {
  const doing = `reading ${topic} partition ${partition}`
  const late = (cause: unknown) =>
    causeOf(cause) === 'missing'
      ? new ConnectorError('TOPIC_MISSING', `${doing}: the topic does not exist; create it, or let the connector create it`, {
          cause,
        })
      : unreachable(doing, client.brokers, stallMs, cause)
  return new Deadline({ clock, ms: stallMs, signal, late })
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
