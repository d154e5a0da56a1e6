/** What the connector's topics must be, for whoever creates them or looks at them. */
import type { TopicSpec } from '../ports.ts'
import type { Settings } from '../settings.ts'

/** Partitions of a ledger topic that we create: as many instances can share the accounts of one connector, for ever. */
const LEDGER_PARTITIONS = 8

/** The three topics, as they should be when we have to create them: events, dead letters, ledger. */
export function topicSpecs({ kafka }: Settings): readonly [TopicSpec, TopicSpec, TopicSpec] {
  const {
    topics,
    createTopics: { partitions, replicationFactor, config },
  } = kafka
  const plain = { partitions, replicationFactor, config, required: {} }
  const compact = { 'cleanup.policy': 'compact' }
  return [
    { name: topics.events, ...plain },
    { name: topics.deadLetters, ...plain },
    {
      name: topics.ledger,
      partitions: LEDGER_PARTITIONS,
      replicationFactor,
      config: { ...compact, 'min.cleanable.dirty.ratio': '0.1', 'segment.ms': '21600000', 'segment.bytes': '67108864' },
      required: compact,
    },
  ]
}
