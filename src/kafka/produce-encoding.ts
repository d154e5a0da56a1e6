/**
 * Takes the writing of produce requests over from kafkajs, for our own messages only; everything else goes its old way. The bytes are those
 * kafkajs would write (a test compares them), at a fraction of the time, and the partitions are compressed side by side.
 */
import protocol from 'kafkajs/src/protocol/requests/index.js'
import type { Message } from '../ports.ts'
import { recordBatch } from './record-writer.ts'

type Options = Parameters<ReturnType<(typeof protocol.requests.Produce)['protocol']>>[0]

/** The first version with message format 2; the layout of the request has stayed the same up to 7, the newest kafkajs speaks. */
const formatTwoVersion = 3

let done = false

/** May be called any number of times. */
export function takeOverProduceEncoding(): void {
  if (done) return
  done = true
  const { Produce } = protocol.requests
  const { protocol: theirs } = Produce
  Produce.protocol = ({ version }) => {
    const build = theirs({ version })
    if (version < formatTwoVersion) return build
    return options => {
      const built = build(options)
      return areOurs(options) ? { ...built, request: { ...built.request, encode: () => produceRequest(options) } } : built
    }
  }
}

/** Only our messages carry `timestampMs`; a request never mixes them with others. */
function areOurs({ topicData }: Options): boolean {
  const message = topicData[0]?.partitions[0]?.messages[0]
  return message !== undefined && 'timestampMs' in message
}

/** What kafkajs copies into its frame: it asks an encoder for these two. */
async function produceRequest(options: Options): Promise<{ readonly buf: Buffer; readonly buffer: Buffer }> {
  const { topicData, acks, timeout, transactionalId, producerId, producerEpoch, compression } = options
  const head = { transactional: transactionalId !== null, producerId: BigInt(producerId), producerEpoch, compression }
  const topics = topicData.map(async ({ topic, partitions }) => {
    const batches = await Promise.all(
      partitions.map(async ({ partition, firstSequence, messages }) => {
        const batch = await recordBatch({ ...head, firstSequence }, messages as readonly Message[])
        return [int32(partition), int32(batch.length), batch]
      }),
    )
    return [string(topic), int32(partitions.length), ...batches.flat()]
  })
  const parts = [
    nullableString(transactionalId),
    int16(acks),
    int32(timeout),
    int32(topicData.length),
    ...(await Promise.all(topics)).flat(),
  ]
  const bytes = Buffer.concat(parts)
  return { buf: bytes, buffer: bytes }
}

function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([int16(bytes.length), bytes])
}

const nullableString = (text: string | null): Buffer => (text === null ? int16(-1) : string(text))
