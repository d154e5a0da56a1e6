/**
 * Who believes to own the accounts. In some stories the real membership of a consumer group on a coordinator in memory, with wires that are cut;
 * in others an assignment that gives to everybody who asks and confirms at random: then fencing alone stands between two owners.
 */
import { ConnectorError } from '../../../src/errors.ts'
import { Membership } from '../../../src/kafka/membership.ts'
import { createOwnership } from '../../../src/kafka/ownership.ts'
import { MINUTE_MS } from '../../../src/model/window.ts'
import type { Clock, Ownership } from '../../../src/ports.ts'
import { MemoryGroup, Wire } from '../../support/memory-group.ts'
import type { Dice } from '../../support/simulator/dice.ts'

export type Assignment = 'group' | 'quarrel'

/** Longer than in earnest, so that a story does not consist of heartbeats. */
const SESSION_MS = 60_000
const HEARTBEAT_MS = 13_000

/** The group, as all instances of a story share it. */
export function groupOn(clock: Clock): MemoryGroup {
  return new MemoryGroup({ clock, sessionMs: SESSION_MS })
}

/** After so long nobody who is dead is a member any more. */
export const PARTED_MS = 3 * SESSION_MS

export interface OwnerParts {
  /** That of the process. */
  readonly clock: Clock
  readonly dice: Dice
  readonly once: boolean
}

/** What one process has of it. */
export interface Owner {
  readonly ownership: Ownership
  /** `null` where there is nothing to cut. */
  readonly wire: Wire | null
  close(): Promise<void>
}

export function memberOf(group: MemoryGroup, { clock, once }: OwnerParts): Owner {
  const wire = new Wire()
  const membership = new Membership({
    connect: async () => group.connect(wire),
    clock,
    group: 'kaleyra',
    brokers: ['memory:9092'],
    keeps: once,
    sessionMs: SESSION_MS,
    heartbeatMs: HEARTBEAT_MS,
  })
  return {
    ownership: createOwnership({ membership, group: 'kaleyra', partition: 0, waits: !once }),
    wire,
    close: () => membership.close(),
  }
}

export function quarreller({ clock, dice, once }: OwnerParts): Owner {
  let hasLost = false
  const ownership: Ownership = {
    acquire: async (onStandby, signal) => {
      if (hasLost) {
        if (once) throw new ConnectorError('FENCED', 'another instance owns the account')
        onStandby()
        await clock.sleep(dice.whole(0, 10 * MINUTE_MS), signal)
      }
      const over = new AbortController()
      const confirm = async () => {
        await clock.sleep(dice.whole(1, 3_000), signal)
        if (dice.chance(0.5)) return true
        hasLost = true
        over.abort()
        return false
      }
      return { revoked: over.signal, lost: over.signal, confirm, release: () => undefined }
    },
  }
  return { ownership, wire: null, close: async () => undefined }
}
