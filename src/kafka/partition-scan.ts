/**
 * Reading one partition by plain fetches: no consumer group, so nothing to join, to assign or to delete. What is committed is decided batch by
 * batch from the coordinator's markers, and the end is reached by offset, not by seeing a record: the tail of a transactional partition is a
 * marker. Shared by recall, which reads the ledger, and by the commands that look at the output topics.
 */
import { ConnectorError } from '../errors.ts'
import type { OffsetRange } from '../looking-ports.ts'
import type { Clock, PartitionEnds } from '../ports.ts'
import type { KafkaClient } from './client.ts'
import { committedOf } from './committed.ts'
import { Deadline } from './deadline.ts'
import { causeOf, unreachable } from './failures.ts'
import { endsOf, type FetchAnswer, fetchFrom, type Place } from './fetch.ts'
import type { PartitionLeader } from './partition-leader.ts'
import { batchesOf, type RecordBatch, recordsOf, type StoredRecord } from './record-batch.ts'

export interface ScanOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  /** How long reading may go on without getting further, in milliseconds; 60 s. */
  readonly stallMs?: number
}

export interface Scan {
  readonly place: Place
  readonly leader: PartitionLeader
  readonly signal: AbortSignal
  /** What to throw for bytes that cannot be decoded. */
  readonly unreadable: (place: Place, what: string, cause?: unknown) => ConnectorError
}

const pollMs = 250

export async function partitionEnds(
  options: ScanOptions,
  { place, leader, signal }: Pick<Scan, 'place' | 'leader' | 'signal'>,
): Promise<PartitionEnds> {
  const { topic, partition } = place
  const ask = async (broker: Parameters<typeof endsOf>[0]) => {
    const ends = (await endsOf(broker, topic, [partition])).get(partition)
    if (ends === undefined) throw new Error(`no ends of ${topic} partition ${partition}`)
    return ends
  }
  return await leader.ask(ask, patience(options, place, signal))
}

/**
 * Every committed record of the range, batch by batch, in order. The next answer is on its way while one is handed over. Keys and values are
 * views of fetched memory, up to 2 MiB a piece: copy what is kept for long.
 */
export async function* committedRecords(
  options: ScanOptions,
  { place, leader, signal, unreadable }: Scan,
  range: OffsetRange,
): AsyncGenerator<StoredRecord[], void, void> {
  const readable = <T>(decode: () => T): T => {
    try {
      return decode()
    } catch (error) {
      throw unreadable(place, error instanceof Error ? error.message : 'undecodable bytes', error)
    }
  }
  const fetch = (offset: bigint, deadline: Deadline) => {
    const answer = leader.ask(broker => fetchFrom(broker, place, offset), deadline)
    answer.catch(() => {})
    return answer
  }
  let { from } = range
  let deadline = patience(options, place, signal)
  let coming = from < range.until ? fetch(from, deadline) : null
  while (coming !== null) {
    const answer = await coming
    const { batches, committed } = readable(() => decoded(answer))
    const next = batches.at(-1)?.nextOffset ?? from
    if (next > from) {
      deadline = patience(options, place, signal)
      coming = next < range.until ? fetch(next, deadline) : null
      for (const batch of committed) yield readable(() => recordsWithin(batch, { from, until: range.until }))
      from = next
    } else {
      // Throttled, or no batch where one must be. Never taken for the end: the deadline decides.
      deadline.remember(new Error(`no batch at offset ${from} of ${range.until}`))
      await deadline.pause(pollMs)
      coming = fetch(from, deadline)
    }
  }
}

function decoded(answer: FetchAnswer | null) {
  const batches = batchesOf(answer?.records ?? Buffer.alloc(0))
  return { batches, committed: [...committedOf(batches, answer?.aborted ?? [])] }
}

/** A batch may begin before the offset asked for, and end after the last one wanted. */
function recordsWithin(batch: RecordBatch, { from, until }: OffsetRange): StoredRecord[] {
  return [...recordsOf(batch)].filter(({ offset }) => offset >= from && offset < until)
}

function patience({ client, clock, stallMs = 60_000 }: ScanOptions, { topic, partition }: Place, signal: AbortSignal): Deadline {
  const doing = `reading ${topic} partition ${partition}`
  const late = (cause: unknown) =>
    causeOf(cause) === 'missing'
      ? new ConnectorError('TOPIC_MISSING', `${doing}: the topic does not exist; create it, or let the connector create it`, {
          cause,
        })
      : unreachable(doing, client.brokers, stallMs, cause)
  return new Deadline({ clock, ms: stallMs, signal, late })
}
