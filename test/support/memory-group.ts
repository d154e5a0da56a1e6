/**
 * The coordinator of one consumer group in memory: sessions that end, generations, rebalances that wait for every member, leaders that assign.
 * As a broker's classic protocol, without its disk.
 */
import type { GroupCoordinator, Joined, MemberNote } from '../../src/kafka/group-coordinator.ts'
import type { Clock } from '../../src/ports.ts'

interface Member {
  readonly id: string
  note: MemberNote
  expiresMs: number
  /** Waits for the others to join. */
  joining: PromiseWithResolvers<Joined> | null
  syncing: PromiseWithResolvers<readonly number[]> | null
}

type State = 'empty' | 'preparing' | 'completing' | 'stable'

export interface MemoryGroupOptions {
  readonly clock: Clock
  readonly sessionMs?: number
  readonly rebalanceMs?: number
}

/** Between one instance and the coordinator. */
export class Wire {
  /** Neither questions nor answers get through, and nobody is told. */
  isCut = false
}

const never = new AbortController().signal

export class MemoryGroup {
  generation = 0
  rebalances = 0
  readonly #clock: Clock
  readonly #sessionMs: number
  readonly #rebalanceMs: number
  readonly #members = new Map<string, Member>()
  #state: State = 'empty'
  #given: ReadonlyMap<string, readonly number[]> = new Map()
  #joined = 0

  constructor({ clock, sessionMs = 10_000, rebalanceMs = 6_000 }: MemoryGroupOptions) {
    this.#clock = clock
    this.#sessionMs = sessionMs
    this.#rebalanceMs = rebalanceMs
  }

  get members(): number {
    this.#expire()
    return this.#members.size
  }

  connect(wire: Wire = new Wire()): GroupCoordinator {
    let isOpen = true
    const over = async <T>(answer: () => Promise<T>): Promise<T> => {
      await Promise.resolve()
      if (!isOpen || wire.isCut) return new Promise<T>(() => undefined)
      this.#expire()
      const given = await answer()
      // An answer that comes while the wire is cut is lost.
      return !isOpen || wire.isCut ? new Promise<T>(() => undefined) : given
    }
    return {
      join: (id, note) => over(() => this.#join(id, note)),
      sync: (id, generation, given) => over(() => this.#sync(id, generation, given)),
      heartbeat: (id, generation) => over(() => this.#heartbeat(id, generation)),
      leave: id => over(async () => this.#drop(id)),
      cut: () => {
        isOpen = false
      },
    }
  }

  async #join(asked: string, note: MemberNote): Promise<Joined> {
    if (asked !== '' && !this.#members.has(asked)) throw refusal('UNKNOWN_MEMBER_ID')
    if (asked === '') this.#joined += 1
    const id = asked === '' ? `member-${String(this.#joined).padStart(4, '0')}` : asked
    const joining = Promise.withResolvers<Joined>()
    const member: Member = { id, note, expiresMs: this.#clock.now(), joining, syncing: null }
    this.#members.set(id, member)
    this.#touch(member)
    this.#rebalance()
    this.#completeJoin()
    return joining.promise
  }

  async #sync(id: string, generation: number, given: ReadonlyMap<string, readonly number[]>): Promise<readonly number[]> {
    const member = this.#known(id, generation)
    this.#touch(member)
    if (this.#state === 'preparing') throw refusal('REBALANCE_IN_PROGRESS')
    if (given.size > 0) {
      this.#given = given
      this.#state = 'stable'
      for (const other of this.#members.values()) other.syncing?.resolve(given.get(other.id) ?? [])
    }
    if (this.#state === 'stable') return this.#given.get(id) ?? []
    member.syncing = Promise.withResolvers()
    return member.syncing.promise
  }

  async #heartbeat(id: string, generation: number): Promise<void> {
    const member = this.#known(id, generation)
    this.#touch(member)
    if (this.#state !== 'stable') throw refusal('REBALANCE_IN_PROGRESS')
  }

  #known(id: string, generation: number): Member {
    const member = this.#members.get(id)
    if (member === undefined) throw refusal('UNKNOWN_MEMBER_ID')
    if (generation !== this.generation) throw refusal('ILLEGAL_GENERATION')
    return member
  }

  #touch(member: Member): void {
    member.expiresMs = this.#clock.monotonic() + this.#sessionMs
    void this.#clock.sleep(this.#sessionMs + 1, never).then(() => this.#expire())
  }

  /** A member that waits for the others is not expected to beat. */
  #expire(): void {
    for (const { id, expiresMs, joining } of [...this.#members.values()])
      if (joining === null && expiresMs < this.#clock.monotonic()) this.#drop(id)
  }

  #drop(id: string): void {
    const member = this.#members.get(id)
    if (member === undefined) return
    this.#members.delete(id)
    member.joining?.reject(refusal('UNKNOWN_MEMBER_ID'))
    member.syncing?.reject(refusal('UNKNOWN_MEMBER_ID'))
    if (this.#members.size === 0) this.#state = 'empty'
    else if (this.#state !== 'preparing') this.#rebalance()
    this.#completeJoin()
  }

  #rebalance(): void {
    if (this.#state === 'preparing') return
    this.#state = 'preparing'
    for (const { syncing } of this.#members.values()) syncing?.reject(refusal('REBALANCE_IN_PROGRESS'))
    const generation = this.generation
    void this.#clock.sleep(this.#rebalanceMs, never).then(() => {
      if (this.generation !== generation || this.#state !== 'preparing') return
      for (const { id, joining } of [...this.#members.values()]) if (joining === null) this.#members.delete(id)
      this.#completeJoin()
    })
  }

  #completeJoin(): void {
    const members = [...this.#members.values()]
    if (this.#state !== 'preparing' || members.length === 0 || members.some(({ joining }) => joining === null)) return
    this.generation += 1
    this.rebalances += 1
    this.#state = 'completing'
    this.#given = new Map()
    const all = members.map(({ id, note }) => ({ id, ...note }))
    members.forEach((member, index) => {
      this.#touch(member)
      member.syncing = null
      member.joining?.resolve({ memberId: member.id, generation: this.generation, members: index === 0 ? all : [] })
      member.joining = null
    })
  }
}

function refusal(type: string): Error {
  return Object.assign(new Error(type), { type })
}
