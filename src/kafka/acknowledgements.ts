/**
 * Counts what was sent against what the brokers acknowledged. kafkajs drops a partition that is not in its metadata and resolves without it
 * (measured: `[]`), so a resolved send proves nothing by itself.
 */
import { ConnectorError } from '../errors.ts'
import type { WrittenOffsets } from '../ports.ts'

/** Messages for one topic, each with its partition. */
export interface TopicMessages {
  readonly topic: string
  readonly messages: readonly { readonly partition: number }[]
}

/** One partition's answer to a produce request, as kafkajs resolves it. */
export interface Acknowledgement {
  readonly topicName: string
  readonly partition: number
  readonly errorCode: number
  readonly baseOffset?: string
}

/** The last offset per topic and partition of one send; throws unless the answers cover exactly what was sent. */
export function acknowledged(
  sent: readonly TopicMessages[],
  answers: readonly Acknowledgement[],
): Map<string, Map<number, bigint>> {
  const written = new Map<string, Map<number, bigint>>()
  const counts = countsOf(sent)
  for (const { topicName, partition, errorCode, baseOffset } of answers) {
    const count = counts.get(topicName)?.get(partition)
    const known = written.get(topicName) ?? new Map<number, bigint>()
    const base = baseOffset === undefined ? -1n : BigInt(baseOffset)
    if (count === undefined || known.has(partition) || errorCode !== 0 || base < 0n) {
      throw new ConnectorError(
        'COMMIT_UNKNOWN',
        `${topicName} partition ${partition}: an answer that fits nothing sent (error code ${errorCode})`,
      )
    }
    written.set(topicName, known.set(partition, base + BigInt(count) - 1n))
  }
  for (const [topic, partitions] of counts) {
    for (const partition of partitions.keys()) {
      if (written.get(topic)?.has(partition)) continue
      throw new ConnectorError(
        'TOPIC_MISCONFIGURED',
        `topic ${topic} has no partition ${partition} any more, nothing was committed: it was created again with fewer partitions; restore it`,
      )
    }
  }
  return written
}

/** The newer of both per topic and partition. */
export function mergeOffsets(first: WrittenOffsets, second: WrittenOffsets): WrittenOffsets {
  const merged = new Map([...first].map(([topic, offsets]) => [topic, new Map(offsets)]))
  for (const [topic, offsets] of second) merged.set(topic, new Map([...(merged.get(topic) ?? []), ...offsets]))
  return merged
}

function countsOf(sent: readonly TopicMessages[]): Map<string, Map<number, number>> {
  const counts = new Map<string, Map<number, number>>()
  for (const { topic, messages } of sent) {
    const partitions = counts.get(topic) ?? new Map<number, number>()
    for (const { partition } of messages) partitions.set(partition, (partitions.get(partition) ?? 0) + 1)
    counts.set(topic, partitions)
  }
  return counts
}
