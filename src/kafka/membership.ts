/**
 * This instance's place in the consumer group of its connector. The coordinator says which ledger partitions are ours; here that becomes grants.
 *
 *   outside ──join, sync──▶ member ──heartbeat every 2 s──▶ member
 *      ▲                      │ asked to join again: grants stay, until the new assignment lacks them
 *      └── all grants lost ───┘ not heard of within the session, by our own clock: before the coordinator gives them to others
 *
 * An assignment alone proves nothing for long: a process may stand still while others take over. What makes two owners harmless is fencing;
 * what this adds is that only one of them comes back after it, because it asks first (`Grant.confirm`).
 */
import { assign } from '../model/assignment.ts'
import type { Clock, Grant } from '../ports.ts'
import { Deadline } from './deadline.ts'
import { brokerCode, textOf, unreachable } from './failures.ts'
import type { GroupCoordinator } from './group-coordinator.ts'
import { finalFailure } from './group-failures.ts'
import { Holding } from './group-holding.ts'
import { Session } from './group-session.ts'
import { Waiting } from './group-waiting.ts'

export interface MembershipOptions {
  /** Finds the coordinator and connects, until the deadline. */
  readonly connect: (deadline: Deadline) => Promise<GroupCoordinator>
  readonly clock: Clock
  readonly group: string
  readonly brokers: readonly string[]
  /** Gives nothing away to newcomers: this instance ends by itself. */
  readonly keeps: boolean
  readonly sessionMs?: number
  readonly heartbeatMs?: number
  /** For giving back what is under way when a partition moves to another instance. */
  readonly finishMs?: number
  readonly rebalanceMs?: number
}

export const SESSION_MS = 10_000
/** How long the coordinator waits for all to join again. Less than a session, or an owner that waits would fear for its own. */
export const REBALANCE_MS = 6_000
const partingMs = 2_000
/** The coordinator does not count us any more. */
const givenUp = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION'])

export class Membership {
  readonly #options: Required<MembershipOptions>
  readonly #holdings = new Map<number, Holding>()
  readonly #waiting: Waiting
  readonly #session: Session
  #coordinator: GroupCoordinator | null = null
  #memberId = ''
  #generation = -1
  /** The partitions wanted when the group was last assigned. */
  #asked: ReadonlyMap<number, number> = new Map()
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
    this.#waiting = new Waiting(options.clock)
    this.#session = new Session(options.clock, this.#options.sessionMs)
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
    const found = this.#waiting.wait(partition, onStandby, signal)
    this.#tellStandby()
    return (await found).take()
  }

  /** Leaves the group, so that others need not wait for the session to end. To be called when every grant was released. Never throws. */
  async close(): Promise<void> {
    this.#ended.abort()
    this.#wake.abort()
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
        await this.#options.clock.sleep(this.#session.pauseMs(), signal).catch(() => undefined)
      }
    }
    await this.#leave()
    this.#lose()
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
    await clock.sleep(this.#soon(heartbeatMs), this.#wake.signal).catch(() => undefined)
    if (this.#ended.signal.aborted || this.#mustJoin) return
    // A process that stood still for longer than its session learns it here, before it asks anybody.
    if (this.#session.leftMs() <= 0) this.#lose()
    else await this.#beat(this.#coordinator)
  }

  async #join(coordinator: GroupCoordinator): Promise<void> {
    const { keeps, rebalanceMs, sessionMs, clock } = this.#options
    const [wanted, owned] = [this.#wanted(), [...this.#holdings.keys()]]
    // Whether our question arrived cannot be seen from here: an owner waits no longer than its session would last if it did not.
    const within = this.#within(this.#soon(rebalanceMs + sessionMs))
    const joined = await within.wait(coordinator.join(this.#memberId, { wanted, owned, keeps }))
    this.#memberId = joined.memberId
    this.#generation = joined.generation
    this.#session.renew(clock.monotonic())
    const given = joined.members.length === 0 ? new Map<string, number[]>() : assign(joined.members)
    const assigned = await this.#within(sessionMs).wait(coordinator.sync(joined.memberId, joined.generation, given))
    this.#session.heard(clock.monotonic())
    this.#asked = wanted
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
    this.#session.heard(sentMs)
    if (!this.#mustJoin) for (const holding of this.#holdings.values()) holding.confirmed(sentMs)
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
    for (const [partition, holding] of this.#holdings) if (!holding.isRevoked) this.#waiting.give(partition, holding)
    this.#tellStandby()
  }

  /** Those whose partition was asked for when the group was last assigned, and was not given. */
  #tellStandby(): void {
    this.#waiting.tell(place => this.#asked.has(place) && this.#holdings.get(place)?.isRevoked !== false)
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
    for (const partition of this.#waiting.partitions()) wanted.set(partition, (wanted.get(partition) ?? 0) + 1)
    return wanted
  }

  /** A failure: connect anew. What is ours is kept as long as nobody else can have got it. */
  #fall(error: unknown): void {
    const { group, brokers, sessionMs } = this.#options
    const code = brokerCode(error)
    // Somebody else came or left while we joined: again, on the same connection.
    if (code === 'REBALANCE_IN_PROGRESS') return
    this.#coordinator?.cut()
    this.#coordinator = null
    const silentMs = this.#session.failed(error, code !== undefined)
    const final = finalFailure(group, error)
    if (final !== null || givenUp.has(code ?? '') || this.#session.leftMs() <= 0) this.#lose()
    const tooLong = (ms: number) => unreachable(`joining group ${group}`, brokers, ms, error)
    this.#waiting.fail(waitedMs => final ?? (Math.min(waitedMs, silentMs) < 2 * sessionMs ? null : tooLong(silentMs)))
  }

  /** Whatever was ours may be somebody else's by now. */
  #lose(): void {
    this.#memberId = ''
    this.#mustJoin = true
    this.#asked = new Map()
    for (const [partition, holding] of this.#holdings) {
      this.#holdings.delete(partition)
      holding.lose()
    }
  }

  /** As long, but an owner does not let its session end unnoticed. */
  #soon(ms: number): number {
    return this.#holdings.size === 0 ? ms : Math.min(ms, Math.max(0, this.#session.leftMs()))
  }

  #within(ms: number): Deadline {
    const { clock } = this.#options
    const late = (cause: unknown) =>
      new Error(`no answer of the group coordinator: ${textOf(cause ?? this.#session.newest)}`, { cause })
    return new Deadline({ clock, ms, signal: this.#ended.signal, late })
  }

  async #leave(): Promise<void> {
    const [{ clock }, { signal }] = [this.#options, new AbortController()]
    const deadline = new Deadline({ clock, ms: partingMs, signal, late: () => new Error('no answer') })
    const left = this.#memberId === '' ? null : this.#coordinator?.leave(this.#memberId)
    await deadline.wait(left ?? Promise.resolve()).catch(() => undefined)
    this.#coordinator?.cut()
  }
}
