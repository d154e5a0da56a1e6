/**
 * A process that can die, or stand still, at any await. Everything it awaits goes through `breath`: the one it was doomed to be the last never
 * returns (or returns only when somebody else has taken over), which is what `kill -9` (or a long pause) looks like from inside.
 */
import type { AccountState } from '../../src/model/state.ts'
import type { Chunk, Clock, Ledger } from '../../src/ports.ts'
import type { MemoryCluster } from './memory-kafka.ts'
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

  get isLast(): boolean {
    return !this.risen && this.breaths <= 1
  }

  async breath(): Promise<void> {
    if (this.risen) return
    this.breaths -= 1
    if (this.breaths > 0) return
    this.die()
    await this.grave.promise
  }

  /** A paused process goes on, not knowing that it was away. */
  rise(): void {
    this.risen = true
    this.grave.resolve()
  }
}

export function mortalClock(clock: Clock, mortal: Mortal): Clock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    sleep: async (ms, signal) => {
      await mortal.breath()
      await clock.sleep(ms, signal)
      await mortal.breath()
    },
  }
}

export interface CommitTroubles {
  readonly cluster: MemoryCluster
  readonly clock: Clock
  readonly dice: Dice
  /** Probability that a commit's answer is lost, or that it never happened. */
  readonly share: () => number
}

/** Commits take time, are lost before or after they were decided, and may be the last thing their process did. */
export function mortalLedger(ledger: Ledger, mortal: Mortal, { cluster, clock, dice, share }: CommitTroubles): Ledger {
  const trouble = () => {
    if (mortal.isLast ? dice.chance(0.5) : dice.chance(share()))
      cluster.failNextCommit(mortal.isLast || dice.chance(0.5) ? 'reject' : 'failAfterWrite')
  }
  const after = async <T>(work: Promise<T>): Promise<T> => {
    work.catch(() => undefined)
    await clock.sleep(dice.whole(1, 2_000), new AbortController().signal)
    await mortal.breath()
    return work
  }
  return {
    look: async signal => {
      await mortal.breath()
      return ledger.look(signal)
    },
    recall: async signal => {
      await mortal.breath()
      trouble()
      return after(ledger.recall(signal))
    },
    commit: (state: AccountState, chunk: Chunk, signal: AbortSignal) => {
      trouble()
      return after(ledger.commit(state, chunk, signal))
    },
    close: () => ledger.close(),
  }
}
