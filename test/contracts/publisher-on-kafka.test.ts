/** The kafkajs adapters keep the contract on a real broker, with each compression. */
import { foreignProducer } from '../kafka/foreign-producer.ts'
import { adaptersOn } from '../kafka/real-kafka.ts'
import { platform, uniqueName } from '../support/platform/shared.ts'
import { publisherContract } from './publisher.ts'

for (const compression of ['none', 'gzip', 'zstd'] as const) {
  publisherContract(`Kafka, ${compression}`, async () => {
    const { brokers } = await platform()
    const { topics, reader, publisher } = adaptersOn(brokers)
    return {
      topics,
      reader,
      publisher: (id, names) => publisher(id, names, compression),
      async leaveOpen(id, topic, messages) {
        const producer = await foreignProducer(brokers, id)
        const transaction = await producer.begin()
        await transaction.send(topic, messages)
        await transaction.vanish()
      },
      uniqueName,
    }
  })
}
