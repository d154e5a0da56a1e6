/**
 * One account's life: prove that the API can be read, wait until the account is ours, recall the ledger, then read what is due until told to
 * stop. Every failure goes through the policy; nothing is retried without a named reason, and nothing for ever.
 *
 *   probe ──▶ ours? ──▶ recall ──▶ due? ──▶ sweep ──┐
 *     ▲         ▲          ▲         ▲──────────────┘
 *     │         │          └── recall: the outcome of a commit is unknown
 *     │         └── given back, or fenced and no longer ours: stand by
 *     ├── reprobe: the API does not hear us as it did; at most once in polling.retryFailed, else
 *     └── fail_account: wait polling.retryFailed
 */
import { codeOf } from '../errors.ts'
import { age, bookedSince, coveredThrough } from '../model/coverage.ts'
import { edgeOf } from '../model/schedule.ts'
import type { SiftOptions } from '../model/sift.ts'
import { withoutFuture } from '../model/sound-books.ts'
import type { AccountState } from '../model/state.ts'
import type { Window } from '../model/window.ts'
import type { Clock, Encoder, Happening, Ledger, Ownership, Source } from '../ports.ts'
import { Attention } from './attention.ts'
import { crossingOff, nextOf, passTime } from './backfilling.ts'
import { ClockWatch } from './clock-watch.ts'
import { Committer } from './committer.ts'
import { memoryOf } from './one-version.ts'
import { Packer, type PackOptions } from './pack.ts'
import { Probing } from './probing.ts'
import { type ReaderOptions, WindowReader } from './read.ts'
import { endsAll, isVoidAfter, Recovery, type RecoveryOptions } from './recovery.ts'
import { changesBetween, isReadUntil, shownOf } from './standing.ts'
import { type Stop, sweep } from './sweep.ts'
import { Tally } from './tally.ts'
import { Tenure } from './tenure.ts'
import { Timetable, type TimetableOptions } from './timetable.ts'

export interface AccountParts {
  readonly source: Source
  readonly ledger: Ledger
  readonly ownership: Ownership
  readonly encoder: Encoder
  readonly clock: Clock
  readonly random: () => number
  readonly note: (happening: Happening) => void
}

export interface AccountOptions extends ReaderOptions, PackOptions, TimetableOptions, SiftOptions, RecoveryOptions {}

/**
 * How the life of an account ended without an error. With `once` also `unproved`: something due could not be proved complete, and `paused`: nothing
 * was read, because an operator wants it so.
 */
export type Ending = 'stopped' | 'covered' | 'unproved' | 'paused'

/** As of when ranges are due, and up to where they are read. */
interface Present {
  /** A tick of every schedule at once; `null` when they tick by themselves. */
  readonly tickMs: number | null
  readonly edgeMs: number
}

export class AccountTask {
  /** Takes orders. */
  readonly attention: Attention
  private readonly parts: AccountParts
  private readonly options: AccountOptions
  private readonly program: Stop
  private readonly timetable: Timetable
  private readonly probing: Probing
  private readonly recovery: Recovery
  private readonly clockWatch: ClockWatch
  private tally = new Tally()
  private tenure: Tenure | null = null
  /** With `once`, what is due is settled when the reading begins, however often a failure interrupts it. */
  private began: Present | null = null

  constructor(parts: AccountParts, options: AccountOptions, stop: Stop) {
    this.parts = parts
    this.options = options
    this.program = stop
    this.timetable = new Timetable(options)
    this.probing = new Probing(parts, options.retryFailedMs)
    this.attention = new Attention({ ...parts, show: state => this.show(state) }, options.once, () => this.stop)
    this.recovery = new Recovery({ ...parts, probing: this.probing, attention: this.attention }, options)
    this.clockWatch = new ClockWatch(parts.clock)
  }

  /** Throws the error that stops the program; its exit code is in the policy. */
  async run(): Promise<Ending> {
    try {
      for (;;) {
        const ending = await this.untilOver()
        if (ending !== null) return ending
        await this.giveBack()
      }
    } finally {
      this.tenure?.end()
    }
  }

  /** Until told to stop, or with `once` until all is read; `null` when Kafka took the account back. */
  private async untilOver(): Promise<Ending | null> {
    const { ownership } = this.parts
    let state: AccountState | null = null
    for (;;) {
      try {
        await this.prove(state)
        this.tenure ??= await Tenure.begin(ownership, this.program, happening => this.attention.standBy(happening))
        state ??= await this.recall()
        const ending = await this.live(state)
        return this.isOver ? null : ending
      } catch (error) {
        const code = codeOf(error)
        if (this.program.soft.aborted && code === 'STOPPED') return 'stopped'
        if (this.isOver && !endsAll(error)) return null
        if (isVoidAfter(error)) state = null
        if (code === 'STOPPED' && state !== null && this.attention.isWanted) continue
        const goesOn = await this.recovery.goesOnAfter(error, { hasState: state !== null, tenure: this.tenure })
        if (!goesOn) return this.isOver ? null : 'stopped'
      }
    }
  }

  /** The program's signals, and while the account is ours Kafka's, too. */
  private get stop(): Stop {
    return this.tenure?.stop ?? this.program
  }

  private get isOver(): boolean {
    return !this.program.soft.aborted && this.tenure?.isOver === true
  }

  /** Nothing of this account is sent to Kafka after it. */
  private async giveBack(): Promise<void> {
    const { ledger, note } = this.parts
    await ledger.close()
    note({ kind: 'ownership', change: this.tenure?.ending ?? 'revoked' })
    this.tenure?.end()
    this.tenure = null
    this.recovery.begin('assigned')
  }

  /** Once the ledger is ours, a promise to stay away that is given on the way is kept there: a restart must not break it. */
  private async prove(state: AccountState | null): Promise<void> {
    const { clock, ledger, source } = this.parts
    try {
      await this.probing.prove(state === null ? this.stop.soft : this.attention.signal, state !== null)
    } catch (error) {
      if (state !== null && source.notBeforeMs() > clock.now())
        await ledger.commit(state, { rest: [], entries: [] }, this.stop.hard)
      throw error
    }
  }

  private async recall(): Promise<AccountState> {
    const { clock, ledger, source, note } = this.parts
    note({ kind: 'task', state: 'recalling' })
    const startedMs = clock.monotonic()
    const state = await ledger.recall(this.stop.hard)
    source.holdUntil(state.notBeforeMs)
    note({ kind: 'producer.reopened', reason: this.recovery.reopening() })
    note({ kind: 'recalled', durationMs: clock.monotonic() - startedMs, seen: state.seen.size, incarnation: state.incarnation })
    if (!state.paused) this.recovery.running()
    this.show(state)
    return state
  }

  /** Reads what is due until stopped, or with `once` until nothing is. */
  private async live(state: AccountState): Promise<Ending> {
    const { clock, source, ledger, encoder, note } = this.parts
    const shown = (window: Window) =>
      bookedSince(state.coverage, window, source.dialect()?.probedAtMs ?? Number.POSITIVE_INFINITY)
    const reader = new WindowReader({ ...this.parts, ...memoryOf(state.seen, clock), shown }, this.options)
    const steps = {
      account: this.options.account,
      options: this.options,
      reader: crossingOff(reader, state, clock),
      packer: new Packer(encoder, this.options),
      committer: new Committer({ ledger, clock, note: happening => this.watch(happening) }),
      clock,
    }
    const { once } = this.options
    while (!this.stop.soft.aborted) {
      await this.attention.heed(state, this.recovery)
      if (state.paused) return 'paused'
      await this.prove(state)
      const nowMs = await this.clockWatch.soundNow(() => source.probe(this.stop.soft))
      state.coverage = withoutFuture(state.coverage, nowMs)
      const present: Present = { tickMs: once ? nowMs : null, edgeMs: edgeOf(nowMs, source.skewMs()) }
      this.began ??= present
      const { tickMs, edgeMs } = once ? this.began : present
      const plan = this.timetable.plan(nowMs, tickMs)
      for (const window of passTime(state, plan, nowMs)) note({ kind: 'backfill.lost', window })
      state.coverage = age(state.coverage, nowMs)
      const due = nextOf(state, plan, nowMs, edgeMs)
      if (due === null) {
        if (once) {
          // What a commit wrote where is told by the next one: without this, a topic created anew before the next run would go unnoticed.
          await steps.committer.commit(state, steps.packer.take(), this.stop.hard)
          await steps.committer.drain()
          return isReadUntil(state, edgeMs, nowMs) ? 'covered' : 'unproved'
        }
        await this.attention.wait(this.timetable.untilNextTickMs(nowMs), true)
        continue
      }
      const [requests, beganMs, before] = [source.requests(), clock.monotonic(), { ...state }]
      this.tally = new Tally()
      const signals = { soft: this.attention.signal, hard: this.stop.hard }
      await sweep(steps, { ...due, books: before.coverage }, state, signals)
      this.recovery.succeeded()
      // A wait that the API asked for says nothing about what the schedule costs.
      const heldMs = Math.max(0, Math.min(source.notBeforeMs(), clock.now()) - nowMs)
      this.timetable.cost(due.readBy, nowMs, Math.max(0, clock.monotonic() - beganMs - heldMs), note)
      const counts = this.tally.counts(source.requests() - requests)
      const coveredThroughMs = coveredThrough(state.coverage)
      // Cut short for an order, the window was not read: what is missing of it is still due.
      if (!this.attention.isWanted)
        note({ kind: 'window.read', schedule: due.readBy, window: due.window, counts, coveredThroughMs })
      for (const happening of changesBetween(before, state)) note(happening)
      this.show(state)
    }
    return 'stopped'
  }

  private watch(happening: Happening): void {
    if (happening.kind === 'committed') this.tally.add(happening.commit)
    this.parts.note(happening)
  }

  private show(state: AccountState): void {
    for (const happening of shownOf(state, this.options, this.parts.clock.now())) this.parts.note(happening)
  }
}
