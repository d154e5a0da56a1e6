/** The judge itself is judged here: on bytes of every kind, and on what it must and must not see. */
import kafkajs from 'kafkajs'
import { beforeAll, describe, expect, test } from 'vitest'
import { type ConsumedRecord, consumeAll, countWithPerfTest, createDecoder, follow } from './independent-consumer.ts'
import { newTopic } from './new-topic.ts'
import type { Reach } from './platform/platform.ts'
import { platform, platformStartMs, uniqueName } from './platform/shared.ts'

const { Kafka, logLevel } = kafkajs
const deadlineMs = 30_000
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

let at: Reach
let kafka: kafkajs.Kafka
beforeAll(async () => {
  at = await platform()
  kafka = new Kafka({ brokers: at.brokers, logLevel: logLevel.NOTHING })
}, platformStartMs)

/** Sends each batch in a transaction of its own, and ends it as told. */
async function transact(topic: string, ...batches: { messages: kafkajs.Message[]; end: 'commit' | 'abort' }[]): Promise<void> {
  const producer = kafka.producer({ transactionalId: uniqueName('judged'), idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  for (const { messages, end } of batches) {
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages })
    await transaction[end]()
  }
  await producer.disconnect()
}

describe('consumeAll', () => {
  test('sees a committed transaction and nothing of an aborted one, up to an aborted end', async () => {
    const topic = await newTopic(at, uniqueName('ends'), 2)
    await transact(
      topic,
      { end: 'commit', messages: [0, 1].map(partition => ({ partition, key: 'kept', value: `first ${partition}` })) },
      { end: 'abort', messages: [{ partition: 0, key: 'lost', value: 'aborted' }] },
      { end: 'commit', messages: [{ partition: 0, key: 'kept', value: 'second 0' }] },
      { end: 'abort', messages: [0, 1].map(partition => ({ partition, key: 'lost', value: 'aborted' })) },
    )

    const records = await consumeAll(at, topic, { deadlineMs })

    expect(records.map(record => `${record.key} ${record.value}`).sort()).toEqual([
      'kept first 0',
      'kept first 1',
      'kept second 0',
    ])
  })

  test('gives back every byte of keys and values, headers, places and times, and tells null from empty', async () => {
    const topic = await newTopic(at, uniqueName('bytes'), 3)
    const headers = { 'content-type': 'tab\t, line\n, colon :, \\x41, \u0001 and é', naïve: 'yes', empty: '' }
    await transact(topic, {
      end: 'commit',
      messages: [
        { partition: 2, key: everyByte, value: Buffer.concat([everyByte, everyByte]), headers, timestamp: '1700000000123' },
        { partition: 2, key: null, value: null, timestamp: '1700000000124' },
        { partition: 2, key: '', value: '', timestamp: '1700000000125' },
        { partition: 2, key: 'null', value: 'NO_HEADERS', timestamp: '1700000000126' },
      ],
    })

    const records = await consumeAll(at, topic, { deadlineMs })

    const place = (offset: number) => ({ partition: 2, offset, timestampMs: 1_700_000_000_123 + offset })
    expect(records).toEqual<ConsumedRecord[]>([
      { ...place(0), key: everyByte, value: Buffer.concat([everyByte, everyByte]), headers },
      { ...place(1), key: null, value: null, headers: {} },
      { ...place(2), key: Buffer.alloc(0), value: Buffer.alloc(0), headers: {} },
      { ...place(3), key: Buffer.from('null'), value: Buffer.from('NO_HEADERS'), headers: {} },
    ])
  })

  test('reads nothing of an open transaction and nothing behind it, until that is ended', async () => {
    const topic = await newTopic(at, uniqueName('open'))
    const slow = kafka.producer({ transactionalId: uniqueName('slow'), idempotent: true, maxInFlightRequests: 1 })
    await slow.connect()
    const open = await slow.transaction()
    await transact(topic, { end: 'commit', messages: [{ value: 'before' }] })
    await open.send({ topic, messages: [{ value: 'open' }] })
    await transact(topic, { end: 'commit', messages: [{ value: 'behind' }] })

    const during = await consumeAll(at, topic, { deadlineMs, openMs: 0 })
    await open.abort()
    const after = await consumeAll(at, topic, { deadlineMs })
    await slow.disconnect()

    expect(during.map(record => `${record.value}`)).toEqual(['before'])
    expect(after.map(record => `${record.value}`)).toEqual(['before', 'behind'])
  })

  test('leaves values out when they are not asked for', async () => {
    const topic = await newTopic(at, uniqueName('keys'))
    await transact(topic, { end: 'commit', messages: [{ key: 'k', value: 'v', headers: { h: '1' } }] })

    const records = await consumeAll(at, topic, { values: false, deadlineMs })

    expect(records).toMatchObject([{ key: Buffer.from('k'), value: null, headers: { h: '1' } }])
  })

  test('finds nothing in an empty topic', async () => {
    const topic = await newTopic(at, uniqueName('empty'), 2)

    expect(await consumeAll(at, topic, { deadlineMs })).toEqual([])
  })
})

test('a follower has handed over all that was committed when it says that it has caught up', async () => {
  const topic = await newTopic(at, uniqueName('followed'), 2)
  const seen: string[] = []
  await transact(topic, { end: 'commit', messages: [{ key: 'a', value: '1' }] })
  const follower = await follow(at, topic, record => seen.push(`${record.key}=${record.value}`))

  await follower.untilCaughtUp(deadlineMs)
  const early = [...seen]
  await transact(
    topic,
    { end: 'commit', messages: [{ key: 'b', value: '2' }] },
    { end: 'abort', messages: [{ key: 'c', value: '3' }] },
  )
  await follower.untilCaughtUp(deadlineMs)
  await follower.stop()

  expect(early).toEqual(['a=1'])
  expect(seen).toEqual(['a=1', 'b=2'])
})

describe('countWithPerfTest', () => {
  test('counts committed records, and says so when they are too few', async () => {
    const topic = await newTopic(at, uniqueName('counted'), 2)
    const messages = Array.from({ length: 500 }, (_, index) => ({ key: `${index}`, value: 'x' }))
    await transact(topic, { end: 'commit', messages }, { end: 'abort', messages })

    expect(await countWithPerfTest(at, topic, 500, deadlineMs)).toBe(500)
    await expect(countWithPerfTest(at, topic, 501, 3_000)).rejects.toThrow(`${topic}: 501 records awaited for 3000 ms, 500 read`)
  })
})

describe('createDecoder', () => {
  test('decodes by the schema that the registry knows under the value’s id, decimals as text', async () => {
    const schema = {
      type: 'record',
      name: 'Judged',
      fields: [
        { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
        { name: 'cost', type: ['null', { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 }] },
      ],
    }
    const registered = await fetch(`${at.registryUrl}/subjects/${uniqueName('judged')}-value/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ schema: JSON.stringify(schema) }),
    })
    const { id } = (await registered.json()) as { id: number }
    const wire = (...avro: number[]) => Buffer.from([0, ...[24, 16, 8, 0].map(shift => (id >> shift) & 0xff), ...avro])
    const decoder = createDecoder(at.registryUrl)

    // at: 1 as zigzag; cost: branch 1, length, two's complement.
    expect(await decoder.decode(wire(2, 2, 4, 0x04, 0xd2))).toEqual({ at: 1, cost: '12.34' })
    expect(await decoder.decode(wire(2, 2, 2, 0xfb))).toEqual({ at: 1, cost: '-0.05' })
    expect(await decoder.decode(wire(2, 0))).toEqual({ at: 1, cost: null })
    expect(await decoder.decode(null)).toBeNull()
    await expect(decoder.decode(Buffer.from('{}'))).rejects.toThrow('Not in the registry’s wire format')
  })
})
