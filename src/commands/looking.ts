/**
 * What `audit` and `explain` look at Kafka with. Nothing here opens a transactional id, joins a group, or creates or alters anything: a running owner
 * does not notice.
 */
import { createDecoder } from '../avro/decoder.ts'
import { ConnectorError, codeOf } from '../errors.ts'
import type { OutputTopics } from '../flow/audit-topic-scan.ts'
import { createLedgerReader } from '../kafka/ledger-reader.ts'
import { createTopicScanner } from '../kafka/topic-scanner.ts'
import { identityFrom } from '../ledger/identity.ts'
import { createLedgerView } from '../ledger/view.ts'
import type { LedgerView } from '../looking-ports.ts'
import { partitionOf } from '../model/partition.ts'
import type { TopicSpec, TopicState, Topics } from '../ports.ts'
import type { AccountSettings, Settings } from '../settings.ts'
import { createLog } from '../telemetry/log.ts'
import { clock, createClient, createTopicsOf, partitionsOf, registryOf, rulesOf } from '../wiring.ts'
import { topicSpecs } from './topic-specs.ts'

export interface Looking {
  readonly ledgerOf: (account: AccountSettings) => LedgerView
  readonly output: OutputTopics
  close(): Promise<void>
}

/** `what` says whether the output topics are looked at too. Throws `TOPIC_MISSING`, `TOPIC_MISCONFIGURED`, `KAFKA_…`, `STOPPED`. */
export async function openLooking(settings: Settings, what: 'ledger' | 'topics', signal: AbortSignal): Promise<Looking> {
  const client = createClient(settings, createLog({ ...settings.log, level: 'silent', secrets: [] }))
  const topics = createTopicsOf(client)
  const [events, deadLetters, ledger] = topicSpecs(settings)
  try {
    const states = await existing(topics, what === 'ledger' ? [ledger] : [events, deadLetters, ledger], signal)
    const isCompacted = what === 'topics' && (await mayDropVersions(topics, events, signal))
    const scanner = createTopicScanner({ client, clock })
    const output = (name: string) => ({ topic: name, partitions: partitionsOf(states, name) })
    return {
      ledgerOf: account => viewOf(settings, account, client, partitionsOf(states, ledger.name)),
      output: {
        topics,
        scanner,
        decoder: createDecoder(registryOf(settings), clock),
        events: output(events.name),
        deadLetters: output(deadLetters.name),
        isCompacted,
      },
      close: () => topics.close(),
    }
  } catch (error) {
    await topics.close()
    throw error
  }
}

function viewOf(
  settings: Settings,
  account: AccountSettings,
  client: ReturnType<typeof createClient>,
  ledgerPartitions: number,
): LedgerView {
  // Only `peek` is used, which waits for nobody.
  const reader = createLedgerReader({ client, clock, blockedMs: 0 })
  return createLedgerView(
    { reader, clock },
    {
      identity: identityFrom(settings, account, ledgerPartitions),
      partition: partitionOf(account.id, ledgerPartitions),
      maxSeen: settings.records.maxSeen,
      rules: rulesOf(settings, account),
    },
  )
}

async function existing(topics: Topics, specs: readonly TopicSpec[], signal: AbortSignal): Promise<TopicState[]> {
  try {
    return await topics.ensure(specs, false, signal)
  } catch (error) {
    if (codeOf(error) !== 'TOPIC_MISSING') throw error
    const names = specs.map(({ name }) => name).join(', ')
    const text = `not all of ${names} exist: no run has published under this name yet, or kafka.topics and kafka.brokers name other ones`
    throw new ConnectorError('TOPIC_MISSING', text, { cause: error })
  }
}

/** Whether the topic is compacted, which takes older versions of a call away; where nobody lets us ask, it is taken for the usual kind. */
async function mayDropVersions(topics: Topics, events: TopicSpec, signal: AbortSignal): Promise<boolean> {
  try {
    await topics.ensure([{ ...events, required: { 'cleanup.policy': 'delete' } }], false, signal)
    return false
  } catch (error) {
    if (codeOf(error) === 'TOPIC_MISCONFIGURED') return true
    if (codeOf(error) === 'KAFKA_UNAUTHORIZED') return false
    throw error
  }
}

/** The account named, or all of them. Throws `ARGUMENTS_INVALID`. */
export function accountsIn({ accounts }: Settings, id: string | undefined): readonly AccountSettings[] {
  const found = accounts.filter(account => id === undefined || account.id === id)
  if (found.length > 0) return found
  const ids = accounts.map(account => account.id).join(', ')
  throw new ConnectorError('ARGUMENTS_INVALID', `--account: "${id}" is not in the settings: ${ids}`)
}
