/**
 * One Fetch of one partition, with its answer left as bytes: kafkajs's own decoder drops batch headers and cannot see past batches that
 * compaction has emptied. Also the two ends of a partition, which kafkajs's public client cannot tell apart.
 */
import type Cluster from 'kafkajs/src/cluster/index.js'
import errors from 'kafkajs/src/protocol/error.js'
import fetchRequest from 'kafkajs/src/protocol/requests/fetch/v11/request.js'
import type { AbortedTransaction } from './committed.ts'

export interface FetchAnswer {
  /** Up to the last stable offset, possibly cut within its last batch. */
  readonly records: Buffer
  readonly aborted: readonly AbortedTransaction[]
}

export interface Place {
  readonly topic: string
  readonly partition: number
}

const consumer = -1
const readUncommitted = 0
const readCommitted = 1
const [latest, earliest] = [-1, -2]
const maxWaitMs = 500

/** Bytes asked for at once. One batch more than this is answered whole; two answers are held at a time. */
const maxBytes = 8 * 1024 * 1024

/**
 * Reads on from `offset`, up to the last stable offset. `null` when the broker answered nothing for the partition (it throttles us). Throws
 * the broker's code. Needs Fetch version 11: Kafka 2.3 or later.
 */
export async function fetchFrom(
  broker: Cluster.Broker,
  { topic, partition }: Place,
  offset: bigint,
): Promise<FetchAnswer | null> {
  const request = fetchRequest({
    replicaId: consumer,
    maxWaitTime: maxWaitMs,
    minBytes: 1,
    maxBytes,
    isolationLevel: readCommitted,
    topics: [{ topic, partitions: [{ partition, fetchOffset: offset.toString(), maxBytes }] }],
  })
  return await broker.connectionPool.send({
    request,
    response: { decode: async payload => decodeAnswer(payload), parse: async ({ answer }) => answer },
  })
}

/** Layout of Fetch response 11; `clientSideThrottleTime` is heard by kafkajs's request queue. */
function decodeAnswer(payload: Buffer): { readonly clientSideThrottleTime: number; readonly answer: FetchAnswer | null } {
  const clientSideThrottleTime = payload.readInt32BE(0)
  failOn(payload.readInt16BE(4))
  let at = 10
  const int32 = () => {
    at += 4
    return payload.readInt32BE(at - 4)
  }
  const int64 = () => {
    at += 8
    return payload.readBigInt64BE(at - 8)
  }
  const topics = int32()
  if (topics === 0) return { clientSideThrottleTime, answer: null }
  at += 2 + payload.readInt16BE(at)
  const partitions = int32()
  if (topics !== 1 || partitions !== 1) throw new Error(`a fetch of one partition was answered with ${topics} topics`)
  at += 4 // partition
  failOn(payload.readInt16BE(at))
  at += 2 + 24 // error code, high watermark, last stable offset, log start
  const aborted: AbortedTransaction[] = []
  for (let left = int32(); left > 0; left--) aborted.push({ producerId: int64(), firstOffset: int64() })
  at += 4 // preferred replica
  const size = Math.max(0, int32())
  if (at + size > payload.length) throw new Error('a fetch answer ends early')
  return { clientSideThrottleTime, answer: { records: payload.subarray(at, at + size), aborted } }
}

function failOn(code: number): void {
  if (code !== 0) throw errors.createErrorFromCode(code)
}

/** The ends of a partition; `stable` was asked before `high`, so when both are equal there was a moment without open transactions. */
export async function endsOf(broker: Cluster.Broker, place: Place): Promise<{ low: bigint; stable: bigint; high: bigint }> {
  const low = await listOffset(broker, place, readCommitted, earliest)
  const stable = await listOffset(broker, place, readCommitted, latest)
  const high = await listOffset(broker, place, readUncommitted, latest)
  return { low, stable, high }
}

async function listOffset(
  broker: Cluster.Broker,
  { topic, partition }: Place,
  isolationLevel: number,
  timestamp: number,
): Promise<bigint> {
  const { responses } = await broker.listOffsets({ isolationLevel, topics: [{ topic, partitions: [{ partition, timestamp }] }] })
  const found = responses[0]?.partitions.find(answer => answer.partition === partition)
  if (found === undefined) throw new Error(`no offset was answered for ${topic} partition ${partition}`)
  return BigInt(found.offset)
}
