/**
 * What an account that the ledger does not know finds around itself: whether this connector was ever here, and whether its SID was read under
 * another label. All partitions are looked through, once in the life of an account.
 */
import type { LedgerReader, LedgerRecord } from '../ports.ts'
import { decodeBirth, decodeCheckpoint } from './codec.ts'
import { assertOurs, assertSidIsNew, type Identity } from './identity.ts'
import { accountOfCheckpoint, BIRTH_KEY } from './memory.ts'

/** Whether any account has ever claimed a partition of this topic. Every birth must be ours, or the whole topic is somebody else's: throws `LEDGER_MISMATCH`. */
export async function isBorn(reader: LedgerReader, identity: Identity, signal: AbortSignal): Promise<boolean> {
  let isOurs = false
  const onRecord = ({ key, value }: LedgerRecord) => {
    if (value === null) return
    if (key === BIRTH_KEY) {
      assertOurs(identity, decodeBirth(value), null)
      isOurs = true
    }
    const account = accountOfCheckpoint(key)
    if (account !== null && account !== identity.account && identity.labels?.includes(account) !== true)
      assertSidIsNew(identity, account, decodeCheckpoint(value))
  }
  for (let partition = 0; partition < identity.ledgerPartitions; partition += 1)
    await reader.peek(identity.ledgerTopic, partition, onRecord, signal)
  return isOurs
}
