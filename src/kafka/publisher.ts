/**
 * TransactionalPublisher on a kafkajs producer, with the rules that make it safe (each cures a measured loss): own partitions, no retries,
 * one request in flight, the checkpoint first and alone, every topic-partition of the answers counted, and after any error the producer is
 * cut off and thrown away. A producer that is gone cannot be heard: its late answers reach nobody, its late requests carry an old epoch.
 *
 *   closed ──open──▶ ready ──commit──▶ ready
 *     ▲                │ any error, any doubt
 *     └────────────────┘
 */
import type { Transaction } from 'kafkajs'
import { ConnectorError } from '../errors.ts'
import type { Clock, TransactionalPublisher, TransactionBatch, WrittenOffsets } from '../ports.ts'
import { acknowledged, mergeOffsets } from './acknowledgements.ts'
import type { KafkaClient, OpenProducer } from './client.ts'
import { type Compression, compressionType } from './codecs.ts'
import { Deadline } from './deadline.ts'
import { causeOf } from './failures.ts'
import { type Outgoing, outgoing } from './messages.ts'
import { commitFailure, isFinal, openFailure, type Phase } from './publisher-failures.ts'

export interface PublisherOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly transactionalId: string
  /** Every topic that will ever be written: only these are asked for, so that a broken topic elsewhere in the cluster cannot stop us. */
  readonly topics: readonly string[]
  readonly compression: Compression
  /** How long `open` tries, in milliseconds; 60 s. */
  readonly openMs?: number
  /** When the coordinator gives up a transaction of ours, in milliseconds; 60 s. At most the broker's transaction.max.timeout.ms. */
  readonly transactionTimeoutMs?: number
  /** How long one `commit` may take, in milliseconds; a third of the transaction timeout. */
  readonly commitMs?: number
}

const contendedPauseMs = 20
const reconnectPauseMs = 500
const partingMs = 2_000

interface Line extends OpenProducer {
  /** Begun by `open`, because kafkajs sends InitProducerId then; the broker knows nothing of it before its first send. For the first commit. */
  begun: Transaction | null
}

/** Sends nothing before `open`. */
export function createPublisher(options: PublisherOptions): TransactionalPublisher {
  return new KafkaPublisher(options)
}

class KafkaPublisher implements TransactionalPublisher {
  readonly #options: Required<PublisherOptions>
  #line: Line | null = null
  #busy = false

  constructor(options: PublisherOptions) {
    const transactionTimeoutMs = options.transactionTimeoutMs ?? 60_000
    this.#options = { openMs: 60_000, commitMs: Math.floor(transactionTimeoutMs / 3), ...options, transactionTimeoutMs }
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#alone(async () => {
      this.#discard()
      const { clock, openMs } = this.#options
      const late = (cause: unknown) => openFailure(this.#openContext(), cause)
      const deadline = new Deadline({ clock, ms: openMs, signal, late })
      this.#line = await this.#connect(deadline)
    })
  }

  async commit(batch: TransactionBatch, signal: AbortSignal): Promise<WrittenOffsets> {
    return await this.#alone(async () => {
      const line = this.#line
      if (line === null)
        throw new ConnectorError('BUG', 'commit without open: after a failed commit the publisher must be opened again')
      const { clock, commitMs, transactionalId } = this.#options
      const { checkpoint, rest } = outgoing(batch)
      const late = (cause: unknown) => new ConnectorError('COMMIT_UNKNOWN', `no end within ${commitMs} ms`, { cause })
      const deadline = new Deadline({ clock, ms: commitMs, signal, late })
      const progress: { phase: Phase } = { phase: 'sending' }
      try {
        return await this.#transact(line, checkpoint, rest, deadline, progress)
      } catch (error) {
        // Not aborted: an abort could overtake a request still under way on another connection, which would then hang in the log. The next
        // open fences it, or the coordinator's time-out does, both with a new epoch.
        this.#discard()
        throw commitFailure(transactionalId, progress.phase, error)
      }
    })
  }

  async close(): Promise<void> {
    const line = this.#line
    this.#line = null
    if (line === null) return
    const late = () => new ConnectorError('KAFKA_UNREACHABLE', 'the connection did not close in time')
    const deadline = new Deadline({ clock: this.#options.clock, ms: partingMs, signal: new AbortController().signal, late })
    await deadline.wait(line.producer.disconnect()).catch(() => {})
    line.cut()
  }

  /** One transaction from begin to commit, each step only after the one before it succeeded. */
  async #transact(
    line: Line,
    checkpoint: Outgoing,
    rest: Outgoing[],
    deadline: Deadline,
    progress: { phase: Phase },
  ): Promise<WrittenOffsets> {
    const settings = { acks: -1, timeout: this.#options.commitMs, compression: compressionType(this.#options.compression) }
    const transaction = line.begun ?? (await deadline.wait(line.producer.transaction()))
    line.begun = null
    const send = (topicMessages: Outgoing[]) => deadline.wait(transaction.sendBatch({ ...settings, topicMessages }))

    const first = acknowledged([checkpoint], await untilFree(() => send([checkpoint]), deadline))
    const written = rest.length === 0 ? first : mergeOffsets(first, acknowledged(rest, await send(rest)))

    progress.phase = 'committing'
    await deadline.wait(transaction.commit())
    return written
  }

  /** A producer whose InitProducerId was answered: every older one is fenced, its transaction aborted. */
  async #connect(deadline: Deadline): Promise<Line> {
    const { client, transactionalId, transactionTimeoutMs, topics } = this.#options
    for (;;) {
      const line = client.producer({ transactionalId, transactionTimeoutMs })
      try {
        await deadline.wait(line.producer.connect())
        await deadline.wait(line.cluster.addMultipleTargetTopics(topics))
        const begun = await untilFree(() => deadline.wait(line.producer.transaction()), deadline)
        return { ...line, begun }
      } catch (error) {
        line.cut()
        if (isFinal(error)) throw openFailure(this.#openContext(), error)
        deadline.remember(error)
      }
      await deadline.pause(reconnectPauseMs)
    }
  }

  #discard(): void {
    this.#line?.cut()
    this.#line = null
  }

  #openContext() {
    return { ...this.#options, brokers: this.#options.client.brokers }
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy) throw new ConnectorError('BUG', 'the publisher was called while a call was running')
    this.#busy = true
    try {
      return await work()
    } finally {
      this.#busy = false
    }
  }
}

/** Repeats while the coordinator is still closing the previous transaction; the request was refused before it took a sequence number. */
async function untilFree<T>(attempt: () => Promise<T>, deadline: Deadline): Promise<T> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (causeOf(error) !== 'contended') throw error
      deadline.remember(error)
      await deadline.pause(contendedPauseMs)
    }
  }
}
