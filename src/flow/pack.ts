/**
 * Packs news into chunks that fit one transaction: a record and the memory of it always travel in the same chunk. A record that cannot be
 * encoded, or is too large for any broker, becomes a dead letter here; nothing is dropped.
 */
import type { BadRow, CallLogEvent } from '../model/call-log.ts'
import { contentHash } from '../model/fingerprint.ts'
import { wasRead } from '../model/lateness.ts'
import type { NumberProtection } from '../model/number-protection.ts'
import { partitionOf } from '../model/partition.ts'
import type { News, SeenIndex, SiftContext, Sifted } from '../model/sift.ts'
import type { Encoder, Message } from '../ports.ts'
import { MOST_BYTES_PER_PARTITION, OpenChunk, type Outgoing, type Packed } from './chunk.ts'
import { deadLetterOf, deadLetterValue } from './dead-letter.ts'

export interface Output {
  readonly topic: string
  readonly partitions: number
}

export interface PackOptions {
  readonly account: string
  /** What the source did to the numbers of every call. */
  readonly numbers: NumberProtection
  readonly events: Output
  readonly deadLetters: Output
  /** The Kafka key of a call: its id, with the account before it when several accounts share a topic. */
  readonly keyOf: (callId: string) => string
}

const LARGEST_VALUE_BYTES = MOST_BYTES_PER_PARTITION / 2

export class Packer {
  private readonly encoder: Encoder
  private readonly options: PackOptions
  private open = new OpenChunk()

  constructor(encoder: Encoder, options: PackOptions) {
    this.encoder = encoder
    this.options = options
  }

  /** Takes in what was sifted by `seen`, which is told what could not be published; yields each chunk that became full. */
  *add(found: Sifted, seen: Pick<SeenIndex, 'refuse'>): Generator<Packed, void, void> {
    this.open.count(found)
    for (const news of found.news) {
      const outgoing = this.outgoingOf(news, found.context)
      const isRefused = news.event !== undefined && outgoing?.event === undefined
      if (!this.open.fits(outgoing)) yield this.take()
      this.open.put(isRefused ? seen.refuse(news.entry) : news.entry, outgoing)
      if (isRefused && outgoing === null) this.open.countRebased()
    }
  }

  /** What is left, even when it is nothing: the last chunk of a window carries its coverage. */
  take(): Packed {
    const packed = this.open.close()
    this.open = new OpenChunk()
    return packed
  }

  private outgoingOf(news: News, context: SiftContext): Outgoing | null {
    if (news.deadLetter !== undefined) return this.deadLetter(news.deadLetter.bad, contentHash(news.deadLetter.print), context)
    if (news.event === undefined) return null
    const outgoing = this.event(news.event, context)
    return news.isRetry === true && outgoing.event === undefined ? null : outgoing
  }

  private event(sifted: CallLogEvent, context: SiftContext): Outgoing {
    const { account, numbers, events, keyOf } = this.options
    // In place: a copy of each event would cost more than the encoding of it.
    const event = Object.assign(sifted, numbers)
    let value: Buffer
    try {
      value = this.encoder.encode(event)
    } catch (error) {
      return this.deadLetter(deadLetterOf(event, 'unencodable', error), event.content_hash, context)
    }
    if (value.length > LARGEST_VALUE_BYTES)
      return this.deadLetter(deadLetterOf(event, 'too_large', null), event.content_hash, context)
    const key = keyOf(event.call_id)
    const headers = { account, change: event.change_type, revision: String(event.revision) }
    const message = { partition: partitionOf(key, events.partitions), key, value, headers, timestampMs: event.observed_at }
    const isLate = context.books !== undefined && wasRead(context.books, event.start_time ?? event.event_time)
    return { topic: events.topic, message, bytes: bytesOf(message), event, isLate }
  }

  private deadLetter(bad: BadRow, contentHash: string, context: SiftContext): Outgoing {
    const { topic, partitions } = this.options.deadLetters
    const key = bad.callId ?? contentHash
    const { value, headers } = deadLetterValue(bad, context)
    const message = { partition: partitionOf(key, partitions), key, value, headers, timestampMs: context.observedAtMs }
    return { topic, message, bytes: bytesOf(message), reason: bad.reason }
  }
}

/** What framing adds to a record and to each of its headers, generously. */
const FRAMING_BYTES = 40
const HEADER_FRAMING_BYTES = 8

/** A record's size in its batch, at least: texts are taken at three bytes a character where they may hold any. */
function bytesOf({ key, value, headers = {} }: Message): number {
  const texts = Object.entries(headers).reduce(
    (sum, [name, text]) => sum + name.length + 3 * text.length + HEADER_FRAMING_BYTES,
    0,
  )
  return (value?.length ?? 0) + 3 * key.length + texts + FRAMING_BYTES
}
