/**
 * TopicScanner: what consumers that read only what is committed would get of an output topic, without being one. Unlike the ledger, such a topic may
 * lose its oldest records while it is read; the scan then goes on where the log begins now.
 */
import { ConnectorError } from '../errors.ts'
import type { OffsetRange, ScannedRecord, TopicScanner } from '../looking-ports.ts'
import { brokerCode } from './failures.ts'
import type { Place } from './fetch.ts'
import { PartitionLeader } from './partition-leader.ts'
import { committedRecords, partitionEnds, type ScanOptions } from './partition-scan.ts'

/** Each scan opens a connection of its own. Keys and values are views of fetched memory, up to 2 MiB a piece: copy what is kept for long. */
export function createTopicScanner(options: ScanOptions): TopicScanner {
  return {
    async *scan(topic, partition, range, signal) {
      const place = { topic, partition }
      const leader = new PartitionLeader(options.client, place)
      try {
        yield* scanOn(options, { place, leader, signal, unreadable }, range)
      } finally {
        leader.cut()
      }
    },
  }
}

async function* scanOn(
  options: ScanOptions,
  scan: Parameters<typeof committedRecords>[1],
  { from, until }: OffsetRange,
): AsyncGenerator<ScannedRecord[], void, void> {
  let next = from
  for (;;) {
    try {
      for await (const records of committedRecords(options, scan, { from: next, until })) {
        yield records
        next = (records.at(-1)?.offset ?? next - 1n) + 1n
      }
      return
    } catch (error) {
      if (brokerCode(error) !== 'OFFSET_OUT_OF_RANGE') throw error
      const { low } = await partitionEnds(options, scan)
      if (low <= next) throw error
      next = low
    }
  }
}

function unreadable({ topic, partition }: Place, what: string, cause?: unknown): ConnectorError {
  return new ConnectorError('TOPIC_MISCONFIGURED', `${topic} partition ${partition} cannot be read: ${what}`, { cause })
}
