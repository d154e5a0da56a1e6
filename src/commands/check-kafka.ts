/** What `check` asks of Kafka: whether it answers, what the three topics are like, whether transactions work. Creates and alters nothing. */
import { codeOf } from '../errors.ts'
import type { KafkaClient } from '../kafka/client.ts'
import { lookAtGroup, type SeenMember } from '../kafka/group-look.ts'
import { checkTransactions } from '../kafka/transaction-check.ts'
import type { TopicRight, TopicSpec, Topics } from '../ports.ts'
import type { Settings } from '../settings.ts'
import { clock } from '../wiring.ts'
import { type Check, failed, type Outcome, ok, warning } from './checklist.ts'
import { counted } from './table.ts'
import { topicSpecs } from './topic-specs.ts'

const SAFE_REPLICAS = 3
/** For each question, retries included: as long as the client library needs to say why it could not connect. */
export const KAFKA_DEADLINE_MS = 20_000
const OUTPUT_RIGHTS = { write: 'Write', describe: 'Describe' }
const LEDGER_RIGHTS = { ...OUTPUT_RIGHTS, read: 'Read', describe_configs: 'DescribeConfigs' }

export function kafkaChecks(settings: Settings, client: KafkaClient, topics: Topics): Check[] {
  const { name, kafka } = settings
  const found = new Set<string>()
  const specs = topicSpecs(settings)
  const reach = async (signal: AbortSignal) => {
    await topics.ensure([], false, signal)
    return ok(`answers at ${kafka.brokers.join(', ')}`)
  }
  const looking = { topics, found, mayCreate: kafka.createTopics.enabled }
  const topicChecks = specs.map((spec): Check => {
    const needed = spec.name === kafka.topics.ledger ? LEDGER_RIGHTS : OUTPUT_RIGHTS
    const run = (signal: AbortSignal) => topicAsItIs(spec, { ...looking, needed }, signal)
    return { name: `topic ${spec.name}`, needs: ['kafka'], run }
  })
  const transactions = async (signal: AbortSignal) => {
    const ledger = kafka.topics.ledger
    const transactionalId = `${name}-check`
    const place = found.has(ledger) ? { topic: ledger, partition: 0 } : null
    await checkTransactions({ client, clock, transactionalId, place }, signal)
    const written =
      place === null ? 'opened; writing not tried without a ledger topic' : `opened, may write to ${ledger}, aborted`
    return ok(`${transactionalId}: ${written}`)
  }
  const group = async (signal: AbortSignal) => {
    const looking = { client, clock, group: name, topic: kafka.topics.ledger, deadlineMs: KAFKA_DEADLINE_MS }
    return ok(ownersText(name, await lookAtGroup(looking, signal)))
  }
  return [
    { name: 'kafka', run: reach },
    ...topicChecks,
    { name: 'group', needs: ['kafka'], run: group },
    { name: 'transactions', needs: ['kafka'], after: topicChecks.map(check => check.name), run: transactions },
  ]
}

/** Who runs at the moment. */
function ownersText(group: string, members: readonly SeenMember[]): string {
  if (members.length === 0) return `nobody is a member of ${group}; we may join it`
  const owners = members.filter(({ owned }) => owned.length > 0).map(({ host }) => host)
  const instances = `${counted(members.length, 'instance')} of ${group} ${members.length === 1 ? 'is' : 'are'} running`
  return owners.length === 0 ? instances : `${instances}; accounts are owned by ${owners.join(', ')}`
}

interface Looking {
  readonly topics: Topics
  readonly mayCreate: boolean
  /** With the names that `kafka-acls.sh` gives them. */
  readonly needed: Readonly<Partial<Record<TopicRight, string>>>
  /** Receives the names of topics that are as they should be: no other is touched. */
  readonly found: Set<string>
}

async function topicAsItIs(spec: TopicSpec, looking: Looking, signal: AbortSignal): Promise<Outcome> {
  const { topics, mayCreate, needed, found } = looking
  try {
    const [state] = await topics.ensure([spec], false, signal)
    const rights: ReadonlySet<string> = await topics.rights(spec.name, signal)
    const missing = Object.entries(needed).flatMap(([right, name]) => (rights.has(right) ? [] : [name]))
    if (missing.length > 0) return notAllowed(spec.name, missing)
    found.add(spec.name)
    const { partitions = 0, replicationFactor = 0 } = state ?? {}
    const like = `${counted(partitions, 'partition')}, ${counted(replicationFactor, 'replica')}`
    if (replicationFactor >= SAFE_REPLICAS) return ok(like)
    const keep = replicationFactor === 1 ? 'that broker keeps its disk' : 'those brokers keep their disks'
    return warning(
      `${like}: exactly once holds only as long as ${keep}`,
      `give it ${SAFE_REPLICAS} replicas and min.insync.replicas=2`,
    )
  } catch (error) {
    if (codeOf(error) !== 'TOPIC_MISSING' || !mayCreate) throw error
  }
  await topics.rehearse(spec, signal)
  return ok(`does not exist yet; run will create it with ${counted(spec.partitions, 'partition')}`)
}

function notAllowed(topic: string, missing: readonly string[]): Outcome {
  const operations = missing.map(name => ` --operation ${name}`).join('')
  return failed(`Kafka does not allow us ${missing.join(', ')}`, `allow it: kafka-acls.sh --add --topic ${topic}${operations}`)
}
