/**
 * What the commands that look at a connector from outside ask of the world. Nothing behind these ports fences, joins, commits or writes, so whoever is
 * looked at does not notice.
 */
import type { CallLogEvent } from './model/call-log.ts'
import type { Coverage } from './model/coverage.ts'
import type { SeenIndex } from './model/sift.ts'

/** A committed record of any topic, as it lies there. */
export interface ScannedRecord {
  readonly offset: bigint
  readonly timestampMs: number
  readonly key: Buffer | null
  /** `null` for a tombstone. */
  readonly value: Buffer | null
  readonly headers?: Readonly<Record<string, string>>
}

export interface OffsetRange {
  readonly from: bigint
  readonly until: bigint
}

export interface TopicScanner {
  /**
   * Every committed record of one partition in `[from, until)`, in order, some at a time; `until` is at most the last stable offset. Joins no group and
   * commits no offset. What retention deletes meanwhile is left out. Throws `KAFKA_…`, `TOPIC_…`, `STOPPED`. The consumer may stop early.
   */
  scan(topic: string, partition: number, range: OffsetRange, signal: AbortSignal): AsyncIterable<readonly ScannedRecord[]>
}

/** What a value holds, or why nobody can tell: one sentence without anything of the value in it. */
export type Decoded = { readonly event: CallLogEvent } | { readonly unreadable: string }

/** Turns a Kafka value back into an event, whatever release wrote it: the inverse of `Encoder`. */
export interface Decoder {
  /** Throws `REGISTRY_…` when the registry cannot be asked, `STOPPED`; never throws for the value. */
  decode(value: Buffer | null, signal: AbortSignal): Promise<Decoded>
}

/** What an account's ledger holds at one moment. */
export interface LedgerSnapshot {
  readonly seen: SeenIndex
  /** The content remembered in a slot of `seen`, for `contentHash`. */
  readonly contentAt: (slot: number) => Uint32Array
  /** `null` when no instance has ever claimed the account. */
  readonly coverage: Coverage | null
  /** Index of the present record rules among those of `seen`; -1 when nothing was written under them. */
  readonly rules: number
  /** Records observed before were made under other rules, epoch milliseconds; 0 when the ledger knows no others. */
  readonly rulesSinceMs: number
  /** The API asked its owner to stay away until then, epoch milliseconds; 0 when it did not. */
  readonly notBeforeMs: number
}

/** Looking into an account's ledger beside its owner, who does not notice. */
export interface LedgerView {
  /** What is committed and not hidden behind an open transaction. Throws `LEDGER_…`, `KAFKA_…`, `TOPIC_…`, `STOPPED`. */
  peek(signal: AbortSignal): Promise<LedgerSnapshot>
}
