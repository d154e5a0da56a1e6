/** The kafkajs adapters keep the contract on a real broker, with each compression, and the promise when the network fails them. */
import { SharedPublisher } from '../../src/kafka/shared-publisher.ts'
import { realClock } from '../kafka/real-kafka.ts'
import { platform } from '../support/platform/shared.ts'
import { faultsAnywhere } from './faults-anywhere.ts'
import { faultsOnTheWay } from './faults-on-the-way.ts'
import { kafkaBehindProxy, kafkaOn } from './kafka-under-test.ts'
import { publisherContract } from './publisher.ts'

publisherContract('Kafka, shared by accounts', async () => {
  const kafka = kafkaOn((await platform()).brokers)
  return {
    ...kafka,
    publisher: (id, names) =>
      new SharedPublisher({ publisher: kafka.publisher(id, names), reader: kafka.reader, clock: realClock }).view().publisher,
  }
})

for (const compression of ['none', 'gzip', 'zstd'] as const)
  publisherContract(`Kafka, ${compression}`, async () => kafkaOn((await platform()).brokers, compression))

faultsAnywhere('Kafka', async () => kafkaBehindProxy(await platform()))
faultsOnTheWay('Kafka', async () => kafkaBehindProxy(await platform()))
