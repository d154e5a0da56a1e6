/**
 * Whether transactions would work, without writing a record: a transaction is opened under an id of its own, a partition joins it, and it is
 * aborted. That proves the right on transactional ids and the right to write to the topic, and that the partition takes writes, because the
 * coordinator ends the transaction with a marker there. A partition that has only joined has no open records, so its last stable offset
 * does not move back and no reader waits, not even when this process dies halfway.
 */
import type Cluster from 'kafkajs/src/cluster/index.js'
import type { Clock } from '../ports.ts'
import { askCluster, askingDeadline } from './ask-cluster.ts'
import type { KafkaClient } from './client.ts'
import { Deadline } from './deadline.ts'
import { endsOf, type Place } from './fetch.ts'
import { PartitionLeader } from './partition-leader.ts'

export interface TransactionCheckOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly transactionalId: string
  /** Joins the transaction; `null` while no topic exists: then only the id is opened. */
  readonly place: Place | null
  /** For everything together, in milliseconds; 20 s. */
  readonly deadlineMs?: number
}

const transactionCoordinator = 1
const pauseMs = 100
/** When the coordinator gives up what a dead check left behind. */
const transactionTimeoutMs = 10_000
const partingMs = 5_000

/**
 * Resolves when the transaction was aborted and its marker written. Fences an older check of the same id and nobody else. Throws
 * `KAFKA_UNREACHABLE` at the deadline, `KAFKA_UNAUTHORIZED`, `TOPIC_MISSING`, `TOPIC_MISCONFIGURED`, `STOPPED`; then too nothing stays open.
 */
export async function checkTransactions(options: TransactionCheckOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, transactionalId, place, deadlineMs = 20_000 } = options
  const asking = { client, clock, doing: `trying a transaction of ${transactionalId}`, deadlineMs, pauseMs }
  const deadline = askingDeadline(asking, signal)
  const before = place === null ? 0n : await highOf(options, place, deadline)
  // Opened again, the id is fenced and whatever an attempt before left open is aborted.
  await askCluster(asking, deadline, cluster => openAndAbort(cluster, options, deadline))
  if (place === null) return
  deadline.remember(new Error(`${place.topic} partition ${place.partition} takes no writes: too few replicas in sync?`))
  while ((await highOf(options, place, deadline)) <= before) await deadline.pause(pauseMs)
}

async function openAndAbort(cluster: Cluster, options: TransactionCheckOptions, deadline: Deadline): Promise<void> {
  const { clock, transactionalId, place } = options
  await deadline.wait(place === null ? cluster.refreshMetadata() : cluster.addMultipleTargetTopics([place.topic]))
  const asked = { groupId: transactionalId, coordinatorType: transactionCoordinator }
  const coordinator = await deadline.wait(cluster.findGroupCoordinator(asked))
  const opened = coordinator.initProducerId({ transactionalId, transactionTimeout: transactionTimeoutMs })
  const { producerId, producerEpoch } = await deadline.wait(opened)
  if (place === null) return
  const ours = { transactionalId, producerId, producerEpoch }
  const late = (cause: unknown) => new Error('the transaction was not aborted in time', { cause })
  // Not to be stopped between joining and aborting.
  const unstoppable = new Deadline({ clock, ms: partingMs, signal: new AbortController().signal, late })
  const topics = [{ topic: place.topic, partitions: [place.partition] }]
  await unstoppable.wait(coordinator.addPartitionsToTxn({ ...ours, topics }))
  await unstoppable.wait(coordinator.endTxn({ ...ours, transactionResult: false }))
}

async function highOf({ client }: TransactionCheckOptions, place: Place, deadline: Deadline): Promise<bigint> {
  const leader = new PartitionLeader(client, place)
  try {
    const ends = await leader.ask(broker => endsOf(broker, place.topic, [place.partition]), deadline)
    return ends.get(place.partition)?.high ?? 0n
  } finally {
    leader.cut()
  }
}
