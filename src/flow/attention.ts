/**
 * Where the life of an account listens: to the stop signal, and to what an operator wants of it. Whatever is waited for or read in between ends
 * early when an order comes.
 */
import { codeOf } from '../errors.ts'
import type { AccountState } from '../model/state.ts'
import type { Clock, Happening, Ledger } from '../ports.ts'
import { Orders } from './orders.ts'
import { changesBetween } from './standing.ts'
import type { Stop } from './sweep.ts'

export interface AttentionParts {
  readonly ledger: Ledger
  readonly clock: Clock
  readonly note: (happening: Happening) => void
  readonly show: (state: AccountState) => void
}

/** How the account tells the world what it is doing. */
export interface Teller {
  running(): void
  paused(): void
}

export class Attention {
  readonly orders = new Orders()
  private readonly parts: AttentionParts
  private readonly once: boolean
  private readonly stop: () => Stop
  private either: Readonly<Record<'order' | 'soft' | 'signal', AbortSignal>> | null = null

  /** `stop` is asked each time: the signals are others while the account is ours. */
  constructor(parts: AttentionParts, once: boolean, stop: () => Stop) {
    this.parts = parts
    this.once = once
    this.stop = stop
  }

  /** Aborts when told to stop reading here, and when an order waits. */
  get signal(): AbortSignal {
    const [order, { soft }] = [this.orders.signal, this.stop()]
    // One for each order, not one for each read: the stop signal would remember them all.
    if (this.either?.order !== order || this.either.soft !== soft)
      this.either = { order, soft, signal: AbortSignal.any([soft, order]) }
    return this.either.signal
  }

  /** Whether what has just ended early did so for an order. */
  get isWanted(): boolean {
    return this.orders.isWaiting && !this.stop().soft.aborted
  }

  /** Ends early when an order comes that could be carried out; false when told to stop meanwhile. */
  async wait(ms: number, hasState: boolean): Promise<boolean> {
    return await this.sleep(ms, hasState ? this.signal : this.stop().soft)
  }

  /** The same for an account that has claimed nothing: only `resume` can be carried out, by trying again at once. */
  async waitUnclaimed(ms: number, error: unknown): Promise<boolean> {
    const why = `the account is not claimed yet: ${error instanceof Error ? error.message : 'it failed'}`
    this.orders.refuse('unclaimed', why)
    const goesOn = await this.sleep(ms, this.signal)
    this.orders.refuse('unclaimed', why)
    return goesOn
  }

  /**
   * Carries out what the operator wants. While the account is paused it waits here, with everything claimed; with `once` there is nobody to wait for.
   * Throws what `Ledger.commit` throws, and `STOPPED`.
   */
  async heed(state: AccountState, teller: Teller): Promise<void> {
    await this.obey(state)
    if (!state.paused) return
    teller.paused()
    if (this.once) return
    while (state.paused) {
      await this.orders.arrived(this.stop().soft)
      await this.obey(state)
    }
    teller.running()
  }

  /** Another instance has the account; what comes in is refused until it is ours. */
  standBy(happening: Happening): void {
    this.orders.refuse('standby', 'this instance stands by: another one reads the account')
    this.parts.note(happening)
  }

  private async sleep(ms: number, signal: AbortSignal): Promise<boolean> {
    try {
      await this.parts.clock.sleep(ms, signal)
      return true
    } catch (error) {
      if (codeOf(error) === 'STOPPED') return !this.stop().soft.aborted
      throw error
    }
  }

  private async obey(state: AccountState): Promise<void> {
    const { clock, ledger, note, show } = this.parts
    const before = { ...state }
    const commit = () => ledger.commit(state, { rest: [], entries: [] }, this.stop().hard)
    if (!(await this.orders.obey(state, clock.now(), commit))) return
    for (const happening of changesBetween(before, state)) note(happening)
    show(state)
  }
}
