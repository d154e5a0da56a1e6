/**
 * Where a topic ends, for a reader of committed records. A commit is acknowledged before its markers are written, so the
 * last stable offset may lag behind what a producer was just promised; asking only for it would miss those records.
 */
import kafkajs from 'kafkajs'
import type { Reach } from './platform.ts'
import { until } from './until.ts'

const { Kafka, logLevel } = kafkajs

/** By partition, the offset after its last record; partitions that hold nothing are left out. */
export type Ends = ReadonlyMap<number, number>

export interface TopicEnds {
  /**
   * The ends as of the call. Transactions that are being ended are waited for; one that is still open after `openMs` bounds
   * its partitions, as it does for every reader of committed records.
   */
  ends(topic: string, openMs: number): Promise<Ends>
  /** Whether a group has committed up to these ends. */
  hasRead(group: string, topic: string, ends: Ends): Promise<boolean>
}

/** Asks the cluster through a connection that lasts as long as `use`. */
export async function withTopicEnds<T>(platform: Reach, use: (topicEnds: TopicEnds) => Promise<T>): Promise<T> {
  const options = { brokers: [...platform.brokers], clientId: 'judge', logLevel: logLevel.NOTHING }
  const stable = new Kafka(options).admin()
  const written = readingUncommitted(new Kafka(options)).admin()
  await Promise.all([stable.connect(), written.connect()])
  try {
    return await use({
      async ends(topic, openMs) {
        const goal = await offsets(written, topic)
        const reached = async () => {
          const now = await offsets(stable, topic)
          return [...goal].every(([partition, end]) => (now.get(partition) ?? 0) >= end) ? goal : undefined
        }
        return until({ what: `no transaction is open in ${topic}`, deadlineMs: openMs, everyMs: 20 }, reached).catch(() =>
          offsets(stable, topic),
        )
      },
      async hasRead(group, topic, ends) {
        const [of] = await stable.fetchOffsets({ groupId: group, topics: [topic] })
        const at = new Map(of?.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
        return [...ends].every(([partition, end]) => (at.get(partition) ?? -1) >= end)
      },
    })
  } finally {
    await Promise.all([stable.disconnect(), written.disconnect()])
  }
}

async function offsets(admin: kafkajs.Admin, topic: string): Promise<Ends> {
  const listed = await admin.fetchTopicOffsets(topic)
  return new Map(
    listed.filter(({ low, high }) => Number(high) > Number(low)).map(({ partition, high }) => [partition, Number(high)]),
  )
}

/** An admin of kafkajs lists offsets in read_committed and offers no choice; its inner cluster does (0: read_uncommitted). */
function readingUncommitted(kafka: kafkajs.Kafka): kafkajs.Kafka {
  const inner = kafka as unknown as Record<symbol, (options: object) => unknown>
  const name = Object.getOwnPropertySymbols(kafka).find(symbol => symbol.description === 'private:Kafka:createCluster')
  const createCluster = name === undefined ? undefined : inner[name]
  if (name === undefined || createCluster === undefined)
    throw new Error('kafkajs is not the version whose inner parts this knows')
  inner[name] = options => createCluster({ ...options, isolationLevel: 0 })
  return kafka
}
