/** One account's share of the membership: its ledger partition, and whether to wait for it. */
import { ConnectorError } from '../errors.ts'
import type { Ownership } from '../ports.ts'
import type { Membership } from './membership.ts'

export interface OwnershipOptions {
  readonly membership: Membership
  readonly group: string
  readonly partition: number
  /** Stands by while another instance owns the account; else `acquire` throws `FENCED`. */
  readonly waits: boolean
}

export function createOwnership({ membership, group, partition, waits }: OwnershipOptions): Ownership {
  return {
    acquire: async (onStandby, signal) => {
      if (waits) return await membership.acquire(partition, onStandby, signal)
      const owned = new AbortController()
      try {
        return await membership.acquire(partition, () => owned.abort(), AbortSignal.any([signal, owned.signal]))
      } catch (error) {
        if (signal.aborted || !owned.signal.aborted) throw error
        throw new ConnectorError('FENCED', `another instance of "${group}" owns the account`, { cause: error })
      }
    },
  }
}
