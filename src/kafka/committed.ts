/**
 * Which batches of a fetch answer were committed. kafkajs gets this wrong when several producers share a partition (it steps into at most
 * one aborted transaction per record and takes the broker's list to be sorted), and our ledger partition is shared by every incarnation.
 */
import { isAbortMarker, type RecordBatch } from './record-batch.ts'

export interface AbortedTransaction {
  readonly producerId: bigint
  /** Of its first record in this partition. */
  readonly firstOffset: bigint
}

/**
 * The batches with data that a `read_committed` reader may see, in order. `aborted` is the list of the same answer: it names every aborted
 * transaction that overlaps the answer, in no particular order, also those that began before it.
 */
export function* committedOf(batches: readonly RecordBatch[], aborted: readonly AbortedTransaction[]): Generator<RecordBatch> {
  const ahead = [...aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : a.firstOffset > b.firstOffset ? 1 : 0))
  const hidden = new Set<bigint>()
  let next = 0
  for (const batch of batches) {
    for (let entry = ahead[next]; entry && entry.firstOffset < batch.nextOffset; entry = ahead[++next])
      hidden.add(entry.producerId)
    if (batch.control) {
      if (isAbortMarker(batch)) hidden.delete(batch.producerId)
    } else if (!(batch.transactional && hidden.has(batch.producerId))) {
      yield batch
    }
  }
}
