/** Our produce requests are, byte for byte, those of kafkajs: whatever its encoder was proven to do, ours does. */
import { createRequire } from 'node:module'
import fc from 'fast-check'
import protocol from 'kafkajs/src/protocol/requests/index.js'
import { describe, expect, test } from 'vitest'
import { outgoing } from '../../src/kafka/messages.ts'
import { takeOverProduceEncoding } from '../../src/kafka/produce-encoding.ts'
import { batchesOf, recordsOf } from '../../src/kafka/record-batch.ts'
import { recordBatch } from '../../src/kafka/record-writer.ts'
import type { Message } from '../../src/ports.ts'

const require = createRequire(import.meta.url)
const originalRequest = require('kafkajs/src/protocol/requests/produce/v7/request.js') as (options: object) => {
  encode(): Promise<{ buffer: Buffer }>
}
const group = require('kafkajs/src/producer/groupMessagesPerPartition.js') as (input: object) => Record<number, Message[]>

const common = {
  acks: -1,
  timeout: 20_000,
  transactionalId: 'tx-é',
  producerId: '4611686018427387904',
  producerEpoch: 7,
  compression: 0,
}

/** A request with all messages in one topic, as kafkajs hands it to the encoder. */
const options = (messages: readonly object[]) => ({
  ...common,
  topicData: [
    { topic: 'calls', partitions: [{ partition: 3, firstSequence: 11, messages }] },
    { topic: 'ledger', partitions: [{ partition: 0, firstSequence: 0, messages: messages.slice(0, 1) }] },
  ],
})

async function both(messages: readonly Message[]): Promise<[ours: Buffer, theirs: Buffer]> {
  takeOverProduceEncoding()
  const { request } = protocol.requests.Produce.protocol({ version: 7 })(options(messages))
  const ours = (await request.encode()) as { buffer: Buffer }
  const dressed = messages.map(({ timestampMs, ...message }) => ({ ...message, timestamp: String(timestampMs) }))
  const theirs = await originalRequest(options(dressed)).encode()
  return [ours.buffer, theirs.buffer]
}

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map(array => Buffer.from(array))
const anyMessage: fc.Arbitrary<Message> = fc.record(
  {
    partition: fc.constant(3),
    key: fc.oneof(fc.string({ unit: 'binary', maxLength: 80 }), bytes(80)),
    value: fc.oneof(
      fc.constant(null),
      bytes(100),
      bytes(9_000),
      fc.constantFrom(0, 40, 8_100, 8_190, 9_000, 70_000).map(size => Buffer.alloc(size, 7)),
    ),
    timestampMs: fc.integer({ min: 1_000_000_000_000, max: 9_999_999_999_999 }),
    headers: fc.dictionary(fc.string({ unit: 'binary', maxLength: 12 }), fc.string({ unit: 'grapheme', maxLength: 80 }), {
      maxKeys: 4,
    }),
  },
  { requiredKeys: ['partition', 'key', 'value', 'timestampMs'] },
)

describe('a produce request', () => {
  test('has the bytes kafkajs would write, for any messages', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyMessage, { minLength: 1, maxLength: 40 }), async messages => {
        const [ours, theirs] = await both(messages)
        expect(ours.equals(theirs)).toBe(true)
      }),
      { numRuns: 150 },
    )
  })

  test('has them for records around every change of length', async () => {
    const sizes = [
      0, 1, 30, 40, 45, 50, 55, 60, 120, 127, 128, 8_140, 8_160, 8_170, 8_175, 8_180, 8_185, 8_192, 1_048_500, 1_048_560,
      1_048_600,
    ]
    const messages = sizes.map(size => ({ partition: 3, key: 'k', value: Buffer.alloc(size, 1), timestampMs: 1_760_000_000_000 }))

    const [ours, theirs] = await both(messages)

    expect(ours.equals(theirs)).toBe(true)
  })

  test('of somebody else’s messages is left to kafkajs', async () => {
    takeOverProduceEncoding()
    const theirs = options([{ key: 'k', value: 'text', timestamp: '1760000000000' }])

    const { request } = protocol.requests.Produce.protocol({ version: 7 })(theirs)

    expect(((await request.encode()) as { buffer: Buffer }).buffer).toEqual((await originalRequest(theirs).encode()).buffer)
  })

  test('of messages with a time kafkajs would sort wrongly keeps it', async () => {
    const messages = [12, 9_999_999_999_999, 10_000_000_000_000].map(timestampMs => ({
      partition: 0,
      key: 'k',
      value: null,
      timestampMs,
    }))
    const head = { transactional: true, producerId: 1n, producerEpoch: 0, firstSequence: 0, compression: 1 }

    const [batch] = batchesOf(await recordBatch(head, messages))

    expect(batch && [...recordsOf(batch)].map(record => record.timestampMs)).toEqual([12, 9_999_999_999_999, 10_000_000_000_000])
  })
})

test('messages are grouped by partition as kafkajs groups them, keeping their order', () => {
  const message = (partition: number, key: string): Message => ({ partition, key, value: null, timestampMs: 0 })
  const messages = [message(2, 'a'), message(0, 'b'), message(2, 'c'), message(11, 'd'), message(0, 'e')]
  const { rest } = outgoing({ checkpoint: { topic: 'ledger', message: message(0, 'cp') }, rest: [{ topic: 'calls', messages }] })
  const partitioner = ({ message }: { message: Message }) => message.partition

  const ours = group({ topic: 'calls', partitionMetadata: [{}], messages: rest[0]?.messages, partitioner })

  expect(ours).toEqual(group({ topic: 'calls', partitionMetadata: [{}], messages: [...messages], partitioner }))
  expect(Object.keys(ours)).toEqual(['0', '2', '11'])
})
