/** The kafkajs adapters keep the contract on a real broker, with each compression. */
import { SharedPublisher } from '../../src/kafka/shared-publisher.ts'
import { foreignProducer } from '../kafka/foreign-producer.ts'
import { adaptersOn, realClock } from '../kafka/real-kafka.ts'
import { platform, uniqueName } from '../support/platform/shared.ts'
import { type KafkaUnderTest, publisherContract } from './publisher.ts'

publisherContract('Kafka, shared by accounts', async () => {
  const { brokers } = await platform()
  const { topics, reader, publisher } = adaptersOn(brokers)
  return {
    topics,
    reader,
    publisher: (id, names) =>
      new SharedPublisher({ publisher: publisher(id, names, 'none'), reader, clock: realClock }).view().publisher,
    leaveOpen: leaveOpenOn(brokers),
    uniqueName,
  }
})

for (const compression of ['none', 'gzip', 'zstd'] as const) {
  publisherContract(`Kafka, ${compression}`, async () => {
    const { brokers } = await platform()
    const { topics, reader, publisher } = adaptersOn(brokers)
    return {
      topics,
      reader,
      publisher: (id, names) => publisher(id, names, compression),
      leaveOpen: leaveOpenOn(brokers),
      uniqueName,
    }
  })
}

function leaveOpenOn(brokers: readonly string[]): KafkaUnderTest['leaveOpen'] {
  return async (id, topic, messages) => {
    const producer = await foreignProducer(brokers, id)
    const transaction = await producer.begin()
    await transaction.send(topic, messages)
    await transaction.vanish()
  }
}
