/**
 * One Fetch of one partition, with its answer left as bytes: kafkajs's own decoder drops batch headers and cannot see past batches that
 * compaction has emptied. Also the two ends of a partition, which kafkajs's public client cannot tell apart.
 */
import type Cluster from 'kafkajs/src/cluster/index.js'
import errors from 'kafkajs/src/protocol/error.js'
import fetchRequest from 'kafkajs/src/protocol/requests/fetch/v11/request.js'
import type { PartitionEnds } from '../ports.ts'
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
const maxBytes = 2 * 1024 * 1024

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

/**
 * The ends of partitions of one leader; `stable` was asked before `high`, so when both are equal there was a moment without open
 * transactions.
 */
export async function endsOf(
  broker: Cluster.Broker,
  topic: string,
  partitions: readonly number[],
): Promise<Map<number, PartitionEnds>> {
  const list = (isolationLevel: number, timestamp: number) => listOffsets(broker, topic, partitions, isolationLevel, timestamp)
  const low = await list(readCommitted, earliest)
  const stable = await list(readCommitted, latest)
  const high = await list(readUncommitted, latest)
  return new Map(
    partitions.map((partition, index) => {
      const [first, last, written] = [low[index], stable[index], high[index]]
      if (first === undefined || last === undefined || written === undefined)
        throw new Error(`no offset was answered for ${topic} partition ${partition}`)
      return [partition, { low: first, stable: last, high: written }]
    }),
  )
}

/** In the order of `partitions`. */
async function listOffsets(
  broker: Cluster.Broker,
  topic: string,
  partitions: readonly number[],
  isolationLevel: number,
  timestamp: number,
): Promise<(bigint | undefined)[]> {
  const asked = partitions.map(partition => ({ partition, timestamp }))
  const { responses } = await broker.listOffsets({ isolationLevel, topics: [{ topic, partitions: asked }] })
  const found = new Map(responses[0]?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]))
  return partitions.map(partition => found.get(partition))
}
