/**
 * What every TransactionalPublisher, LedgerReader and Topics must do together, whatever Kafka is behind them. Runs on the in-memory fake and
 * on real brokers, so that tests of the flow may trust the fake and another client library can be put in.
 */
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { codeOf } from '../../src/errors.ts'
import type { PublisherOptions } from '../../src/kafka/publisher.ts'
import type { LedgerReader, LedgerRecord, Message, TopicSpec, Topics, TransactionalPublisher } from '../../src/ports.ts'

/** Deadlines of a publisher; the fake needs none. */
export type Tuning = Partial<Pick<PublisherOptions, 'openMs' | 'commitMs' | 'transactionTimeoutMs'>>

export interface KafkaUnderTest {
  readonly topics: Topics
  /** Waits for a foreign open transaction only for a moment. */
  readonly reader: LedgerReader
  /** What a topic has when nothing else is asked for. */
  readonly replicas: number
  publisher(transactionalId: string, topics: readonly string[], tuning?: Tuning): TransactionalPublisher
  /** As a process that died in mid-transaction: opens the id, writes the messages, neither commits nor aborts. */
  leaveOpen(transactionalId: string, topic: string, messages: readonly Message[]): Promise<void>
  uniqueName(prefix: string): string
}

const forever = new AbortController().signal

/** A first start may have to fetch a broker. */
export const startMs = 600_000

/** Declares the suite; `start` is called once. */
export function publisherContract(name: string, start: () => Promise<KafkaUnderTest>): void {
  describe(`a transactional publisher on ${name}`, () => {
    let kafka: KafkaUnderTest
    const opened: TransactionalPublisher[] = []

    beforeAll(async () => {
      kafka = await start()
    }, startMs)

    afterEach(async () => {
      await Promise.all(opened.splice(0).map(publisher => publisher.close()))
    })

    /** Fresh topics and a way to make publishers of one transactional id. */
    async function scene(partitions = 3) {
      const [events, ledger, id] = [kafka.uniqueName('events'), kafka.uniqueName('ledger'), kafka.uniqueName('tx')]
      await kafka.topics.ensure([topicSpec(events, partitions), ledgerSpec(ledger)], true, forever)
      const publisher = () => {
        const made = kafka.publisher(id, [events, ledger])
        opened.push(made)
        return made
      }
      return { events, ledger, id, publisher, read: (topic: string, partition = 0) => readAll(kafka.reader, topic, partition) }
    }

    test('makes the checkpoint and the records of every topic visible together', async () => {
      const { events, ledger, publisher, read } = await scene()
      const it = publisher()
      await it.open(forever)

      const written = await it.commit(
        {
          checkpoint: { topic: ledger, message: message(0, 'checkpoint', 'one') },
          rest: [
            { topic: events, messages: [message(0, 'a', '1'), message(2, 'b', '2'), message(2, 'c', '3')] },
            { topic: ledger, messages: [message(0, 'delta', 'd')] },
          ],
        },
        forever,
      )

      expect(await read(ledger)).toEqual(['checkpoint=one', 'delta=d'])
      expect(await read(events, 0)).toEqual(['a=1'])
      expect(await read(events, 1)).toEqual([])
      expect(await read(events, 2)).toEqual(['b=2', 'c=3'])
      expect(written.get(events)).toEqual(
        new Map([
          [0, 0n],
          [2, 1n],
        ]),
      )
      expect(written.get(ledger)).toEqual(new Map([[0, 1n]]))
    })

    test('reads back every committed record in order after many commits', async () => {
      const { ledger, publisher, read } = await scene()
      const it = publisher()
      await it.open(forever)

      const expected: string[] = []
      for (let n = 0; n < 20; n++) {
        await it.commit(
          {
            checkpoint: { topic: ledger, message: message(0, 'checkpoint', `${n}`) },
            rest: [{ topic: ledger, messages: [message(0, `delta-${n}`, `${n}`)] }],
          },
          forever,
        )
        expected.push(`checkpoint=${n}`, `delta-${n}=${n}`)
      }

      expect(await read(ledger)).toEqual(expected)
    })

    test('keeps tombstones, times and keys', async () => {
      const { ledger, publisher } = await scene()
      const it = publisher()
      await it.open(forever)
      const gone: Message = { partition: 0, key: 'gone-é', value: null, timestampMs: 1_700_000_000_123 }
      const older: Message = { partition: 0, key: 'older', value: Buffer.from([0, 255]), timestampMs: 1_600_000_000_456 }

      await it.commit(
        {
          checkpoint: { topic: ledger, message: message(0, 'checkpoint', 'x') },
          rest: [{ topic: ledger, messages: [gone, older] }],
        },
        forever,
      )

      const records: LedgerRecord[] = []
      await kafka.reader.read(ledger, 0, record => records.push(record), forever)
      expect(records.slice(1)).toEqual([
        { key: 'gone-é', value: null, timestampMs: 1_700_000_000_123 },
        { key: 'older', value: Buffer.from([0, 255]), timestampMs: 1_600_000_000_456 },
      ])
    })

    test('an empty partition is read at once', async () => {
      const { ledger, read } = await scene()

      expect(await read(ledger)).toEqual([])
    })

    test('opening fences the older publisher, whose commit leaves no trace', async () => {
      const { ledger, publisher, read } = await scene()
      const [first, second] = [publisher(), publisher()]
      await first.open(forever)
      await first.commit(checkpointOnly(ledger, 'first'), forever)
      await second.open(forever)

      const refused = await outcome(first.commit(checkpointOnly(ledger, 'too late'), forever))
      await second.commit(checkpointOnly(ledger, 'second'), forever)

      expect(refused).toBe('FENCED')
      expect(await read(ledger)).toEqual(['checkpoint=first', 'checkpoint=second'])
    })

    test('after an error only open helps, and then it works again', async () => {
      const { ledger, publisher, read } = await scene()
      const [first, second] = [publisher(), publisher()]
      await first.open(forever)
      await second.open(forever)

      const refused = await outcome(first.commit(checkpointOnly(ledger, 'a'), forever))
      const again = await outcome(first.commit(checkpointOnly(ledger, 'b'), forever))
      await first.open(forever)
      await first.commit(checkpointOnly(ledger, 'c'), forever)

      expect([refused, again]).toEqual(['FENCED', 'BUG'])
      expect(await read(ledger)).toEqual(['checkpoint=c'])
    })

    test('a commit before open is a bug', async () => {
      const { ledger, publisher } = await scene()

      expect(await outcome(publisher().commit(checkpointOnly(ledger, 'a'), forever))).toBe('BUG')
    })

    test('opening aborts what a dead process left open, and nothing of it is ever read', async () => {
      const { ledger, id, publisher, read } = await scene()
      await kafka.leaveOpen(id, ledger, [message(0, 'checkpoint', 'half'), message(0, 'delta', 'half')])

      const it = publisher()
      await it.open(forever)
      const before = await read(ledger)
      await it.commit(checkpointOnly(ledger, 'whole'), forever)

      expect(before).toEqual([])
      expect(await read(ledger)).toEqual(['checkpoint=whole'])
    })

    test('a foreign open transaction blocks reading with a remedy, rather than hiding what was committed after it', async () => {
      const { ledger, publisher, read } = await scene()
      const stranger = kafka.uniqueName('stranger')
      const it = publisher()
      await it.open(forever)
      await it.commit(checkpointOnly(ledger, 'before'), forever)
      await kafka.leaveOpen(stranger, ledger, [message(0, 'checkpoint', 'foreign')])
      await it.commit(checkpointOnly(ledger, 'after'), forever)

      const blocked = await outcome(read(ledger))
      const cure = kafka.publisher(stranger, [ledger])
      opened.push(cure)
      await cure.open(forever)

      expect(blocked).toBe('LEDGER_BLOCKED')
      expect(await read(ledger)).toEqual(['checkpoint=before', 'checkpoint=after'])
    })

    test('a partition that does not exist is no success, and nothing of the batch is visible', async () => {
      const { events, ledger, publisher, read } = await scene(2)
      const it = publisher()
      await it.open(forever)

      const batch = {
        ...checkpointOnly(ledger, 'lost'),
        rest: [{ topic: events, messages: [message(0, 'a', '1'), message(9, 'b', '2')] }],
      }
      const refused = await outcome(it.commit(batch, forever))
      await it.open(forever)

      expect(refused).toBe('TOPIC_MISCONFIGURED')
      expect([await read(ledger), await read(events, 0), await read(events, 1)]).toEqual([[], [], []])
    })

    test('a batch of 12,000 records over six partitions is committed whole and in order', async () => {
      const { events, ledger, publisher, read } = await scene(6)
      const it = publisher()
      await it.open(forever)
      const messages = Array.from({ length: 12_000 }, (_, n) => message(n % 6, `call-${n}`, `${n}`.padEnd(300, '.')))

      const written = await it.commit({ ...checkpointOnly(ledger, 'big'), rest: [{ topic: events, messages }] }, forever)

      for (let partition = 0; partition < 6; partition++) {
        const expected = messages.filter(one => one.partition === partition).map(({ key, value }) => `${key}=${value}`)
        expect(await read(events, partition)).toEqual(expected)
        expect(written.get(events)?.get(partition)).toBe(1999n)
      }
    })

    test('a stopped signal stops open, commit and read', async () => {
      const { ledger, publisher } = await scene()
      const it = publisher()
      await it.open(forever)

      const codes = [
        await outcome(it.commit(checkpointOnly(ledger, 'a'), AbortSignal.abort())),
        await outcome(publisher().open(AbortSignal.abort())),
        await outcome(kafka.reader.read(ledger, 0, () => {}, AbortSignal.abort())),
      ]

      expect(codes).toEqual(['STOPPED', 'STOPPED', 'STOPPED'])
    })

    test('close may be called twice, and before open', async () => {
      const { publisher } = await scene()
      const it = publisher()

      await it.close()
      await it.open(forever)
      await it.close()

      expect(await outcome(it.close())).toBe('done')
    })

    test('topics are created once with their settings, and described afterwards', async () => {
      const name = kafka.uniqueName('ledger')

      const states = [
        await kafka.topics.ensure([ledgerSpec(name)], true, forever),
        await kafka.topics.ensure([ledgerSpec(name)], false, forever),
      ]

      expect(states.flat()).toEqual([
        { name, partitions: 2, replicationFactor: kafka.replicas, created: true },
        { name, partitions: 2, replicationFactor: kafka.replicas, created: false },
      ])
    })

    test('a topic that may not be created is missing, and one without a required setting is misconfigured', async () => {
      const [absent, deleting] = [kafka.uniqueName('absent'), kafka.uniqueName('deleting')]
      await kafka.topics.ensure([topicSpec(deleting, 1)], true, forever)

      const codes = [
        await outcome(kafka.topics.ensure([ledgerSpec(absent)], false, forever)),
        await outcome(kafka.topics.ensure([ledgerSpec(deleting)], true, forever)),
      ]

      expect(codes).toEqual(['TOPIC_MISSING', 'TOPIC_MISCONFIGURED'])
    })

    test('a topic whose creation is only rehearsed stays missing', async () => {
      const name = kafka.uniqueName('ledger')

      const codes = [
        await outcome(kafka.topics.rehearse(ledgerSpec(name), forever)),
        await outcome(kafka.topics.ensure([ledgerSpec(name)], false, forever)),
      ]

      expect(codes).toEqual(['done', 'TOPIC_MISSING'])
    })

    test('without rules on who may do what, everything is allowed', async () => {
      const { events } = await scene(2)

      expect([...(await kafka.topics.rights(events, forever))].sort()).toEqual(['describe', 'describe_configs', 'read', 'write'])
    })

    test('offsets name both ends of every partition: an open transaction holds back the stable one only', async () => {
      const { events, ledger, publisher } = await scene(2)
      const it = publisher()
      await it.open(forever)
      await it.commit({ ...checkpointOnly(ledger, 'a'), rest: [{ topic: events, messages: [message(1, 'k', 'v')] }] }, forever)
      await readAll(kafka.reader, events, 1)
      await kafka.leaveOpen(kafka.uniqueName('stranger'), events, [message(0, 'x', '1'), message(0, 'y', '2')])

      expect(await kafka.topics.offsets(events, forever)).toEqual(
        new Map([
          [0, { low: 0n, stable: 0n, high: 2n }],
          [1, { low: 0n, stable: 2n, high: 2n }],
        ]),
      )
    })
  })
}

export function message(partition: number, key: string, value: string): Message {
  return {
    partition,
    key,
    value: Buffer.from(value),
    timestampMs: 1_760_000_000_000,
    headers: { account: 'main', change: 'CREATED', revision: '1' },
  }
}

export function checkpointOnly(topic: string, value: string) {
  return { checkpoint: { topic, message: message(0, 'checkpoint', value) }, rest: [] }
}

export function topicSpec(name: string, partitions: number): TopicSpec {
  return { name, partitions, replicationFactor: -1, config: {}, required: {} }
}

export function ledgerSpec(name: string): TopicSpec {
  return {
    name,
    partitions: 2,
    replicationFactor: -1,
    config: { 'segment.ms': '21600000' },
    required: { 'cleanup.policy': 'compact' },
  }
}

/** `key=value` of every committed record. */
export async function readAll(reader: LedgerReader, topic: string, partition: number): Promise<string[]> {
  const records: string[] = []
  await reader.read(topic, partition, ({ key, value }) => records.push(`${key}=${value}`), forever)
  return records
}

/** The code a promise was rejected with, or `done`. */
export async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'done'
  } catch (error) {
    return codeOf(error)
  }
}
