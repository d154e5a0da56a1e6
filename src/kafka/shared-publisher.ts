/**
 * One producer for all accounts of a ledger partition. They share its transactional id, so a producer for each would fence the others: every
 * account gets a view of its own, and the calls of all views go to the one producer, one after the other.
 *
 *   generation n ──commit of any view fails──▶ closed ──next open of any view──▶ generation n + 1
 *
 * A failed commit costs all of them the producer. Whoever joined the generation that failed is told so by its next call, without anything
 * being sent, and recalls: between two generations a newer instance may have owned the partition and committed for any of them. Who then
 * opens finds the producer that replaced it, made after that failure, and does not replace it again. A recall has the partition to itself:
 * while one of ours commits, its last stable offset never reaches the high watermark.
 */
import { ConnectorError, codeOf, type ErrorCode } from '../errors.ts'
import type { Clock, LedgerReader, TransactionalPublisher, TransactionBatch, WrittenOffsets } from '../ports.ts'
import { Deadline } from './deadline.ts'

export interface SharedPublisherOptions {
  /** Used by nobody else. */
  readonly publisher: TransactionalPublisher
  readonly reader: LedgerReader
  readonly clock: Clock
  /** How long a call waits for those before it, in milliseconds; 10 min, more than their own deadlines add up to with many accounts. */
  readonly turnMs?: number
}

/** What one account has of it; both keep the promises of their ports. `read` needs an open publisher and throws `COMMIT_UNKNOWN` like `commit`. */
export interface SharedView {
  readonly publisher: TransactionalPublisher
  readonly reader: LedgerReader
}

/** Where one account stands. */
interface Seat {
  /** The generation it opened or found open; `null` when it must open first. */
  joined: number | null
  /** The newest fenced generation it was told of. */
  toldFenced: number
}

type ReadCall = Parameters<LedgerReader['read']>

export class SharedPublisher {
  readonly #options: Required<SharedPublisherOptions>
  readonly #seated = new Set<Seat>()
  #generation = 0
  #isOpen = false
  /** The newest generation that was fenced; 0 while none was. */
  #fenced = 0
  /** Settles when every call so far has had its turn. */
  #queue: Promise<void> = Promise.resolve()

  constructor(options: SharedPublisherOptions) {
    this.#options = { turnMs: 600_000, ...options }
  }

  /** For one more account. Closing the last open view closes the producer. */
  view(): SharedView {
    const seat: Seat = { joined: null, toldFenced: 0 }
    const { reader } = this.#options
    return {
      publisher: {
        open: signal => this.#open(seat, signal),
        commit: (batch, signal) => this.#commit(seat, batch, signal),
        close: () => this.#close(seat),
      },
      reader: {
        read: (...call) => this.#read(seat, call),
        peek: (...call) => reader.peek(...call),
      },
    }
  }

  async #open(seat: Seat, signal: AbortSignal): Promise<void> {
    this.#seated.add(seat)
    seat.joined = null
    await this.#inTurn('KAFKA_UNREACHABLE', signal, async () => {
      this.#tellFenced(seat)
      if (!this.#isOpen) {
        await this.#options.publisher.open(signal)
        this.#generation += 1
        this.#isOpen = true
      }
      seat.joined = this.#generation
    })
  }

  async #commit(seat: Seat, batch: TransactionBatch, signal: AbortSignal): Promise<WrittenOffsets> {
    const { joined } = seat
    // Until it has succeeded: whatever happens instead, the state behind it is void.
    seat.joined = null
    return await this.#inTurn('COMMIT_UNKNOWN', signal, async () => {
      const generation = this.#standing(seat, joined)
      try {
        const written = await this.#options.publisher.commit(batch, signal)
        seat.joined = generation
        return written
      } catch (error) {
        this.#isOpen = false
        if (codeOf(error) === 'FENCED') {
          this.#fenced = generation
          seat.toldFenced = generation
        }
        throw error
      }
    })
  }

  async #read(seat: Seat, [topic, partition, onRecord, signal]: ReadCall): Promise<void> {
    const { joined } = seat
    seat.joined = null
    await this.#inTurn('KAFKA_UNREACHABLE', signal, async () => {
      // After a failure its transaction hangs in the partition until somebody opens: waiting for its end here would wait for ourselves.
      const generation = this.#standing(seat, joined)
      await this.#options.reader.read(topic, partition, onRecord, signal)
      seat.joined = generation
    })
  }

  async #close(seat: Seat): Promise<void> {
    seat.joined = null
    if (!this.#seated.delete(seat) || this.#seated.size > 0) return
    this.#isOpen = false
    await this.#options.publisher.close()
  }

  /** The generation a seat takes part in. Throws when it is over, or when the seat has not opened. */
  #standing(seat: Seat, joined: number | null): number {
    if (joined === null)
      throw new ConnectorError('BUG', 'a shared publisher was used without open: after a failure it must be opened again')
    this.#tellFenced(seat)
    if (joined === this.#generation && this.#isOpen) return joined
    throw new ConnectorError(
      'COMMIT_UNKNOWN',
      'nothing was sent: a commit of another account failed, and the producer they share is being replaced',
    )
  }

  /** Everybody is told once; who opens again after that means it. */
  #tellFenced(seat: Seat): void {
    if (seat.toldFenced >= this.#fenced) return
    seat.toldFenced = this.#fenced
    throw new ConnectorError('FENCED', 'the producer shared with another account was fenced: a newer instance owns the partition')
  }

  async #inTurn<T>(code: ErrorCode, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const { clock, turnMs } = this.#options
    const late = () =>
      new ConnectorError(code, `nothing was sent: the accounts of this ledger partition kept Kafka busy for ${turnMs} ms`)
    const before = this.#queue
    const done = Promise.withResolvers<void>()
    this.#queue = before.then(() => done.promise)
    try {
      await new Deadline({ clock, ms: turnMs, signal, late }).wait(before)
      return await work()
    } finally {
      done.resolve()
    }
  }
}
