/**
 * Kafka in memory, with the meaning of its transactions kept: uncommitted records lie in the log and hide what follows, markers take offsets,
 * opening a transactional id fences the older producer and aborts what it left open. One `MemoryCluster` is shared by everything made from it.
 *
 *   const cluster = new MemoryCluster()
 *   const publisher = cluster.publisher('ledger-0')
 *   cluster.failNextCommit('failAfterWrite')
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ConnectorError } from '../../src/errors.ts'
import type {
  Clock,
  LedgerReader,
  Message,
  TopicSpec,
  TopicState,
  Topics,
  TransactionalPublisher,
  TransactionBatch,
  WrittenOffsets,
} from '../../src/ports.ts'

/**
 * `reject`: the connection breaks before the commit was asked for; the transaction stays open. `failAfterWrite`: it breaks after the commit
 * was decided. Both throw `COMMIT_UNKNOWN`.
 */
export type CommitFault = 'reject' | 'failAfterWrite'

export interface StoredMessage extends Message {
  readonly topic: string
  readonly offset: bigint
}

/** How all commits of one publisher go, where many run at once. */
export interface CommitHabits {
  /** Awaited between the last send and the decision, while the transaction is open. */
  readonly pause?: () => Promise<void>
  /** How this commit fails; asked once for each, at its decision. */
  readonly fault?: () => CommitFault | null
}

/** Where a commit can be made to wait: between its last send and the decision, or between that and the answer. */
export type HoldPoint = 'before' | 'after'

export interface HeldCommit {
  /** Resolves when the commit waits: its records are in the log, uncommitted or committed. */
  readonly reached: Promise<void>
  release(): void
}

/** A transaction, seen from outside. */
export type OpenTransaction = object | null

interface Transaction {
  state: 'open' | 'committed' | 'aborted'
  readonly touched: Set<Partition>
}

interface Entry {
  /** `cleaned`: its offset is all that is left of it. */
  readonly message: Message | 'marker' | 'cleaned'
  readonly transaction: Transaction
}

interface Partition {
  readonly log: Entry[]
}

interface Topic {
  readonly partitions: Partition[]
  readonly config: Readonly<Record<string, string>>
}

/** What a publisher has from its open. */
interface Session {
  readonly epoch: number
  readonly known: ReadonlyMap<string, number>
}

interface ProducerState {
  epoch: number
  open: Transaction | null
}

type Script =
  | { readonly kind: 'fault'; readonly fault: CommitFault }
  | { readonly kind: 'hold'; readonly at: HoldPoint; readonly reach: () => void; readonly gate: Promise<void> }

const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, { signal }).catch(cause => {
      throw new ConnectorError('STOPPED', 'stopped while waiting', { cause })
    })
  },
}

export class MemoryCluster {
  readonly #topics = new Map<string, Topic>()
  readonly #producers = new Map<string, ProducerState>()
  readonly #scripts: Script[] = []
  readonly #onCommitted: (transactionalId: string, batch: TransactionBatch, epoch: number) => void

  /** `onCommitted` hears of every transaction right after it was decided, whatever its publisher will be told. */
  constructor(onCommitted: (transactionalId: string, batch: TransactionBatch, epoch: number) => void = () => {}) {
    this.#onCommitted = onCommitted
  }

  /** The next commit of any publisher fails this way; calls queue up. */
  failNextCommit(fault: CommitFault): void {
    this.#scripts.push({ kind: 'fault', fault })
  }

  /** The next commit of any publisher waits until released, or until its signal aborts. */
  holdNextCommit(at: HoldPoint = 'before'): HeldCommit {
    const [reached, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    this.#scripts.push({ kind: 'hold', at, reach: reached.resolve, gate: gate.promise })
    return { reached: reached.promise, release: gate.resolve }
  }

  /** Creates a topic, or replaces it by an empty one of other size. */
  recreate(topic: string, partitions: number, config: Readonly<Record<string, string>> = {}): void {
    this.#topics.set(topic, { config, partitions: Array.from({ length: partitions }, () => ({ log: [] })) })
  }

  /** What a `read_committed` reader sees of a topic, partition by partition in order. */
  committed(topic: string): StoredMessage[] {
    const found = this.#topics.get(topic)
    if (found === undefined) return []
    return found.partitions.flatMap(partition => visible(partition).map(({ message, offset }) => ({ ...message, topic, offset })))
  }

  /** Begins a transaction under this id, writes the messages and leaves it open, as a process that died would. Fences older producers. */
  leaveOpen(transactionalId: string, topic: string, messages: readonly Message[]): void {
    this.fence(transactionalId)
    this.#append(this.#begin(transactionalId), topic, messages)
  }

  /** What InitProducerId does; returns the new epoch. */
  fence(transactionalId: string): number {
    const state = this.#producers.get(transactionalId) ?? { epoch: -1, open: null }
    this.#producers.set(transactionalId, state)
    if (state.open !== null) end(state.open, 'aborted')
    state.open = null
    state.epoch += 1
    return state.epoch
  }

  /** What the coordinator does to a transaction that was open for too long: nothing when its producer has committed or been fenced since. */
  timeOut(transactionalId: string, transaction: OpenTransaction = this.openTransaction(transactionalId)): void {
    if (transaction !== null && this.#producers.get(transactionalId)?.open === transaction) this.fence(transactionalId)
  }

  /** The open transaction of this id, to be told from later ones; `null` when there is none. */
  openTransaction(transactionalId: string): OpenTransaction {
    return this.#producers.get(transactionalId)?.open ?? null
  }

  /**
   * What the log cleaner does to a compacted topic: of the records before the first open transaction only the newest of each key is kept.
   * Aborted ones go, too, and tombstones with them; every offset stays what it was.
   */
  compact(topic: string): void {
    for (const partition of this.#topic(topic).partitions) compact(partition)
  }

  remove(topic: string): void {
    this.#topics.delete(topic)
  }

  /** Its `open` wants the topics to exist. */
  publisher(transactionalId: string, topics: readonly string[] = [], habits: CommitHabits = {}): TransactionalPublisher {
    return new MemoryPublisher(this, transactionalId, { topics, habits })
  }

  /** For publishers: how many partitions each topic has, as they learn it when they open and believe until they open again. */
  metadata(wanted: readonly string[]): ReadonlyMap<string, number> {
    for (const topic of wanted) this.#topic(topic)
    return new Map([...this.#topics].map(([name, { partitions }]) => [name, partitions.length]))
  }

  /** Waits for foreign transactions by `clock`, real time unless given. */
  reader(options: { readonly blockedMs: number; readonly clock?: Clock; readonly pollMs?: number }): LedgerReader {
    const { blockedMs, clock = realClock, pollMs = 10 } = options
    const handOver = (log: Partition, onRecord: Parameters<LedgerReader['read']>[2]) => {
      for (const { message } of visible(log))
        onRecord({ key: message.key.toString(), value: message.value, timestampMs: message.timestampMs })
    }
    return {
      peek: async (topic, partition, onRecord, signal) => {
        if (signal.aborted) throw stopped()
        const log = this.#partition(topic, partition)
        const isWhole = stableEnd(log) === log.log.length
        handOver(log, onRecord)
        return { isWhole }
      },
      read: async (topic, partition, onRecord, signal) => {
        const log = this.#partition(topic, partition)
        for (let waited = 0; stableEnd(log) < log.log.length; waited += pollMs) {
          if (waited >= blockedMs)
            throw new ConnectorError('LEDGER_BLOCKED', `${topic} partition ${partition}: a transaction is open`)
          await clock.sleep(pollMs, signal)
        }
        if (signal.aborted) throw stopped()
        handOver(log, onRecord)
      },
    }
  }

  topics(): Topics {
    return {
      ensure: async (specs, create, signal) => {
        if (signal.aborted) throw stopped()
        return specs.map(spec => this.#ensure(spec, create))
      },
      rehearse: async () => {},
      rights: async () => new Set(['read', 'write', 'describe', 'describe_configs'] as const),
      offsets: async topic =>
        new Map(
          this.#topic(topic).partitions.map((partition, id) => [
            id,
            { low: 0n, stable: BigInt(stableEnd(partition)), high: BigInt(partition.log.length) },
          ]),
        ),
      close: async () => {},
    }
  }

  /** For publishers: appends, asks the script, decides. */
  async commit(
    { transactionalId, session, habits }: { transactionalId: string; session: Session; habits: CommitHabits },
    batch: TransactionBatch,
    signal: AbortSignal,
  ): Promise<WrittenOffsets> {
    const { epoch, known } = session
    const script = this.#scripts.shift()
    this.#refuseOlder(transactionalId, epoch)
    const transaction = this.#begin(transactionalId)
    const written = new Map<string, Map<number, bigint>>()
    const { checkpoint, rest } = batch
    for (const { topic, messages } of [{ topic: checkpoint.topic, messages: [checkpoint.message] }, ...rest]) {
      const offsets = written.get(topic) ?? new Map<number, bigint>()
      this.#refuseUnknown(known, topic, messages)
      for (const [partition, offset] of this.#append(transaction, topic, messages)) offsets.set(partition, offset)
      if (offsets.size > 0) written.set(topic, offsets)
    }
    await this.#follow(script, 'before', signal)
    await habits.pause?.()
    this.#refuseOlder(transactionalId, epoch)
    const fault = script?.kind === 'fault' ? script.fault : (habits.fault?.() ?? null)
    if (fault === 'reject') throw new ConnectorError('COMMIT_UNKNOWN', 'the connection broke before the commit')
    end(transaction, 'committed')
    this.#producer(transactionalId).open = null
    this.#onCommitted(transactionalId, batch, epoch)
    if (fault !== null) throw new ConnectorError('COMMIT_UNKNOWN', 'the connection broke after the commit')
    await this.#follow(script, 'after', signal)
    return written
  }

  async #follow(script: Script | undefined, at: HoldPoint, signal: AbortSignal): Promise<void> {
    if (script?.kind === 'hold' && script.at === at) {
      script.reach()
      const aborted = Promise.withResolvers<void>()
      signal.addEventListener('abort', () => aborted.resolve(), { once: true })
      await Promise.race([script.gate, aborted.promise])
    }
    await Promise.resolve()
    if (signal.aborted) throw stopped()
  }

  #begin(transactionalId: string): Transaction {
    const transaction: Transaction = { state: 'open', touched: new Set() }
    this.#producer(transactionalId).open = transaction
    return transaction
  }

  #append(transaction: Transaction, topic: string, messages: readonly Message[]): Map<number, bigint> {
    const last = new Map<number, bigint>()
    for (const message of messages) {
      const partition = this.#partition(topic, message.partition)
      // A copy, as the network would make: the caller may reuse its memory once the commit is over.
      partition.log.push({ message: { ...message, value: message.value && Buffer.from(message.value) }, transaction })
      transaction.touched.add(partition)
      last.set(message.partition, BigInt(partition.log.length - 1))
    }
    return last
  }

  #ensure(spec: TopicSpec, create: boolean): TopicState {
    const { name, required } = spec
    const created = !this.#topics.has(name)
    if (created && !create) throw new ConnectorError('TOPIC_MISSING', `topic ${name} does not exist`)
    if (created) this.recreate(name, spec.partitions, { ...spec.config, ...required })
    const topic = this.#topic(name)
    const wrong = Object.keys(required).find(setting => topic.config[setting] !== required[setting])
    if (wrong !== undefined) throw new ConnectorError('TOPIC_MISCONFIGURED', `topic ${name}: ${wrong} must be ${required[wrong]}`)
    return { name, partitions: topic.partitions.length, replicationFactor: 1, created }
  }

  #refuseOlder(transactionalId: string, epoch: number): void {
    if (this.#producer(transactionalId).epoch !== epoch)
      throw new ConnectorError('FENCED', `${transactionalId}: a newer producer exists`)
  }

  /** What the publisher knows to be missing is misconfigured; what it believes in, but a broker does not, tells it nothing for sure. */
  #refuseUnknown(known: Session['known'], topic: string, messages: readonly Message[]): void {
    const there = this.#topics.get(topic)?.partitions.length ?? 0
    for (const { partition } of messages) {
      if (partition >= (known.get(topic) ?? there))
        throw new ConnectorError('TOPIC_MISCONFIGURED', `topic ${topic} has no partition ${partition}`)
      if (partition >= there)
        throw new ConnectorError('COMMIT_UNKNOWN', `topic ${topic}: the broker knows no partition ${partition}`)
    }
  }

  #producer(transactionalId: string): ProducerState {
    const state = this.#producers.get(transactionalId)
    if (state === undefined) throw new ConnectorError('BUG', `${transactionalId} was never opened`)
    return state
  }

  #topic(name: string): Topic {
    const topic = this.#topics.get(name)
    if (topic === undefined) throw new ConnectorError('TOPIC_MISSING', `topic ${name} does not exist`)
    return topic
  }

  #partition(topic: string, partition: number): Partition {
    const found = this.#topic(topic).partitions[partition]
    if (found === undefined) throw new ConnectorError('TOPIC_MISCONFIGURED', `topic ${topic} has no partition ${partition}`)
    return found
  }
}

class MemoryPublisher implements TransactionalPublisher {
  readonly #cluster: MemoryCluster
  readonly #transactionalId: string
  readonly #topics: readonly string[]
  readonly #habits: CommitHabits
  #session: Session | null = null
  #busy = false

  constructor(
    cluster: MemoryCluster,
    transactionalId: string,
    { topics, habits }: { readonly topics: readonly string[]; readonly habits: CommitHabits },
  ) {
    this.#cluster = cluster
    this.#transactionalId = transactionalId
    this.#topics = topics
    this.#habits = habits
  }

  async open(signal: AbortSignal): Promise<void> {
    if (this.#busy) throw new ConnectorError('BUG', 'open while a commit is running')
    this.#session = null
    await Promise.resolve()
    if (signal.aborted) throw stopped()
    const known = this.#cluster.metadata(this.#topics)
    this.#session = { epoch: this.#cluster.fence(this.#transactionalId), known }
  }

  async commit(batch: TransactionBatch, signal: AbortSignal): Promise<WrittenOffsets> {
    const session = this.#session
    if (session === null) throw new ConnectorError('BUG', 'commit without open')
    if (this.#busy) throw new ConnectorError('BUG', 'two commits at once')
    this.#busy = true
    this.#session = null
    try {
      await Promise.resolve()
      const written = await this.#cluster.commit(
        { transactionalId: this.#transactionalId, session, habits: this.#habits },
        batch,
        signal,
      )
      this.#session = session
      return written
    } finally {
      this.#busy = false
    }
  }

  async close(): Promise<void> {
    this.#session = null
  }
}

const stopped = () => new ConnectorError('STOPPED', 'stopped')

function end(transaction: Transaction, state: 'committed' | 'aborted'): void {
  transaction.state = state
  for (const partition of transaction.touched) partition.log.push({ message: 'marker', transaction })
}

function stableEnd({ log }: Partition): number {
  const open = log.findIndex(({ transaction }) => transaction.state === 'open')
  return open === -1 ? log.length : open
}

function compact(partition: Partition): void {
  const kept = new Set<string>()
  for (let at = stableEnd(partition) - 1; at >= 0; at -= 1) {
    const { message, transaction } = partition.log[at] as Entry
    if (typeof message === 'string') continue
    const key = String(message.key)
    if (transaction.state === 'committed' && !kept.has(key)) {
      kept.add(key)
      if (message.value !== null) continue
    }
    partition.log[at] = { message: 'cleaned', transaction }
  }
}

function visible(partition: Partition): { message: Message; offset: bigint }[] {
  return partition.log
    .slice(0, stableEnd(partition))
    .flatMap(({ message, transaction }, offset) =>
      typeof message !== 'string' && transaction.state === 'committed' ? [{ message, offset: BigInt(offset) }] : [],
    )
}
