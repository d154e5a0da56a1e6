/**
 * A batch on its way into kafkajs, checked first: what is wrong with it is our bug and must not cost the producer. And grouped by partition
 * first, because kafkajs copies a partition's whole list for each of its messages (measured: a second for 20,000).
 */
import { ConnectorError } from '../errors.ts'
import type { Message, TransactionBatch } from '../ports.ts'

export interface Outgoing {
  readonly topic: string
  readonly messages: Message[]
}

/** Throws `BUG` for a partition that is no partition, a missing key, a value that is neither bytes nor null, or a time that is none. */
export function outgoing(batch: TransactionBatch): { readonly checkpoint: Outgoing; readonly rest: Outgoing[] } {
  const rest = new Map<string, Message[]>()
  for (const { topic, messages } of batch.rest) {
    if (messages.length === 0) continue
    const known = rest.get(topic) ?? []
    for (const message of messages) known.push(checked(topic, message))
    rest.set(topic, known)
  }
  const { topic, message } = batch.checkpoint
  return {
    checkpoint: { topic, messages: grouped([checked(topic, message)]) },
    rest: [...rest].map(([topic, messages]) => ({ topic, messages: grouped(messages) })),
  }
}

/** kafkajs groups a list by calling its `reduce`, once, and for nothing else: this list answers with the groups it already has. */
function grouped(messages: Message[]): Message[] {
  const groups: Record<number, Message[]> = {}
  for (const message of messages) {
    const group = groups[message.partition]
    if (group === undefined) groups[message.partition] = [message]
    else group.push(message)
  }
  return Object.defineProperty(messages, 'reduce', { value: () => groups })
}

/** Far enough for any clock, and within what the wire format and a number can hold exactly. */
const latestMs = 1e14

function checked(topic: string, message: Message): Message {
  const { partition, key, value, timestampMs } = message
  if (!Number.isInteger(partition) || partition < 0)
    throw new ConnectorError('BUG', `a message for ${topic} has no valid partition: ${partition}`)
  // A compacted topic takes no record without a key.
  if (typeof key !== 'string' && !Buffer.isBuffer(key)) throw new ConnectorError('BUG', `a message for ${topic} has no key`)
  if (value !== null && !Buffer.isBuffer(value))
    throw new ConnectorError('BUG', `a message for ${topic} has neither bytes nor a tombstone`)
  if (!Number.isInteger(timestampMs) || timestampMs < 0 || timestampMs > latestMs) {
    throw new ConnectorError('BUG', `a message for ${topic} has no valid time: ${timestampMs}`)
  }
  return message
}
