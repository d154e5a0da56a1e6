/**
 * A connection to whoever leads a partition. Requests through it are repeated on a fresh connection until a deadline, which is safe for
 * anything that only reads: leaders move, brokers restart, and the next answer is as good.
 */
import type Cluster from 'kafkajs/src/cluster/index.js'
import { ConnectorError } from '../errors.ts'
import type { KafkaClient, OpenCluster } from './client.ts'
import type { Deadline } from './deadline.ts'
import { brokerCode, causeOf, unauthorized } from './failures.ts'
import type { Place } from './fetch.ts'

const pauseMs = 250

export class PartitionLeader {
  readonly #client: KafkaClient
  readonly #place: Place
  #open: OpenCluster | null = null
  #broker: Cluster.Broker | null = null

  constructor(client: KafkaClient, place: Place) {
    this.#client = client
    this.#place = place
  }

  /** Asks until an answer comes or the deadline ends. Throws `KAFKA_UNAUTHORIZED`, `TOPIC_MISCONFIGURED`, `STOPPED`, and what the deadline says. */
  async ask<T>(request: (broker: Cluster.Broker) => Promise<T>, deadline: Deadline): Promise<T> {
    for (;;) {
      try {
        this.#broker ??= await this.#find(deadline)
        return await deadline.wait(request(this.#broker))
      } catch (error) {
        this.cut()
        if (error instanceof ConnectorError) throw error
        const { topic, partition } = this.#place
        if (causeOf(error) === 'unauthorized') throw unauthorized(`reading ${topic}`, error)
        if (brokerCode(error) === 'OFFSET_OUT_OF_RANGE') {
          const text = `${topic} partition ${partition} lost records while it was read: its cleanup.policy must be compact, without delete`
          throw new ConnectorError('TOPIC_MISCONFIGURED', text, { cause: error })
        }
        deadline.remember(error)
      }
      await deadline.pause(pauseMs)
    }
  }

  /** Ends the connection at once; the next `ask` makes a new one. */
  cut(): void {
    this.#open?.cut()
    this.#open = null
    this.#broker = null
  }

  async #find(deadline: Deadline): Promise<Cluster.Broker> {
    const { topic, partition } = this.#place
    const open = this.#client.cluster()
    this.#open = open
    await deadline.wait(open.cluster.connect())
    await deadline.wait(open.cluster.addMultipleTargetTopics([topic]))
    const found = open.cluster.findTopicPartitionMetadata(topic).find(({ partitionId }) => partitionId === partition)
    if (found === undefined) {
      throw new ConnectorError(
        'TOPIC_MISCONFIGURED',
        `topic ${topic} has no partition ${partition}: it was created again with fewer; restore it`,
      )
    }
    return await deadline.wait(open.cluster.findBroker({ nodeId: found.leader }))
  }
}
