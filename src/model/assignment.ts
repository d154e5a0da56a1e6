/**
 * Which instance owns which ledger partition, decided by the group's leader from what each member says of itself. Sticky: a partition moves
 * only to level the number of accounts. Cooperative: one that moves is given to nobody in this round, so that its owner stops and gives it back
 * before the next round gives it on. Two members never own the same partition by one assignment.
 */

export interface GroupMember {
  readonly id: string
  /** Ledger partitions with accounts in this member's settings, and how many. */
  readonly wanted: ReadonlyMap<number, number>
  /** What it owns now, until it has given it back. */
  readonly owned: readonly number[]
  /** Gives nothing away: it ends by itself (`run --once`). */
  readonly keeps: boolean
}

/** Every member's partitions, ascending; the same for the same members in any order. */
export function assign(group: readonly GroupMember[]): ReadonlyMap<string, number[]> {
  const members = group.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const accounts = new Map<number, number>()
  for (const { wanted } of members)
    for (const [partition, count] of wanted) accounts.set(partition, Math.max(count, accounts.get(partition) ?? 0))

  const owners = ownersOf(members)
  const target = new Target(members, accounts)
  for (const [partition, owner] of owners) if (owner !== null) target.put(partition, owner)
  const free = [...accounts.keys()].filter(partition => !owners.has(partition))
  // The heaviest first, or the last one could not be levelled any more.
  free.sort((a, b) => (accounts.get(b) ?? 0) - (accounts.get(a) ?? 0) || a - b)
  for (const partition of free) target.putOnLightest(partition)
  target.level()

  const given = new Map(members.map(({ id }): [string, number[]] => [id, []]))
  for (const [partition, member] of target.holders) {
    if (!owners.has(partition) || owners.get(partition) === member) given.get(member.id)?.push(partition)
  }
  for (const partitions of given.values()) partitions.sort((a, b) => a - b)
  return given
}

/** Who owns each partition that is not free; `null` where two say so: then both give it back. */
function ownersOf(members: readonly GroupMember[]): Map<number, GroupMember | null> {
  const owners = new Map<number, GroupMember | null>()
  for (const member of members) for (const partition of member.owned) owners.set(partition, owners.has(partition) ? null : member)
  return owners
}

class Target {
  readonly holders = new Map<number, GroupMember>()
  private readonly members: readonly GroupMember[]
  private readonly accounts: ReadonlyMap<number, number>
  private readonly loads = new Map<GroupMember, number>()

  constructor(members: readonly GroupMember[], accounts: ReadonlyMap<number, number>) {
    this.members = members
    this.accounts = accounts
  }

  put(partition: number, member: GroupMember): void {
    const before = this.holders.get(partition)
    if (before !== undefined) this.loads.set(before, this.loadOf(before) - this.weightOf(partition))
    this.holders.set(partition, member)
    this.loads.set(member, this.loadOf(member) + this.weightOf(partition))
  }

  putOnLightest(partition: number): void {
    const [lightest] = this.members
      .filter(({ wanted }) => wanted.has(partition))
      .toSorted((a, b) => this.loadOf(a) - this.loadOf(b))
    if (lightest !== undefined) this.put(partition, lightest)
  }

  /** Each move makes two loads more alike, so it ends. */
  level(): void {
    for (let move = this.nextMove(); move !== null; move = this.nextMove()) this.put(...move)
  }

  private nextMove(): [partition: number, to: GroupMember] | null {
    for (const [partition, from] of this.holders) {
      if (from.keeps) continue
      const to = this.members.find(
        member => member.wanted.has(partition) && this.loadOf(member) + this.weightOf(partition) < this.loadOf(from),
      )
      if (to !== undefined) return [partition, to]
    }
    return null
  }

  private loadOf(member: GroupMember): number {
    return this.loads.get(member) ?? 0
  }

  private weightOf(partition: number): number {
    return this.accounts.get(partition) ?? 0
  }
}
