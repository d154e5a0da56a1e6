/**
 * One transaction's worth of news while it fills. The bounds keep a transaction far below its timeout and every batch below the broker's
 * default message limit of 1 MiB; the counts become metrics only once the chunk is committed.
 */
import type { CallLogEvent } from '../model/call-log.ts'
import type { Sample } from '../model/lateness.ts'
import type { Sifted, StoredEntry } from '../model/sift.ts'
import type { Chunk, CommitSummary, Message } from '../ports.ts'

export const MOST_RECORDS_PER_PARTITION = 2_000
export const MOST_BYTES_PER_PARTITION = 900_000
/** 44 bytes each in one ledger record, so the same limit. */
const MOST_ENTRIES = 16_000

/** One record on its way, with what the counters need to know of it. */
export interface Outgoing {
  readonly topic: string
  readonly message: Message
  readonly bytes: number
  readonly event?: CallLogEvent
  /** An earlier complete read of its slot did not show this call. */
  readonly isLate?: boolean
  /** Why it is a dead letter. */
  readonly reason?: string
}

/** A closed chunk with what it will have done once it is committed. */
export interface Packed {
  readonly chunk: Chunk
  readonly summary: CommitSummary
  /** How late its calls were. */
  readonly samples: readonly Sample[]
}

interface Load {
  records: number
  bytes: number
}

export class OpenChunk {
  private readonly messages = new Map<string, Message[]>()
  private readonly loads = new Map<string, Load[]>()
  private readonly entries: StoredEntry[] = []
  private readonly lateness: number[] = []
  private readonly samples: Sample[] = []
  private readonly changeDelay: number[] = []
  private readonly changedFields: Record<string, number> = {}
  private readonly deadLetters: Record<string, number> = {}
  private counts = { rows: 0, repeats: 0, rebased: 0, suppressed: 0, created: 0, updated: 0 }

  count(found: Sifted): void {
    this.counts.rows += found.rows
    this.counts.repeats += found.repeats
    this.counts.rebased += found.rebased
    this.counts.suppressed += found.suppressed
  }

  /** A dead letter that new rules could not publish either. */
  countRebased(): void {
    this.counts.rebased += 1
  }

  fits(outgoing: Outgoing | null): boolean {
    if (this.entries.length >= MOST_ENTRIES) return false
    if (outgoing === null) return true
    const load = this.loads.get(outgoing.topic)?.[outgoing.message.partition]
    return (
      load === undefined || (load.records < MOST_RECORDS_PER_PARTITION && load.bytes + outgoing.bytes <= MOST_BYTES_PER_PARTITION)
    )
  }

  put(entry: StoredEntry, outgoing: Outgoing | null): void {
    this.entries.push(entry)
    if (outgoing === null) return
    const { topic, message, bytes, event, reason, isLate = false } = outgoing
    let messages = this.messages.get(topic)
    let loads = this.loads.get(topic)
    if (messages === undefined || loads === undefined) {
      messages = []
      loads = []
      this.messages.set(topic, messages)
      this.loads.set(topic, loads)
    }
    messages.push(message)
    let load = loads[message.partition]
    if (load === undefined) {
      load = { records: 0, bytes: 0 }
      loads[message.partition] = load
    }
    load.records += 1
    load.bytes += bytes
    if (reason !== undefined) this.deadLetters[reason] = (this.deadLetters[reason] ?? 0) + 1
    else if (event !== undefined) this.countEvent(event, isLate)
  }

  close(): Packed {
    const rest = [...this.messages].map(([topic, messages]) => ({ topic, messages }))
    const { lateness, changeDelay, changedFields, deadLetters, samples } = this
    return {
      chunk: { rest, entries: this.entries },
      summary: { ...this.counts, deadLetters, latenessMs: lateness, changeDelayMs: changeDelay, changedFields },
      samples,
    }
  }

  private countEvent(event: CallLogEvent, isLate: boolean): void {
    const isNew = event.change_type === 'CREATED'
    const endMs = event.end_time ?? event.start_time
    if (endMs !== null) {
      const ageMs = Math.max(0, event.observed_at - endMs)
      const reachMs = Math.max(0, event.observed_at - (event.start_time ?? endMs))
      const kind = !isNew ? 'changed' : isLate ? 'late' : 'new'
      this.samples.push({ kind, ageMs, reachMs, readBy: event.read_by })
      if (isNew) this.lateness.push(ageMs)
    }
    if (isNew) {
      this.counts.created += 1
      return
    }
    this.counts.updated += 1
    this.changeDelay.push(Math.max(0, event.observed_at - event.first_seen_at))
    for (const field of event.changed_fields) this.changedFields[field] = (this.changedFields[field] ?? 0) + 1
  }
}
