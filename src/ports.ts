/**
 * What the flow asks of the world. Each method says what holds when it resolves, what does not, who may call it again and who closes it.
 * Adapters implement these; no library's type crosses this file.
 */
import type { CallLogEvent, Row } from './model/call-log.ts'
import type { Dialect } from './model/dialect.ts'
import type { Happening } from './model/happening.ts'
import type { Looked, Peeked } from './model/looked.ts'
import type { StoredEntry } from './model/sift.ts'
import type { AccountState } from './model/state.ts'
import type { Window } from './model/window.ts'

export type {
  Books,
  CommitSummary,
  Happening,
  RequestOutcome,
  RereadReason,
  Standing,
  TaskState,
  UnknownKind,
  WindowCounts,
} from './model/happening.ts'

/** The only source of time. Wall-clock instants are epoch milliseconds; timers run on the monotonic clock. */
export interface Clock {
  now(): number
  /** Milliseconds since some fixed point; never jumps. */
  monotonic(): number
  /** Resolves after `ms` on the monotonic clock; rejects with `STOPPED` as soon as `signal` aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

/** One page of an answer, already normalised. */
export interface Page {
  /** 1-based. */
  readonly number: number
  /** As many as the API sent, in its order: the fullness of a page is judged on these, before anything is dropped. */
  readonly rows: readonly Row[]
  /** What the API claims matches the window in all; `null` when it claims nothing usable. */
  readonly total: number | null
  /** Page 1 asked a second time after the last page, to see whether anything moved while reading. */
  readonly recheck: boolean
  /** The window needs more pages, but neither page nor offset is heard by this API: only smaller windows can read it. */
  readonly unpaged: boolean
}

/** One account's API. */
export interface Source {
  /**
   * Shows that the API can be read: finds its dialect by evidence when none is known, else asks for the last minute once. Throws coded
   * `API_…` errors.
   */
  probe(signal: AbortSignal): Promise<void>
  /** As far as known; `null` before the first successful probe. */
  dialect(): Dialect | null
  /** Believes a dialect found earlier, unless the settings name another style. */
  adopt(dialect: Dialect): void
  /** The API no longer answers as it did: the dialect is unknown from now on, and the next `probe` finds it anew. */
  forget(): void
  /**
   * Reads a window page by page, in order; the request goes out with one second more on both sides, since the API's bounds are unspecified.
   * After the last page of several, page 1 comes once more with `recheck`. Every request obeys the account's rate; temporary failures are
   * retried within. Throws coded `API_…` errors; then nothing about this window is proved. The consumer may stop early.
   */
  read(window: Window, signal: AbortSignal): AsyncIterable<Page>
  /**
   * One request for the first page of exactly these bounds, without a margin, for comparing its `total` with the books. `total` is `null` unless
   * it is known to count everything that matches. Throws like `read`.
   */
  glance(window: Window, signal: AbortSignal): Promise<Page>
  /** The API's clock minus ours in milliseconds, from the newest answer's `Date`; `null` before the first answer. */
  skewMs(): number | null
  /** Requests sent so far, retries included. */
  requests(): number
  /** Until when the API told us to stay away, epoch milliseconds; 0 when it did not. Kept in the checkpoint so that it survives a restart. */
  notBeforeMs(): number
  /** Sends nothing before this instant; called once with what the checkpoint kept. */
  holdUntil(instantMs: number): void
}

/** Turns an event into the bytes of a Kafka value: Confluent wire format. Synchronous; the schema id was settled at start. */
export interface Encoder {
  /** Throws a plain error naming the field when the event does not fit the schema. The bytes stay valid until the batch is committed. */
  encode(event: CallLogEvent): Buffer
}

/** A record on its way to Kafka. The partition is always ours: a client library may repartition on retries. */
export interface Message {
  readonly partition: number
  readonly key: Buffer | string
  /** `null` is a tombstone. */
  readonly value: Buffer | null
  readonly headers?: Readonly<Record<string, string>>
  /** Epoch milliseconds. */
  readonly timestampMs: number
}

/** Everything one transaction makes visible at once. */
export interface TransactionBatch {
  /** Sent first and alone, because a refusal before it was appended is safe to repeat. */
  readonly checkpoint: { readonly topic: string; readonly message: Message }
  readonly rest: readonly { readonly topic: string; readonly messages: readonly Message[] }[]
}

/** The last offset written per `topic` and partition by one committed transaction. */
export type WrittenOffsets = ReadonlyMap<string, ReadonlyMap<number, bigint>>

export interface TransactionalPublisher {
  /**
   * When it resolves, every older producer of the same transactional id is fenced and its open transaction aborted. May be called again
   * after a failed commit; the old producer is thrown away. Throws `KAFKA_UNREACHABLE`, `KAFKA_UNAUTHORIZED`, `STOPPED`.
   */
  open(signal: AbortSignal): Promise<void>
  /**
   * Resolves when the whole batch is durable and its outcome decided; every topic and partition of it was acknowledged. It becomes visible to
   * `read_committed` readers when the coordinator has written its markers, normally within milliseconds.
   * Throws `FENCED` when a newer producer exists (or the coordinator timed our transaction out: indistinguishable), `TOPIC_MISCONFIGURED` or
   * `KAFKA_UNAUTHORIZED` when the broker will never take this batch, `STOPPED`, and `COMMIT_UNKNOWN` for every other failure: the batch may
   * or may not be visible, and only the ledger knows. After any of them only `open` and `close` are allowed. One call at a time.
   */
  commit(batch: TransactionBatch, signal: AbortSignal): Promise<WrittenOffsets>
  /** Closes the connection; an open transaction is left to be fenced. Never throws, may be called twice. */
  close(): Promise<void>
}

export interface LedgerRecord {
  readonly key: string
  /** `null` for a tombstone. */
  readonly value: Buffer | null
  readonly timestampMs: number
}

export interface LedgerReader {
  /**
   * Reads one partition from its beginning to the last stable offset as of the call, handing over every committed record in order. Requires
   * last stable offset = high watermark, waiting at most `blockedMs`; then throws `LEDGER_BLOCKED` naming the partition and the remedy.
   * An empty partition is done at once. When it resolves, everything committed before the call has been handed over.
   */
  read(topic: string, partition: number, onRecord: (record: LedgerRecord) => void, signal: AbortSignal): Promise<void>
  /**
   * The same without waiting for open transactions: hands over what is committed and not hidden behind one. For a look around before fencing,
   * when the open transaction may be that of our own dead predecessor; never to be mistaken for everything, unless it resolves to whole.
   */
  peek(topic: string, partition: number, onRecord: (record: LedgerRecord) => void, signal: AbortSignal): Promise<Peeked>
}

export interface TopicSpec {
  readonly name: string
  readonly partitions: number
  /** -1 leaves it to the broker. */
  readonly replicationFactor: number
  readonly config: Readonly<Record<string, string>>
  /** Settings without which the topic must not be used, `cleanup.policy: compact`. */
  readonly required: Readonly<Record<string, string>>
}

export interface TopicState {
  readonly name: string
  readonly partitions: number
  readonly replicationFactor: number
  readonly created: boolean
}

export type TopicRight = 'read' | 'write' | 'describe' | 'describe_configs'

export interface PartitionEnds {
  /** Log start. */
  readonly low: bigint
  /** Last stable offset: where `read_committed` readers end, held back by any open transaction. */
  readonly stable: bigint
  /** High watermark: everything written lies before it, whatever becomes of its transaction. At least `stable`. */
  readonly high: bigint
}

export interface Topics {
  /**
   * Makes sure that each topic exists with the required settings, creating it when `create` allows. Throws `TOPIC_MISSING`,
   * `TOPIC_MISCONFIGURED`, `KAFKA_UNREACHABLE`, `KAFKA_UNAUTHORIZED`. An existing topic is never altered.
   */
  ensure(topics: readonly TopicSpec[], create: boolean, signal: AbortSignal): Promise<TopicState[]>
  /**
   * Whether `ensure` would create this absent topic: Kafka judges the right and the settings, and creates nothing. Throws `TOPIC_MISSING`
   * with Kafka's reason, `KAFKA_UNREACHABLE`, `KAFKA_UNAUTHORIZED`.
   */
  rehearse(topic: TopicSpec, signal: AbortSignal): Promise<void>
  /** What this client may do with an existing topic, as Kafka judges it. Throws like `offsets`. */
  rights(topic: string, signal: AbortSignal): Promise<ReadonlySet<TopicRight>>
  /** The ends of each partition. */
  offsets(topic: string, signal: AbortSignal): Promise<ReadonlyMap<number, PartitionEnds>>
  close(): Promise<void>
}

/** What one transaction adds to the output topics and to the ledger's memory. */
export interface Chunk {
  readonly rest: readonly { readonly topic: string; readonly messages: readonly Message[] }[]
  /** The entries of `seen` that these messages made so. */
  readonly entries: readonly StoredEntry[]
}

/** One account's ledger: the only place where progress lives. */
export interface Ledger {
  /**
   * What can be known without disturbing anybody or waiting for a transaction to end. Refuses a ledger that is not ours, throwing
   * `LEDGER_MISMATCH`, `LEDGER_UNREADABLE`, `KAFKA_…`, `STOPPED`.
   */
  look(signal: AbortSignal): Promise<Looked>
  /**
   * Fences every older instance, reads back everything ever committed, and commits a claim, which proves that publishing works. When it
   * resolves, the state is exactly what the topic holds. Throws `LEDGER_…`, `FENCED` once when another instance has claimed since our last claim,
   * `KAFKA_…`, `STOPPED`. Call it at start and after every failed commit; all state handed out before is void then.
   */
  recall(signal: AbortSignal): Promise<AccountState>
  /**
   * Commits the chunk's messages and entries, and the checkpoint as of `state`, in one transaction. State is read before the first
   * await, so the caller may go on changing it while this commit runs. Throws like `TransactionalPublisher.commit`; then the state is void.
   */
  commit(state: AccountState, chunk: Chunk, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** The right to publish for the accounts of one ledger partition, as Kafka's group coordinator gave it to this instance. */
export interface Grant {
  /** Aborts when the partition is to be given back: finish what is under way, begin nothing, then `release`. */
  readonly revoked: AbortSignal
  /** Aborts when the partition may be somebody else's already, and after a revocation that took too long: drop everything. Implies `revoked`. */
  readonly lost: AbortSignal
  /** Whether the partition is still ours, by an answer to a question sent after this call; within a session or a rebalance. Never throws. */
  confirm(): Promise<boolean>
  /** Nothing is published under it any more; may be called twice. */
  release(): void
}

/** Who may publish for one account. */
export interface Ownership {
  /**
   * Resolves when the account is ours. `onStandby` is told when it belongs to another instance and we wait for it. Throws `STOPPED`,
   * `KAFKA_UNREACHABLE`, `KAFKA_UNAUTHORIZED`, `SETTINGS_INVALID`, and `FENCED` where waiting makes no sense.
   */
  acquire(onStandby: () => void, signal: AbortSignal): Promise<Grant>
}

export interface Observer {
  /** Never throws and never waits. */
  note(account: string, happening: Happening): void
}
