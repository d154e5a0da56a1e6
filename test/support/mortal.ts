/**
 * A process that can die, or stand still, at any await. Everything it awaits goes through `breath`: the one it was doomed to be the last never
 * returns (or returns only when somebody else has taken over), which is what `kill -9` (or a long pause) looks like from inside.
 */
import type { Clock, LedgerReader, Topics, TransactionalPublisher } from '../../src/ports.ts'
import type { CommitFault, CommitHabits, MemoryCluster } from './memory-kafka.ts'
import type { Dice } from './simulator/dice.ts'

export class Mortal {
  /** Resolves at death. */
  readonly dead: Promise<void>
  private readonly die: () => void
  private readonly grave = Promise.withResolvers<void>()
  private breaths: number
  private risen = false

  /** `breaths` are left; `Infinity` lives for ever. */
  constructor(breaths: number) {
    this.breaths = breaths
    const { promise, resolve } = Promise.withResolvers<void>()
    this.dead = promise
    this.die = resolve
  }

  async breath(): Promise<void> {
    if (this.risen) return
    this.breaths -= 1
    if (this.breaths > 0) return
    this.die()
    await this.grave.promise
  }

  /** Costs no breath, and does not return to the dead either. */
  async stillness(): Promise<void> {
    if (!this.risen && this.breaths <= 0) await this.grave.promise
  }

  /** A paused process goes on, not knowing that it was away. */
  rise(): void {
    this.risen = true
    this.grave.resolve()
  }
}

/** `offMs` is how far the wall clock of this process is wrong; `pass` is what each end of a sleep goes through. */
export function mortalClock(
  clock: Clock,
  mortal: Mortal,
  offMs: () => number = () => 0,
  pass: () => Promise<void> = () => mortal.breath(),
): Clock {
  return {
    now: () => clock.now() + offMs(),
    monotonic: () => clock.monotonic(),
    sleep: async (ms, signal) => {
      await pass()
      await clock.sleep(ms, signal)
      await pass()
    },
  }
}

export interface MortalKafkaParts {
  readonly cluster: MemoryCluster
  readonly transactionalId: string
  /** That of the test: what happens inside Kafka goes on whoever dies. */
  readonly clock: Clock
  readonly mortal: Mortal
  readonly dice: Dice
  /** How the next commit fails. */
  readonly fault: () => CommitFault | null
}

const never = new AbortController().signal
/** Until a foreign transaction that is open has surely been timed out, as `wiring.ts` has it. */
const BLOCKED_MS = 120_000
const SLOWEST_MS = 2_000

/** What one process has of Kafka: everything takes its time, and may be the last thing it did. */
export function mortalKafka({ cluster, transactionalId, clock, mortal, dice, fault }: MortalKafkaParts) {
  const pass = async () => {
    await mortal.breath()
    await clock.sleep(dice.whole(1, SLOWEST_MS), never)
    await mortal.breath()
  }
  const habits: CommitHabits = { pause: pass, fault }
  const inner = cluster.publisher(transactionalId, [], habits)
  const publisher: TransactionalPublisher = {
    open: async signal => {
      await pass()
      await inner.open(signal)
      await pass()
    },
    commit: async (batch, signal) => {
      await mortal.breath()
      // The answer may be on its way when the process dies: decided, and never heard.
      const answer = inner.commit(batch, signal)
      answer.catch(() => undefined)
      const written = await answer
      await mortal.breath()
      return written
    },
    close: () => inner.close(),
  }
  const log = cluster.reader({ blockedMs: BLOCKED_MS, clock, pollMs: 1_000 })
  const reader: LedgerReader = {
    peek: async (...call) => {
      await mortal.breath()
      return await log.peek(...call)
    },
    read: async (...call) => {
      await pass()
      await log.read(...call)
      await mortal.breath()
    },
  }
  const inMemory = cluster.topics()
  const topics: Topics = {
    ...inMemory,
    offsets: async (topic, signal) => {
      await mortal.breath()
      return inMemory.offsets(topic, signal)
    },
  }
  return { publisher, reader, topics }
}
