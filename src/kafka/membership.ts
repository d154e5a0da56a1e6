/**
 * This instance's place in the consumer group of its connector. The group's coordinator says which ledger partitions are ours; here that
 * becomes grants, and what it no longer says takes them back.
 *
 *   outside ──join, sync──▶ member ──heartbeat every 2 s──▶ member
 *      ▲                      │ asked to join again: grants stay, until the new assignment lacks them
 *      └── all grants lost ───┘ not heard of within the session, by our own clock: before the coordinator gives them to others
 *
 * An assignment alone proves nothing for long: a process may stand still while others take over. What makes two owners harmless is fencing;
 * what this adds is that only one of them comes back after it, because it asks first (`Grant.confirm`).
 */
import { ConnectorError } from '../errors.ts'
import { assign } from '../model/assignment.ts'
import type { Clock, Grant } from '../ports.ts'
import { Deadline } from './deadline.ts'
import { brokerCode, textOf, unreachable } from './failures.ts'
import type { GroupCoordinator } from './group-coordinator.ts'
import { finalFailure } from './group-failures.ts'
import { Holding } from './holding.ts'

export interface MembershipOptions {
  /** Finds the coordinator and connects, until the deadline. */
  readonly connect: (deadline: Deadline) => Promise<GroupCoordinator>
  readonly clock: Clock
  readonly group: string
  /** For messages. */
  readonly brokers: readonly string[]
  /** Gives nothing away to newcomers: this instance ends by itself. */
  readonly keeps: boolean
  readonly sessionMs?: number
  readonly heartbeatMs?: number
  /** For giving back what is under way when a partition moves to another instance. */
  readonly finishMs?: number
  /** How long the coordinator waits for the others to join again. */
  readonly rebalanceMs?: number
}

export const SESSION_MS = 10_000
/** Less than a session: an owner that waits for the others must not have to fear for its own. */
export const REBALANCE_MS = 6_000
const pauseMs = 500
const longestPauseMs = 5_000
/** As many as a session has room for. */
const QUICK_TRIES = 10
const partingMs = 2_000

interface Waiting {
  readonly partition: number
  /** On the monotonic clock. */
  readonly sinceMs: number
  readonly onStandby: () => void
  readonly taken: (holding: Holding) => void
  readonly failed: (error: unknown) => void
  isTold: boolean
}

export class Membership {
  readonly #options: Required<MembershipOptions>
  readonly #holdings = new Map<number, Holding>()
  readonly #waiting = new Set<Waiting>()
  #coordinator: GroupCoordinator | null = null
  #memberId = ''
  #generation = -1
  /** Our own reckoning of the session, on the monotonic clock: until then the coordinator cannot have given us up. */
  #leaseMs = 0
  #isAssigned = false
  /** Since when nothing was heard, on the monotonic clock; `null` while all is well. */
  #silentSinceMs: number | null = null
  #newest: unknown = null
  #failures = 0
  #wake = new AbortController()
  #mustJoin = true
  readonly #ended = new AbortController()
  #running: Promise<void> | null = null

  constructor(options: MembershipOptions) {
    this.#options = {
      sessionMs: SESSION_MS,
      heartbeatMs: 2_000,
      finishMs: 30_000,
      rebalanceMs: REBALANCE_MS,
      ...options,
    }
  }

  /**
   * Resolves when the group gives us this partition. `onStandby` is told, once, when it has given it to somebody else. Throws `STOPPED`,
   * `KAFKA_UNREACHABLE` when no coordinator was heard for two sessions, and what `finalFailure` makes of a refusal; then it may be called again.
   */
  async acquire(partition: number, onStandby: () => void, signal: AbortSignal): Promise<Grant> {
    this.#running ??= this.#live()
    const held = this.#holdings.get(partition)
    if (held !== undefined && !held.isRevoked) return held.take()
    if (!this.#wanted().has(partition)) this.#joinAgain()
    const found = Promise.withResolvers<Holding>()
    const sinceMs = this.#options.clock.monotonic()
    const waiting = { partition, sinceMs, onStandby, taken: found.resolve, failed: found.reject, isTold: false }
    this.#waiting.add(waiting)
    const onAbort = () => found.reject(new ConnectorError('STOPPED', 'stopped while standing by'))
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    if (this.#isAssigned) this.#tellStandby()
    try {
      return (await found.promise).take()
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#waiting.delete(waiting)
    }
  }

  /** Leaves the group, so that others need not wait for the session to end. To be called when every grant was released. Never throws. */
  async close(): Promise<void> {
    this.#ended.abort()
    await this.#running
  }

  async #live(): Promise<void> {
    const { signal } = this.#ended
    while (!signal.aborted) {
      try {
        await this.#participate()
      } catch (error) {
        if (signal.aborted) break
        this.#fall(error)
        const waitMs = Math.min(longestPauseMs, pauseMs * 2 ** Math.max(0, this.#failures - QUICK_TRIES))
        await this.#options.clock.sleep(waitMs, signal).catch(() => undefined)
      }
    }
    const memberId = this.#memberId
    this.#lose()
    await this.#leave(memberId)
  }

  /** One turn: join when needed, else wait for the next heartbeat and send it. */
  async #participate(): Promise<void> {
    const { connect, clock, heartbeatMs, sessionMs } = this.#options
    this.#coordinator ??= await connect(this.#within(this.#soon(sessionMs)))
    if (this.#mustJoin) {
      // Whoever gives something back meanwhile makes it true again.
      this.#mustJoin = false
      await this.#join(this.#coordinator).catch(error => {
        this.#mustJoin = true
        throw error
      })
      return
    }
    this.#wake = new AbortController()
    const onEnd = () => this.#wake.abort()
    this.#ended.signal.addEventListener('abort', onEnd, { once: true })
    await clock.sleep(this.#soon(heartbeatMs), this.#wake.signal).catch(() => undefined)
    this.#ended.signal.removeEventListener('abort', onEnd)
    if (this.#ended.signal.aborted || this.#mustJoin) return
    // A process that stood still for longer than its session learns it here, before it asks anybody.
    if (this.#leftMs() <= 0) this.#lose()
    await this.#beat(this.#coordinator)
  }

  async #join(coordinator: GroupCoordinator): Promise<void> {
    const { keeps, rebalanceMs, sessionMs, clock } = this.#options
    const owned = [...this.#holdings.keys()]
    // Whether our question arrived cannot be seen from here: an owner waits no longer than its session would last if it did not.
    const within = this.#within(this.#soon(rebalanceMs + sessionMs))
    const joined = await within.wait(coordinator.join(this.#memberId, { wanted: this.#wanted(), owned, keeps }))
    this.#memberId = joined.memberId
    this.#generation = joined.generation
    this.#leaseMs = clock.monotonic() + sessionMs
    const given = joined.members.length === 0 ? new Map<string, number[]>() : assign(joined.members)
    const assigned = await this.#within(sessionMs).wait(coordinator.sync(joined.memberId, joined.generation, given))
    this.#heard(clock.monotonic())
    this.#adopt(assigned)
  }

  async #beat(coordinator: GroupCoordinator): Promise<void> {
    const { clock, sessionMs } = this.#options
    const sentMs = clock.monotonic()
    try {
      await this.#within(this.#soon(sessionMs / 2)).wait(coordinator.heartbeat(this.#memberId, this.#generation))
    } catch (error) {
      // The group comes together anew. What is ours stays ours until the new assignment says otherwise.
      if (brokerCode(error) !== 'REBALANCE_IN_PROGRESS') throw error
      this.#mustJoin = true
    }
    this.#heard(sentMs)
    if (!this.#mustJoin) for (const holding of this.#holdings.values()) holding.confirmed(sentMs)
  }

  #heard(sentMs: number): void {
    this.#leaseMs = sentMs + this.#options.sessionMs
    this.#silentSinceMs = null
    this.#failures = 0
  }

  /** Takes over what the group has decided. */
  #adopt(assigned: readonly number[]): void {
    const { clock, finishMs } = this.#options
    const nowMs = clock.monotonic()
    for (const [partition, holding] of this.#holdings) {
      if (assigned.includes(partition)) holding.confirmed(nowMs)
      else holding.revoke(finishMs)
    }
    for (const partition of assigned) {
      if (!this.#holdings.has(partition)) this.#holdings.set(partition, this.#holding(partition))
    }
    this.#isAssigned = true
    for (const waiting of this.#waiting) {
      const holding = this.#holdings.get(waiting.partition)
      if (holding !== undefined && !holding.isRevoked) waiting.taken(holding)
    }
    this.#tellStandby()
  }

  #holding(partition: number): Holding {
    const holding: Holding = new Holding({
      clock: this.#options.clock,
      onAsked: () => this.#wake.abort(),
      // Given back whole: the next round may give it to somebody else.
      onFree: () => {
        if (this.#holdings.get(partition) !== holding) return
        this.#holdings.delete(partition)
        this.#joinAgain()
      },
    })
    return holding
  }

  /** What we say of ourselves has changed. */
  #joinAgain(): void {
    this.#mustJoin = true
    this.#wake.abort()
  }

  /** How many accounts of ours use or wait for each partition. An account whose API cannot be read here does neither, so others may have it. */
  #wanted(): Map<number, number> {
    const wanted = new Map([...this.#holdings].map(([partition, { users }]) => [partition, users]))
    for (const { partition } of this.#waiting) wanted.set(partition, (wanted.get(partition) ?? 0) + 1)
    return wanted
  }

  #tellStandby(): void {
    for (const waiting of this.#waiting) {
      const held = this.#holdings.get(waiting.partition)
      if (waiting.isTold || (held !== undefined && !held.isRevoked)) continue
      waiting.isTold = true
      waiting.onStandby()
    }
  }

  /** A failure: connect anew. What is ours is kept as long as nobody else can have got it. */
  #fall(error: unknown): void {
    const { clock, group, brokers, sessionMs } = this.#options
    const code = brokerCode(error)
    // Somebody else came or left while we joined: again, on the same connection.
    if (code === 'REBALANCE_IN_PROGRESS') return
    this.#coordinator?.cut()
    this.#coordinator = null
    this.#newest = error
    this.#failures += 1
    if (code === 'UNKNOWN_MEMBER_ID' || code === 'ILLEGAL_GENERATION' || code === 'FENCED_INSTANCE_ID') this.#lose()
    if (this.#leftMs() <= 0) this.#lose()
    this.#silentSinceMs ??= code === undefined ? clock.monotonic() : null
    const silentMs = clock.monotonic() - (this.#silentSinceMs ?? clock.monotonic())
    const final = finalFailure(group, error)
    if (final !== null) this.#lose()
    for (const waiting of this.#waiting) {
      const waitedMs = Math.min(silentMs, clock.monotonic() - waiting.sinceMs)
      const silence = waitedMs < 2 * sessionMs ? null : unreachable(`joining group ${group}`, brokers, waitedMs, error)
      const failure = final ?? silence
      if (failure !== null) waiting.failed(failure)
    }
  }

  /** Whatever was ours may be somebody else's by now. */
  #lose(): void {
    this.#memberId = ''
    this.#mustJoin = true
    this.#isAssigned = false
    for (const [partition, holding] of this.#holdings) {
      this.#holdings.delete(partition)
      holding.lose()
    }
  }

  /** As long, but an owner does not let its session end unnoticed. */
  #soon(ms: number): number {
    return this.#holdings.size === 0 ? ms : Math.min(ms, Math.max(0, this.#leftMs()))
  }

  #leftMs(): number {
    return this.#leaseMs - this.#options.clock.monotonic()
  }

  #within(ms: number): Deadline {
    const { clock } = this.#options
    const late = (cause: unknown) => new Error(`no answer of the group coordinator: ${textOf(cause ?? this.#newest)}`, { cause })
    return new Deadline({ clock, ms, signal: this.#ended.signal, late })
  }

  async #leave(memberId: string): Promise<void> {
    const { clock } = this.#options
    const late = () => new Error('the coordinator did not answer')
    const deadline = new Deadline({ clock, ms: partingMs, signal: new AbortController().signal, late })
    const coordinator = this.#coordinator
    if (coordinator !== null && memberId !== '') await deadline.wait(coordinator.leave(memberId)).catch(() => undefined)
    coordinator?.cut()
  }
}
