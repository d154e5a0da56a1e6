/**
 * An account's ledger for those who only look: what `peek` gives, refused when it is not ours, and nothing else. Opens no transactional id and
 * joins no group, so a running owner cannot notice.
 */
import type { LedgerSnapshot, LedgerView } from '../looking-ports.ts'
import type { Clock, LedgerReader } from '../ports.ts'
import { assertOurs, type Identity } from './identity.ts'
import { LedgerTime } from './ledger-time.ts'
import { LedgerGlance, LedgerMemory } from './memory.ts'

export interface LedgerViewParts {
  readonly reader: LedgerReader
  readonly clock: Clock
}

export interface LedgerViewOptions {
  readonly identity: Identity
  /** The account's partition of the ledger topic. */
  readonly partition: number
  readonly maxSeen: number
  /** Fingerprint of the present record rules. */
  readonly rules: string
}

export function createLedgerView({ reader, clock }: LedgerViewParts, options: LedgerViewOptions): LedgerView {
  const { identity, partition, maxSeen, rules } = options
  return {
    async peek(signal): Promise<LedgerSnapshot> {
      const memory = new LedgerMemory(new LedgerGlance(identity.account), maxSeen, new LedgerTime(clock, null), clock.now())
      await reader.peek(identity.ledgerTopic, partition, record => memory.take(record), signal)
      const { birth, checkpoint, seen } = memory
      assertOurs(identity, birth, checkpoint)
      return {
        seen,
        contentAt: slot => seen.contentAt(slot),
        coverage: checkpoint?.coverage ?? null,
        rules: memory.rules.indexOf(rules),
        rulesSinceMs: memory.rules.every(known => known === rules) ? 0 : (memory.rulesSinceMs.get(rules) ?? clock.now()),
        notBeforeMs: checkpoint?.notBefore ?? 0,
      }
    },
  }
}
