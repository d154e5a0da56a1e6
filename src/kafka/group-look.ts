/** Who is in a consumer group, seen from outside: nothing joins, so nobody is disturbed. */
import type Cluster from 'kafkajs/src/cluster/index.js'
import { ConnectorError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import { askCluster, askingDeadline } from './ask-cluster.ts'
import type { KafkaClient } from './client.ts'
import { brokerCode } from './failures.ts'
import { GROUP_COORDINATOR, PROTOCOL, partitionsIn } from './group-coordinator.ts'
import { SESSION_MS } from './membership.ts'

export interface GroupLookOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly group: string
  /** The ledger topic, whose partitions the members own. */
  readonly topic: string
  /** For one look, in milliseconds; 20 s. */
  readonly deadlineMs?: number
}

export interface SeenMember {
  readonly id: string
  readonly host: string
  readonly owned: readonly number[]
}

const pauseMs = 500
/** How long a member may be listed that does not live any more. */
const longestSessionMs = SESSION_MS + 3_000

/**
 * Throws `KAFKA_UNREACHABLE`, `KAFKA_UNAUTHORIZED` when looking or joining is not allowed, `SETTINGS_INVALID` when the group is another
 * program's, `STOPPED`.
 */
export async function lookAtGroup(options: GroupLookOptions, signal: AbortSignal): Promise<SeenMember[]> {
  const { client, clock, group, topic, deadlineMs = 20_000 } = options
  const asking = { client, clock, doing: `looking at consumer group ${group}`, deadlineMs, pauseMs }
  const deadline = askingDeadline(asking, signal)
  return await askCluster(asking, deadline, async cluster => {
    const asked = { groupId: group, coordinatorType: GROUP_COORDINATOR }
    const coordinator = await deadline.wait(cluster.findGroupCoordinator(asked))
    const { groups } = await deadline.wait(coordinator.describeGroups({ groupIds: [group] }))
    await deadline.wait(mayJoin(coordinator, group))
    const { members = [], protocol = '' } = groups[0] ?? {}
    if (protocol !== '' && protocol !== PROTOCOL)
      throw new ConnectorError(
        'SETTINGS_INVALID',
        `consumer group ${group} is used by another program (${protocol}): give the connector another \`name\``,
      )
    return members.map(({ memberId, clientHost, memberAssignment }) => ({
      id: memberId,
      host: clientHost.replace(/^\//, ''),
      owned: partitionsIn(memberAssignment, topic),
    }))
  })
}

/** A heartbeat of nobody needs the same right as joining, and changes nothing. */
async function mayJoin(coordinator: Cluster.Broker, groupId: string): Promise<void> {
  try {
    await coordinator.heartbeat({ groupId, groupGenerationId: 0, memberId: 'nobody' })
  } catch (error) {
    if (brokerCode(error) !== 'UNKNOWN_MEMBER_ID') throw error
  }
}

/**
 * Resolves when the group is empty. `onWaiting` is told when there are members: a killed one is still listed until its session ends, 10 s.
 * Throws `FENCED` when one lives, and what `lookAtGroup` throws.
 */
export async function awaitEmptyGroup(
  options: GroupLookOptions,
  onWaiting: (members: readonly SeenMember[]) => void,
  signal: AbortSignal,
): Promise<void> {
  const { clock, group } = options
  const untilMs = clock.monotonic() + longestSessionMs
  let isTold = false
  for (;;) {
    const members = await lookAtGroup(options, signal)
    if (members.length === 0) return
    if (!isTold) onWaiting(members)
    isTold = true
    if (clock.monotonic() >= untilMs) {
      const hosts = [...new Set(members.map(({ host }) => host))].join(', ')
      throw new ConnectorError(
        'FENCED',
        `"${group}" is running already (on ${hosts}) and reads what is due by itself: nothing was done; stop it first if --once is to read`,
      )
    }
    await clock.sleep(pauseMs, signal)
  }
}
