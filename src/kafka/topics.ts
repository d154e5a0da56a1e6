/**
 * Topics: present, or created as asked, with the settings we depend on. Asks for the topics by name only: kafkajs's admin refreshes the
 * metadata of the whole cluster, and then any leaderless topic of somebody else stops us. Nothing here lets a broker create a topic by itself.
 */
import type Cluster from 'kafkajs/src/cluster/index.js'
import { ConnectorError } from '../errors.ts'
import type { Clock, PartitionEnds, TopicSpec, TopicState, Topics } from '../ports.ts'
import { askCluster, askingDeadline } from './ask-cluster.ts'
import type { KafkaClient } from './client.ts'
import type { Deadline } from './deadline.ts'
import { brokerCode, causeOf, textOf } from './failures.ts'
import { endsOf } from './fetch.ts'
import { createCommand, misconfigured } from './topic-remedies.ts'
import { rightsOn } from './topic-rights.ts'

export interface TopicsOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  /** How long one call may take, in milliseconds; 30 s. */
  readonly deadlineMs?: number
}

interface Asking {
  readonly cluster: Cluster
  readonly brokers: readonly string[]
  readonly deadline: Deadline
}

const pauseMs = 250
const appearPauseMs = 50
const topicResource = 2
const createTimeoutMs = 10_000

/** Each call opens a connection of its own and tries until its deadline. */
export function createTopics(options: TopicsOptions): Topics {
  return {
    async ensure(topics, create, signal) {
      const created = new Set<string>()
      return await asking(options, 'looking at the topics', signal, async asking => {
        const states: TopicState[] = []
        for (const spec of topics) states.push(await ensureTopic(asking, spec, create, created))
        return states
      })
    },
    async rehearse(topic, signal) {
      await asking(options, 'asking whether topics may be created', signal, asking => createTopic(asking, topic, 'validate'))
    },
    async rights(topic, signal) {
      return await asking(options, `asking for the rights on ${topic}`, signal, async ({ cluster, deadline }) => {
        const broker = await deadline.wait(cluster.brokerPool.findConnectedBroker())
        return await deadline.wait(rightsOn(broker, topic))
      })
    },
    async offsets(topic, signal) {
      return await asking(options, `reading the offsets of ${topic}`, signal, asking => offsetsOf(asking, topic))
    },
    async close() {},
  }
}

async function asking<T>(
  { client, clock, deadlineMs = 30_000 }: TopicsOptions,
  doing: string,
  signal: AbortSignal,
  work: (asking: Asking) => Promise<T>,
): Promise<T> {
  const options = { client, clock, doing, deadlineMs, pauseMs }
  const deadline = askingDeadline(options, signal)
  return await askCluster(options, deadline, cluster => work({ cluster, brokers: client.brokers, deadline }))
}

async function ensureTopic(asking: Asking, spec: TopicSpec, create: boolean, created: Set<string>): Promise<TopicState> {
  let found = await describe(asking, spec.name)
  if (found === null) {
    if (!create) throw missing(asking, spec, 'does not exist and kafka.createTopics.enabled is false')
    if (await createTopic(asking, spec)) created.add(spec.name)
    while (found === null) {
      await asking.deadline.pause(appearPauseMs)
      found = await describe(asking, spec.name)
    }
    await serving(asking, spec.name)
  }
  await verifySettings(asking, spec)
  return {
    name: spec.name,
    partitions: found.partitionMetadata.length,
    replicationFactor: found.partitionMetadata[0]?.replicas.length ?? 0,
    created: created.has(spec.name),
  }
}

/** Waits until the leaders of a new topic answer: the metadata names them before they know of it, and refuse the first records. */
async function serving(asking: Asking, name: string): Promise<void> {
  for (;;) {
    try {
      await offsetsOf(asking, name)
      return
    } catch (error) {
      if (error instanceof ConnectorError || causeOf(error) === 'unauthorized') throw error
      asking.deadline.remember(error)
    }
    await asking.deadline.pause(appearPauseMs)
    await asking.deadline.wait(asking.cluster.refreshMetadata())
  }
}

/** `null` when the broker does not know the topic. */
async function describe({ cluster, deadline }: Asking, name: string): Promise<Cluster.TopicMetadata | null> {
  const broker = await deadline.wait(cluster.brokerPool.findConnectedBroker())
  try {
    const { topicMetadata } = await deadline.wait(broker.metadata([name]))
    return topicMetadata.find(({ topic }) => topic === name) ?? null
  } catch (error) {
    if (causeOf(error) === 'missing') return null
    if (brokerCode(error) !== 'INVALID_TOPIC_EXCEPTION') throw error
    throw new ConnectorError('SETTINGS_INVALID', `${name} is no valid topic name: use letters, digits, '.', '_' and '-'`, {
      cause: error,
    })
  }
}

/** False when somebody else was faster. `validate` creates nothing, but says what creating would say. */
async function createTopic(asking: Asking, spec: TopicSpec, how: 'create' | 'validate' = 'create'): Promise<boolean> {
  const { cluster, deadline } = asking
  const configEntries = Object.entries({ ...spec.config, ...spec.required }).map(([name, value]) => ({ name, value }))
  const topic = { topic: spec.name, numPartitions: spec.partitions, replicationFactor: spec.replicationFactor, configEntries }
  const request = { topics: [topic], validateOnly: how === 'validate', timeout: createTimeoutMs }
  try {
    const broker = await deadline.wait(cluster.brokerPool.findConnectedBroker())
    await deadline.wait(broker.createTopics(request).catch(error => onController(cluster, request, error)))
    return true
  } catch (error) {
    const code = brokerCode(error)
    if (code === 'TOPIC_ALREADY_EXISTS') return false
    if (error instanceof ConnectorError || code === undefined || passing.has(code)) throw error
    throw missing(asking, spec, `does not exist and Kafka refused to create it (${textOf(error)})`, error)
  }
}

const passing = new Set([
  'REQUEST_TIMED_OUT',
  'NOT_CONTROLLER',
  'BROKER_NOT_AVAILABLE',
  'THROTTLING_QUOTA_EXCEEDED',
  'NETWORK_EXCEPTION',
])

/** Brokers of a KRaft cluster pass the request on; older clusters want it sent to the controller. */
async function onController(
  cluster: Cluster,
  request: Parameters<Cluster.Broker['createTopics']>[0],
  error: unknown,
): Promise<unknown> {
  if (brokerCode(error) !== 'NOT_CONTROLLER') throw error
  await cluster.refreshMetadata()
  const controller = await cluster.findControllerBroker()
  return await controller.createTopics(request)
}

async function verifySettings({ cluster, brokers, deadline }: Asking, { name, required }: TopicSpec): Promise<void> {
  const configNames = Object.keys(required)
  if (configNames.length === 0) return
  const broker = await deadline.wait(cluster.brokerPool.findConnectedBroker())
  const { resources } = await deadline.wait(broker.describeConfigs({ resources: [{ type: topicResource, name, configNames }] }))
  const entries = resources.find(({ resourceName }) => resourceName === name)?.configEntries ?? []
  const found = new Map(entries.map(({ configName, configValue }) => [configName, configValue]))
  const wrong = Object.entries(required).filter(([setting, value]) => found.get(setting) !== value)
  if (wrong.length > 0) throw misconfigured(brokers, name, wrong, found)
}

async function offsetsOf({ cluster, deadline }: Asking, topic: string): Promise<Map<number, PartitionEnds>> {
  await deadline.wait(cluster.addMultipleTargetTopics([topic]))
  const ends = new Map<number, PartitionEnds>()
  for (const [leader, partitions] of Map.groupBy(cluster.findTopicPartitionMetadata(topic), ({ leader }) => leader)) {
    const broker = await deadline.wait(cluster.findBroker({ nodeId: leader }))
    const ids = partitions.map(({ partitionId }) => partitionId)
    for (const [partition, found] of await deadline.wait(endsOf(broker, topic, ids))) ends.set(partition, found)
  }
  return ends
}

function missing({ brokers }: Asking, spec: TopicSpec, why: string, cause?: unknown): ConnectorError {
  return new ConnectorError('TOPIC_MISSING', `topic ${spec.name} ${why}; create it with: ${createCommand(brokers, spec)}`, {
    cause,
  })
}
