/** The kafkajs adapters as the suites want them: straight on their brokers, or with the publisher behind a proxy that can break things. */
import kafkajs from 'kafkajs'
import type { Compression } from '../../src/kafka/codecs.ts'
import { foreignProducer } from '../kafka/foreign-producer.ts'
import { adaptersOn } from '../kafka/real-kafka.ts'
import { api, type BrokerProxy, brokerProxy } from '../support/broker-proxy.ts'
import { consumeAll } from '../support/independent-consumer.ts'
import type { Reach } from '../support/platform/platform.ts'
import { uniqueName } from '../support/platform/shared.ts'
import { until } from '../support/platform/until.ts'
import type { BreakableKafka } from './faults-anywhere.ts'
import type { KafkaUnderTest } from './publisher.ts'

const forever = new AbortController().signal

export interface KafkaBehindProxy extends BreakableKafka {
  readonly proxy: BrokerProxy
  readonly reach: Reach
  /** The cluster's own opinion, for moving what lies where. */
  admin<T>(use: (admin: kafkajs.Admin) => Promise<T>): Promise<T>
}

export function kafkaOn(brokers: readonly string[], compression: Compression = 'none'): KafkaUnderTest {
  const { topics, reader, publisher } = adaptersOn(brokers)
  return {
    topics,
    reader,
    replicas: brokers.length,
    uniqueName,
    publisher: (id, names, tuning) => publisher(id, names, compression, tuning),
    leaveOpen: leaveOpenOn(brokers),
  }
}

/** Ends with `close`. */
export async function kafkaBehindProxy(reach: Reach): Promise<KafkaBehindProxy> {
  const { brokers } = reach
  const proxy = await brokerProxy(...brokers)
  const direct = kafkaOn(brokers)
  const proxied = adaptersOn(proxy.addresses)
  const admin: KafkaBehindProxy['admin'] = async use => {
    const one = new kafkajs.Kafka({ brokers, clientId: 'test-admin', logLevel: kafkajs.logLevel.NOTHING }).admin()
    await one.connect()
    return await use(one).finally(() => one.disconnect())
  }
  return {
    reach,
    proxy,
    admin,
    ...direct,
    publisher: (id, topics, tuning) => proxied.publisher(id, topics, 'none', tuning),
    judge: async topic => {
      const records = await consumeAll(reach, topic, { deadlineMs: 60_000 })
      return records.map(({ key, value }) => `${key}=${value}`)
    },
    async breakNextCommit(when) {
      void proxy.trouble(api.endTxn, when === 'before' ? 'cutRequest' : 'cutAnswer')
    },
    holdNextCommit: when => ({
      reached: proxy.trouble(api.endTxn, when === 'before' ? 'holdRequest' : 'holdAnswer').then(() => {}),
      release: () => proxy.release(),
    }),
    async remove(topic) {
      await admin(one => one.deleteTopics({ topics: [topic] }))
      await gone(topic)
    },
    async timeOut(_id, ledger) {
      await until({ what: 'the coordinator aborted the transaction', deadlineMs: 30_000 }, async () => {
        const ends = (await direct.topics.offsets(ledger, forever)).get(0)
        return ends !== undefined && ends.stable === ends.high ? true : undefined
      })
    },
    close: () => proxy.close(),
  }

  /** Every broker has forgotten the topic. */
  async function gone(topic: string): Promise<void> {
    for (const broker of brokers)
      await until({ what: `${topic} is gone from ${broker}`, deadlineMs: 30_000 }, async () => {
        const one = new kafkajs.Kafka({ brokers: [broker], logLevel: kafkajs.logLevel.NOTHING }).admin()
        await one.connect()
        return await one
          .listTopics()
          .then(names => (names.includes(topic) ? undefined : true))
          .finally(() => one.disconnect())
      })
  }
}

function leaveOpenOn(brokers: readonly string[]): KafkaUnderTest['leaveOpen'] {
  return async (id, topic, messages) => {
    const producer = await foreignProducer(brokers, id)
    const transaction = await producer.begin()
    await transaction.send(topic, messages)
    await transaction.vanish()
  }
}
