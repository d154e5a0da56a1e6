/**
 * A producer as kafkajs ships it, for tests that need another program writing to our partitions: interleaved, aborted, abandoned. It shares
 * no code with the adapter under test, but the process: the cures of hardening.ts hold for it too; its records are encoded by kafkajs.
 */
import kafkajs, { type Transaction } from 'kafkajs'
import type { Message } from '../../src/ports.ts'

const { Kafka, logLevel } = kafkajs

export interface ForeignTransaction {
  send(topic: string, messages: readonly Message[]): Promise<void>
  commit(): Promise<void>
  abort(): Promise<void>
  /** Leaves the transaction as it is and closes the connection. */
  vanish(): Promise<void>
}

export interface ForeignProducer {
  begin(): Promise<ForeignTransaction>
  /** Writes without any transaction. */
  send(topic: string, messages: readonly Message[]): Promise<void>
  close(): Promise<void>
}

/** Without a transactional id it can only `send`. */
export async function foreignProducer(brokers: readonly string[], transactionalId?: string): Promise<ForeignProducer> {
  const kafka = new Kafka({ clientId: 'foreign', brokers: [...brokers], logLevel: logLevel.NOTHING })
  const producer = kafka.producer({
    ...(transactionalId !== undefined && { transactionalId, maxInFlightRequests: 1 }),
    allowAutoTopicCreation: false,
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition ?? 0,
  })
  await producer.connect()
  const close = () => producer.disconnect()
  const dressed = (topic: string, messages: readonly Message[]) => ({
    topic,
    messages: messages.map(({ partition, key, value, timestampMs }) => ({
      partition,
      key,
      value,
      timestamp: String(timestampMs),
    })),
  })
  return {
    close,
    async send(topic, messages) {
      await producer.send(dressed(topic, messages))
    },
    async begin() {
      const transaction: Transaction = await producer.transaction()
      return {
        commit: () => transaction.commit(),
        abort: () => transaction.abort(),
        vanish: close,
        async send(topic, messages) {
          await transaction.send(dressed(topic, messages))
        },
      }
    },
  }
}
