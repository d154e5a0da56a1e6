/** Scanning an output topic on a real broker: what is committed, with its headers, from wherever the log begins by now. */
import kafkajs from 'kafkajs'
import { beforeAll, expect, test } from 'vitest'
import { createTopicScanner } from '../../src/kafka/topic-scanner.ts'
import type { ScannedRecord } from '../../src/looking-ports.ts'
import { message, outcome, topicSpec } from '../contracts/publisher.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { foreignProducer } from './foreign-producer.ts'
import { adaptersOn, realClock } from './real-kafka.ts'

const { Kafka, logLevel } = kafkajs
const forever = new AbortController().signal
let brokers: readonly string[]
beforeAll(async () => {
  brokers = (await platform()).brokers
}, platformStartMs)

async function scene() {
  const { client, topics, publisher } = adaptersOn(brokers)
  const topic = uniqueName('events')
  await topics.ensure([topicSpec(topic, 1)], true, forever)
  const scanner = createTopicScanner({ client, clock: realClock, stallMs: 20_000 })
  return { topic, topics, publisher, scanner }
}

async function textsOf(scan: AsyncIterable<readonly ScannedRecord[]>): Promise<string[]> {
  const texts: string[] = []
  for await (const records of scan)
    for (const { offset, key, value, headers } of records)
      texts.push(`${offset} ${key}=${value}${headers === undefined ? '' : ` ${JSON.stringify(headers)}`}`)
  return texts
}

test('hands over committed records of the range with offsets and headers, and nothing that was aborted', async () => {
  const { topic, publisher, scanner } = await scene()
  const stranger = await foreignProducer(brokers, uniqueName('tx'))
  const transaction = await stranger.begin()
  await transaction.send(topic, [message(0, 'aborted', '1')])
  await transaction.abort()
  const it = publisher(uniqueName('tx'), [topic])
  await it.open(forever)
  const bare = { partition: 0, key: 'a', value: Buffer.from('1'), timestampMs: Date.now() }
  const headed = { ...bare, key: 'b', headers: { change: 'CREATED', revision: '1' } }
  await it.commit({ checkpoint: { topic, message: bare }, rest: [{ topic, messages: [headed] }] }, forever)
  await it.commit({ checkpoint: { topic, message: { ...bare, key: 'c' } }, rest: [] }, forever)
  await it.close()
  await stranger.close()

  const found = await textsOf(scanner.scan(topic, 0, { from: 0n, until: 5n }, forever))

  // 0 aborted, 1 its marker, 4 the marker of the first commit, 5 and on not asked for.
  expect(found).toEqual(['2 a=1', '3 b=1 {"change":"CREATED","revision":"1"}'])
})

test('goes on where the log begins now when the oldest records were deleted meanwhile', async () => {
  const { topic, topics, scanner } = await scene()
  const loner = await foreignProducer(brokers)
  for (const key of ['a', 'b', 'c']) await loner.send(topic, [message(0, key, '1')])
  await loner.close()
  const before = (await topics.offsets(topic, forever)).get(0)
  const admin = new Kafka({ clientId: 'operator', brokers: [...brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  // It deletes only where it knows the leaders already.
  await admin.fetchTopicOffsets(topic)
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] })
  await admin.disconnect()

  const found = await textsOf(scanner.scan(topic, 0, { from: before?.low ?? 0n, until: before?.stable ?? 0n }, forever))

  expect(found).toEqual(['2 c=1'])
})

test('an empty range is done at once, and a partition that is not there is refused', async () => {
  const { topic, scanner } = await scene()

  expect(await textsOf(scanner.scan(topic, 0, { from: 0n, until: 0n }, forever))).toEqual([])
  expect(await outcome(textsOf(scanner.scan(topic, 7, { from: 0n, until: 1n }, forever)))).toBe('TOPIC_MISCONFIGURED')
})
