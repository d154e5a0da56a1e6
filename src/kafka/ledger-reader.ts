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
import { Turn } from './turn.ts'

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
 * Each `read` opens a connection of its own. Keys and values handed over are views of fetched memory, up to 2 MiB a piece: copy what is kept
 * for long. Besides the port's errors throws `KAFKA_UNREACHABLE`, `KAFKA_UNAUTHORIZED`, `TOPIC_MISSING`, `TOPIC_MISCONFIGURED`, and
 * `LEDGER_UNREADABLE` for a damaged batch.
 */
export function createLedgerReader(options: LedgerReaderOptions): LedgerReader {
  const readTo = async (ends: Ends, place: Place, onRecord: (record: LedgerRecord) => void, signal: AbortSignal) => {
    const leader = new PartitionLeader(options.client, place)
    try {
      const scan = { place, leader, signal, unreadable }
      const { low, stable, high } = await ends(options, scan)
      const turn = new Turn(options.clock, signal)
      for await (const records of committedRecords(options, scan, { from: low, until: stable }))
        for (const record of records) {
          onRecord(ledgerRecord(place, record))
          await turn.giveWhenDue()
        }
      return { isWhole: stable === high }
    } finally {
      leader.cut()
    }
  }
  return {
    read: async (topic, partition, onRecord, signal) => {
      await readTo(settledEnds, { topic, partition }, onRecord, signal)
    },
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
