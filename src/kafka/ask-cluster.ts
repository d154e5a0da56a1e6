/**
 * A question to the cluster, put on a fresh connection again and again until it is answered, is refused for good, or its time is over. Only for
 * what may be asked twice.
 */
import type Cluster from 'kafkajs/src/cluster/index.js'
import { ConnectorError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import type { KafkaClient } from './client.ts'
import { Deadline } from './deadline.ts'
import { causeOf, unauthorized, unreachable } from './failures.ts'

export interface AskOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  /** What is being done, for messages: `reading the offsets of events`. */
  readonly doing: string
  /** For all attempts together, in milliseconds. */
  readonly deadlineMs: number
  readonly pauseMs: number
}

/** A deadline for one question or several; at its end `KAFKA_UNREACHABLE`, unless the newest failure was that the topic is not there. */
export function askingDeadline({ client, clock, doing, deadlineMs }: AskOptions, signal: AbortSignal): Deadline {
  const late = (cause: unknown) =>
    causeOf(cause) === 'missing'
      ? new ConnectorError('TOPIC_MISSING', `${doing}: the topic does not exist`, { cause })
      : unreachable(doing, client.brokers, deadlineMs, cause)
  return new Deadline({ clock, ms: deadlineMs, signal, late })
}

/** `work` gets a connected cluster. Throws what the deadline says, `KAFKA_UNAUTHORIZED`, `STOPPED`, and every coded error of `work`. */
export async function askCluster<T>(
  { client, doing, pauseMs }: AskOptions,
  deadline: Deadline,
  work: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  for (;;) {
    const { cluster, cut } = client.cluster()
    try {
      await deadline.wait(cluster.connect())
      return await work(cluster)
    } catch (error) {
      if (error instanceof ConnectorError) throw error
      if (causeOf(error) === 'unauthorized') throw unauthorized(doing, error)
      deadline.remember(error)
    } finally {
      cut()
    }
    await deadline.pause(pauseMs)
  }
}
