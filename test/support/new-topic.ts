/** A topic for one test. Made by the connector's own code: kafkajs's admin fails now and then on a topic whose metadata is still on its way. */
import { systemClock } from '../../src/host/clock.ts'
import { createKafka } from '../../src/kafka/client.ts'
import { createTopics } from '../../src/kafka/topics.ts'
import type { Reach } from './platform/platform.ts'

const deadlineMs = 60_000

/** Ready for records when it resolves. */
export async function newTopic({ brokers }: Reach, name: string, partitions = 1): Promise<string> {
  const topics = createTopics({ client: createKafka({ clientId: 'test', brokers }, () => {}), clock: systemClock })
  const spec = { name, partitions, replicationFactor: -1, config: {}, required: {} }
  await topics.ensure([spec], true, AbortSignal.timeout(deadlineMs))
  await topics.close()
  return name
}
