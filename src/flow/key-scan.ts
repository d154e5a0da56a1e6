/** All records of one key: only the partition that the key belongs to is read, from its beginning to its present end. */

import type { ScannedRecord, TopicScanner } from '../looking-ports.ts'
import { partitionOf } from '../model/partition.ts'
import type { Topics } from '../ports.ts'
import type { ScannedPartition } from './audit-report.ts'
import type { Output } from './pack.ts'

export interface KeyScanParts {
  readonly topics: Pick<Topics, 'offsets'>
  readonly scanner: TopicScanner
}

/** Hands over each record of the key with its `topic-partition@offset`, in order. Throws `KAFKA_…`, `TOPIC_…`, `STOPPED`. */
export async function scanKey(
  { topics, scanner }: KeyScanParts,
  { topic, partitions }: Output,
  key: string,
  onRecord: (at: string, record: ScannedRecord) => Promise<void>,
  signal: AbortSignal,
): Promise<ScannedPartition> {
  const partition = partitionOf(key, partitions)
  const ends = (await topics.offsets(topic, signal)).get(partition)
  const { low, stable, high } = ends ?? { low: 0n, stable: 0n, high: 0n }
  const wanted = Buffer.from(key)
  let earliestMs: number | null = null
  for await (const records of scanner.scan(topic, partition, { from: low, until: stable }, signal))
    for (const record of records) {
      earliestMs ??= record.timestampMs
      if (record.key?.equals(wanted) === true) await onRecord(`${topic}-${partition}@${record.offset}`, record)
    }
  return { topic, partition, low, until: stable, hidden: high - stable, earliestMs }
}
