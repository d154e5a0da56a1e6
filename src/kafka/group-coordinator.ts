/**
 * The consumer group protocol, question by question. kafkajs's own consumer is of no use for ownership: it beats only between two fetches,
 * tells of a rebalance when it is over, and cannot be asked for a heartbeat now. So its encoders are used and the turns are ours
 * (`membership.ts`). The bytes are those of the consumer protocol, so that kafka-consumer-groups.sh shows who owns what.
 */
import kafkajs from 'kafkajs'
import type Cluster from 'kafkajs/src/cluster/index.js'
import type { GroupMember } from '../model/assignment.ts'
import type { KafkaClient } from './client.ts'
import type { Deadline } from './deadline.ts'

const { AssignerProtocol } = kafkajs

/** What a member says of itself when it joins. */
export type MemberNote = Omit<GroupMember, 'id'>

export interface Joined {
  readonly memberId: string
  readonly generation: number
  /** Every member when this one leads the group, nobody otherwise. */
  readonly members: readonly GroupMember[]
}

/** A connection to the coordinator of one group. Each call throws the broker's code when it refuses. */
export interface GroupCoordinator {
  /** Resolves when every member has joined again. `memberId` is empty for a newcomer. */
  join(memberId: string, note: MemberNote): Promise<Joined>
  /** Resolves with this member's partitions; `given` is empty unless this member leads. */
  sync(memberId: string, generation: number, given: ReadonlyMap<string, readonly number[]>): Promise<readonly number[]>
  heartbeat(memberId: string, generation: number): Promise<void>
  leave(memberId: string): Promise<void>
  /** Ends the connection at once. */
  cut(): void
}

export interface GroupOptions {
  readonly client: KafkaClient
  readonly group: string
  /** The partitions assigned are those of this topic. */
  readonly topic: string
  /** A member that is not heard for so long has left. Milliseconds, within the broker's group.min/max.session.timeout.ms. */
  readonly sessionMs: number
  /** How long the coordinator waits for every member to join again. Milliseconds. */
  readonly rebalanceMs: number
}

/** The name under which members must agree how partitions are assigned; another assignment would need another name. */
export const PROTOCOL = 'call-log-source'
export const GROUP_COORDINATOR = 0

/** Finds the coordinator and connects. */
export async function connectToGroup(options: GroupOptions, deadline: Deadline): Promise<GroupCoordinator> {
  const { cluster, cut } = options.client.cluster()
  try {
    await deadline.wait(cluster.connect())
    await deadline.wait(cluster.addMultipleTargetTopics([options.topic]))
    const asked = { groupId: options.group, coordinatorType: GROUP_COORDINATOR }
    return coordinatorOn(await deadline.wait(cluster.findGroupCoordinator(asked)), options, cut)
  } catch (error) {
    cut()
    throw error
  }
}

function coordinatorOn(broker: Cluster.Broker, options: GroupOptions, cut: () => void): GroupCoordinator {
  const { group: groupId, topic, sessionMs: sessionTimeout, rebalanceMs: rebalanceTimeout } = options
  return {
    join: async (memberId, note) => {
      const groupProtocols = [{ name: PROTOCOL, metadata: encodeNote(note, topic) }]
      const joined = await broker.joinGroup({ groupId, sessionTimeout, rebalanceTimeout, memberId, groupProtocols })
      return {
        memberId: joined.memberId,
        generation: joined.generationId,
        members: joined.members.map(({ memberId: id, memberMetadata }) => ({ id, ...decodeNote(memberMetadata) })),
      }
    },
    sync: async (memberId, generationId, given) => {
      const groupAssignment = [...given].map(([id, partitions]) => ({
        memberId: id,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: 0,
          assignment: partitions.length === 0 ? {} : { [topic]: [...partitions] },
          userData: Buffer.alloc(0),
        }),
      }))
      const { memberAssignment } = await broker.syncGroup({ groupId, generationId, memberId, groupAssignment })
      return partitionsIn(memberAssignment, topic)
    },
    heartbeat: async (memberId, groupGenerationId) => {
      await broker.heartbeat({ groupId, groupGenerationId, memberId })
    },
    leave: async memberId => {
      await broker.leaveGroup({ groupId, memberId })
    },
    cut,
  }
}

/** The partitions of a topic in a member's assignment; none in the empty one of a member without any. */
export function partitionsIn(assignment: Buffer, topic: string): readonly number[] {
  return AssignerProtocol.MemberAssignment.decode(assignment)?.assignment[topic] ?? []
}

export function encodeNote({ wanted, owned, keeps }: MemberNote, topic: string): Buffer {
  const userData = Buffer.from(JSON.stringify({ wanted: [...wanted], owned, keeps }))
  return AssignerProtocol.MemberMetadata.encode({ version: 1, topics: [topic], userData })
}

/** Nothing is expected of a member that does not say what we would: it gets nothing and is believed to own nothing. */
export function decodeNote(bytes: Buffer): MemberNote {
  const nothing: MemberNote = { wanted: new Map(), owned: [], keeps: false }
  try {
    const said: unknown = JSON.parse(AssignerProtocol.MemberMetadata.decode(bytes)?.userData.toString() ?? '')
    if (typeof said !== 'object' || said === null) return nothing
    const { wanted, owned, keeps } = { wanted: [], owned: [], keeps: false, ...said }
    return { wanted: new Map(pairsIn(wanted)), owned: wholeIn(owned), keeps: keeps === true }
  } catch {
    return nothing
  }
}

function wholeIn(value: unknown): number[] {
  return Array.isArray(value) ? value.filter(item => Number.isSafeInteger(item) && item >= 0) : []
}

function pairsIn(value: unknown): [number, number][] {
  if (!Array.isArray(value)) return []
  return value.flatMap((pair): [number, number][] => {
    const [partition, accounts] = wholeIn(pair)
    return partition === undefined || accounts === undefined ? [] : [[partition, accounts]]
  })
}
