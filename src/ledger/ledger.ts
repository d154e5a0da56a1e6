/**
 * The ledger: fence, recall, claim, and one transaction for everything. Progress lives in a compacted topic and nowhere else; after any
 * doubt about a commit all memory is thrown away and read back from there.
 */
import { randomUUID } from 'node:crypto'
import { ConnectorError } from '../errors.ts'
import { startCoverage } from '../model/coverage.ts'
import { type Dialect, dialectFrom, dialectText } from '../model/dialect.ts'
import { NO_LATENESS } from '../model/lateness.ts'
import type { Looked, Peeked } from '../model/looked.ts'
import type { AccountState } from '../model/state.ts'
import type { Chunk, Clock, Ledger, LedgerReader, Message, Topics, TransactionalPublisher, WrittenOffsets } from '../ports.ts'
import { type Checkpoint, encodeBirth, encodeCheckpoint, encodeDelta } from './codec.ts'
import { assertNotForgotten, assertNotRecreated, assertOurs, birthOf, type Identity, sidHashOf } from './identity.ts'
import { LedgerTime } from './ledger-time.ts'
import { BIRTH_KEY, checkpointKey, deltaKey, LedgerGlance, LedgerMemory, packEntries } from './memory.ts'
import { isBorn } from './neighbours.ts'

export interface LedgerParts {
  readonly publisher: TransactionalPublisher
  readonly reader: LedgerReader
  readonly topics: Topics
  readonly clock: Clock
  /** Until when the API told us to stay away, epoch milliseconds; goes into every checkpoint. */
  readonly notBeforeMs: () => number
  /** How the API was found to behave; goes into every checkpoint, too. */
  readonly dialect: () => Dialect | null
}

export interface LedgerOptions {
  readonly identity: Identity
  /** The account's partition of the ledger topic. */
  readonly partition: number
  readonly maxSeen: number
  readonly startFromMs: number
  /** Fingerprint of the normaliser and the record settings. */
  readonly rules: string
  /** Start even though the output topic has records that this ledger does not know. */
  readonly firstStart: boolean
}

/** Tombstones written along with one commit; nine days of deltas go in a few commits. */
const MOST_TOMBSTONES = 500
/** A look around is good for so long; a standby may wait for days between it and the recall. */
const FRESH_MS = 60_000

export function createLedger(parts: LedgerParts, options: LedgerOptions): Ledger {
  return new TopicLedger(parts, options)
}

class TopicLedger implements Ledger {
  private readonly parts: LedgerParts
  private readonly options: LedgerOptions
  private readonly instance: string = randomUUID()
  private readonly offsets: Record<string, number[]> = {}
  private memory: LedgerMemory | null = null
  /** What `look` found, for the recall after it: a large ledger takes seconds to read. */
  private glanced: { readonly found: LedgerGlance; readonly atMs: number } | null = null
  private incarnation = 0

  constructor(parts: LedgerParts, options: LedgerOptions) {
    this.parts = parts
    this.options = options
  }

  async look(signal: AbortSignal): Promise<Looked> {
    const { found, isWhole } = await this.glance(signal)
    this.glanced = { found, atMs: this.parts.clock.monotonic() }
    const { checkpoint } = found
    const dialect = checkpoint?.dialect ?? null
    return {
      notBeforeMs: this.notBeforeMs(checkpoint),
      dialect: dialect === null ? null : dialectFrom(dialect),
      paused: checkpoint?.paused ?? false,
      isWhole,
    }
  }

  async recall(signal: AbortSignal): Promise<AccountState> {
    this.memory = null
    // Before fencing, so that wrong settings or a newer owner are found out without disturbing anybody.
    const isFresh = this.glanced !== null && this.parts.clock.monotonic() - this.glanced.atMs < FRESH_MS
    const glance = (isFresh ? this.glanced?.found : null) ?? (await this.glance(signal)).found
    this.glanced = null
    await this.parts.publisher.open(signal)
    const memory = await this.readBack(glance, signal)
    this.memory = memory
    this.incarnation = (memory.checkpoint?.incarnation ?? 0) + 1
    const { clock } = this.parts
    const state: AccountState = {
      seen: memory.seen,
      coverage: memory.checkpoint?.coverage ?? startCoverage(clock.now(), this.options.startFromMs),
      lateness: memory.checkpoint?.lateness ?? NO_LATENESS,
      backfills: memory.checkpoint?.backfills ?? [],
      paused: memory.checkpoint?.paused ?? false,
      incarnation: this.incarnation,
      rules: memory.indexOfRules(this.options.rules),
      notBeforeMs: this.notBeforeMs(memory.checkpoint),
    }
    const birth = this.message(BIRTH_KEY, encodeBirth(birthOf(this.options.identity)))
    const rest = memory.birth === null ? [{ topic: this.options.identity.ledgerTopic, messages: [birth] }] : []
    await this.commit(state, { rest, entries: [] }, signal)
    return state
  }

  async commit(state: AccountState, chunk: Chunk, signal: AbortSignal): Promise<void> {
    const memory = this.memory
    if (memory === null || state.seen !== memory.seen)
      throw new ConnectorError('BUG', 'a commit with state that the ledger has taken back')
    const { ledgerTopic, account } = this.options.identity
    const nowMs = this.parts.clock.now()
    const own: Message[] = memory
      .takeExpired(nowMs, MOST_TOMBSTONES)
      .map(sequence => this.message(deltaKey(account, sequence), null))
    if (chunk.entries.length > 0) {
      const sequence = memory.nextSequence
      memory.nextSequence += 1
      memory.wrote(sequence, nowMs)
      own.push(
        this.message(
          deltaKey(account, sequence),
          encodeDelta({ writtenAt: nowMs, rules: memory.rules, entries: packEntries(chunk.entries) }),
        ),
      )
    }
    const checkpoint = { topic: ledgerTopic, message: this.message(checkpointKey(account), this.checkpointBytes(state, nowMs)) }
    const rest = own.length === 0 ? chunk.rest : [...chunk.rest, { topic: ledgerTopic, messages: own }]
    try {
      this.remember(await this.parts.publisher.commit({ checkpoint, rest }, signal))
    } catch (error) {
      this.memory = null
      throw error
    }
  }

  async close(): Promise<void> {
    this.memory = null
    this.incarnation = 0
    await this.parts.publisher.close()
  }

  /** What stands in the ledger without its memory of calls, read without waiting for anybody. Refuses what is not ours. */
  private async glance(signal: AbortSignal): Promise<{ readonly found: LedgerGlance } & Peeked> {
    const { identity, partition } = this.options
    const found = new LedgerGlance(identity.account)
    const peeked = await this.parts.reader.peek(identity.ledgerTopic, partition, record => found.take(record), signal)
    await this.refuseForeign(found, peeked, signal)
    return { found, ...peeked }
  }

  /** Everything, once it is ours alone. Records may have come since the glance; that is on the safe side. */
  private async readBack(glance: LedgerGlance, signal: AbortSignal): Promise<LedgerMemory> {
    const { clock, reader } = this.parts
    const { identity, partition, maxSeen } = this.options
    const memory = new LedgerMemory(glance, maxSeen, new LedgerTime(clock, glance.newestMs), clock.now())
    await reader.read(identity.ledgerTopic, partition, record => memory.take(record), signal)
    await this.refuseForeign(memory, { isWhole: true }, signal)
    Object.assign(this.offsets, structuredClone(memory.checkpoint?.offsets ?? {}))
    return memory
  }

  private async refuseForeign(found: LedgerGlance, { isWhole }: Peeked, signal: AbortSignal): Promise<void> {
    const { identity } = this.options
    const { checkpoint } = found
    assertOurs(identity, found.birth, checkpoint)
    if (
      checkpoint !== null &&
      checkpoint.incarnation >= this.incarnation &&
      this.incarnation > 0 &&
      checkpoint.instance !== this.instance
    ) {
      // Told once: who recalls again after that has made sure that the account is ours.
      this.incarnation = 0
      throw new ConnectorError('FENCED', `account "${identity.account}" was claimed by another instance of "${identity.name}"`)
    }
    // Where an open transaction hides the claim, too, nothing can be said yet; `readBack` waits for the transaction to end.
    if (checkpoint !== null || isWhole) await this.compareOutput(found, signal)
  }

  /** A promise to stay away is kept as long as it was given for, also when it was given by a clock that has been set back since. */
  private notBeforeMs(checkpoint: Checkpoint | null): number {
    if (checkpoint === null) return 0
    const aheadMs = Math.max(0, checkpoint.writtenAt - this.parts.clock.now())
    return Math.max(0, checkpoint.notBefore - aheadMs)
  }

  /**
   * What the ledger says of the output topics must agree with what they hold. Their ends are taken before the births are looked for: another
   * account that publishes for the first time meanwhile has claimed before, so its birth is found.
   */
  private async compareOutput({ checkpoint }: LedgerGlance, signal: AbortSignal): Promise<void> {
    const { identity, firstStart } = this.options
    const { eventsTopic, deadLettersTopic } = identity
    const events = await this.parts.topics.offsets(eventsTopic, signal)
    if (checkpoint !== null) {
      const letters = await this.parts.topics.offsets(deadLettersTopic, signal)
      assertNotRecreated(eventsTopic, checkpoint.offsets[eventsTopic] ?? [], events)
      assertNotRecreated(deadLettersTopic, checkpoint.offsets[deadLettersTopic] ?? [], letters)
    } else if (!(await isBorn(this.parts.reader, identity, signal)) && !firstStart) {
      assertNotForgotten(
        identity,
        [...events.values()].reduce((sum, { low, high }) => sum + high - low, 0n),
      )
    }
  }

  private checkpointBytes(state: AccountState, nowMs: number): Buffer {
    const { identity } = this.options
    const dialect = this.parts.dialect()
    return encodeCheckpoint({
      account: identity.account,
      sidHash: sidHashOf(identity),
      incarnation: this.incarnation,
      instance: this.instance,
      writtenAt: nowMs,
      coverage: state.coverage,
      notBefore: Math.max(state.notBeforeMs, this.parts.notBeforeMs()),
      dialect: dialect === null ? null : dialectText(dialect),
      filters: identity.filters,
      offsets: this.offsets,
      lateness: state.lateness,
      backfills: state.backfills,
      paused: state.paused,
    })
  }

  /** What this transaction wrote is known only after it; the next checkpoint tells it. */
  private remember(written: WrittenOffsets): void {
    for (const [topic, partitions] of written) {
      if (topic === this.options.identity.ledgerTopic) continue
      const known = this.offsets[topic] ?? []
      for (const [partition, offset] of partitions) {
        while (known.length <= partition) known.push(-1)
        known[partition] = Number(offset)
      }
      this.offsets[topic] = known
    }
  }

  private message(key: string, value: Buffer | null): Message {
    return { partition: this.options.partition, key, value, timestampMs: this.parts.clock.now() }
  }
}
