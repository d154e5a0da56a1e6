/** A cluster of the tests' own, to be killed, frozen and turned over, with the adapters on it. */
import type { LedgerReader } from '../../src/ports.ts'
import { adaptersOn } from '../kafka/real-kafka.ts'
import { api } from '../support/broker-proxy.ts'
import { type BrokerHandle, startOwnPlatform } from '../support/platform/platform.ts'
import { until } from '../support/platform/until.ts'
import { type KafkaBehindProxy, kafkaBehindProxy } from './kafka-under-test.ts'

export interface OwnKafka extends KafkaBehindProxy {
  /** Waits for what a killed broker has still to end. */
  readonly patientReader: LedgerReader
  /** Counted from 1. */
  broker(id: number): BrokerHandle
  /** Resolves when every replica of these topics and of the transaction log is in sync again. */
  untilWhole(topics: readonly string[]): Promise<void>
  /** The replicas in sync, partition by partition. */
  inSync(topic: string): Promise<number[][]>
  /** Who leads a partition. */
  leader(topic: string, partition: number): Promise<number>
  /** Lets these brokers alone hold a partition, and resolves when one of them leads it. */
  move(topic: string, partition: number, replicas: number[]): Promise<void>
}

export const transactionLog = '__transaction_state'

/** For a test that kills a broker, which must come back and catch up, on a machine that does other things, too. */
export const BROKEN_MS = 240_000
/** As the connector waits: a broker that was killed after a decision writes its markers when it is back, and on a busy machine that takes a while. */
const BLOCKED_MS = 120_000

/** Ends with `close`. */
export async function ownKafka(brokers: 1 | 3): Promise<OwnKafka> {
  const platform = await startOwnPlatform({ brokers, log: line => process.stderr.write(`[own platform] ${line}\n`) })
  const kafka = await kafkaBehindProxy(platform)
  const partitions = async (topic: string) => {
    const { topics } = await kafka.admin(admin => admin.fetchTopicMetadata({ topics: [topic] }))
    return topics.flatMap(found => found.partitions)
  }
  const leader = async (topic: string, partition: number) =>
    (await partitions(topic)).find(({ partitionId }) => partitionId === partition)?.leader ?? -1
  return {
    ...kafka,
    patientReader: adaptersOn(platform.brokers, BLOCKED_MS).reader,
    broker: id => platform.broker(id),
    leader,
    inSync: async topic => (await partitions(topic)).map(({ isr }) => isr),
    async untilWhole(topics) {
      await until({ what: 'every replica is in sync', deadlineMs: 110_000 }, async () => {
        const found = (await Promise.all([...topics, transactionLog].map(partitions))).flat()
        return found.every(({ isr, replicas }) => isr.length === replicas.length) ? true : undefined
      })
    },
    async move(topic, partition, replicas) {
      await kafka.admin(admin =>
        admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment: [{ partition, replicas }] }] }),
      )
      await until({ what: `${topic} ${partition} has moved to ${replicas}`, deadlineMs: 30_000 }, async () => {
        const found = (await partitions(topic)).find(({ partitionId }) => partitionId === partition)
        const isThere = found?.replicas.length === replicas.length && replicas.includes(found.leader)
        return isThere ? true : undefined
      })
    },
    async close() {
      await kafka.close()
      await platform.stop()
    },
  }
}

/** Requests of a commit at which a broker can be stopped, and whether the broker still hears them. */
export const moments = [
  ['the first AddPartitions', api.addPartitions, 'holdRequest', 0, 'nothing'],
  ['the first Produce', api.produce, 'holdRequest', 0, 'nothing'],
  ['the second Produce', api.produce, 'holdRequest', 1, 'nothing'],
  ['EndTxn', api.endTxn, 'holdRequest', 0, 'nothing'],
  ['the answer to EndTxn', api.endTxn, 'holdAnswer', 0, 'all'],
] as const
