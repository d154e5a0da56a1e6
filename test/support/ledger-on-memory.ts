/** A ledger and its topics on an in-memory Kafka, as wiring would build it. */

import { SharedPublisher } from '../../src/kafka/shared-publisher.ts'
import type { Identity } from '../../src/ledger/identity.ts'
import { createLedger, type LedgerOptions } from '../../src/ledger/ledger.ts'
import type { Dialect } from '../../src/model/dialect.ts'
import { DAY_MS } from '../../src/model/window.ts'
import type { Clock, Ledger, LedgerReader } from '../../src/ports.ts'
import { MemoryCluster } from './memory-kafka.ts'

export const identity: Identity = {
  name: 'kaleyra',
  account: 'main',
  sid: 'HX0000000001US',
  ledgerTopic: 'ledger',
  ledgerPartitions: 1,
  eventsTopic: 'events',
  deadLettersTopic: 'dlq',
  filters: '',
}

export const usualOptions: LedgerOptions = {
  identity,
  partition: 0,
  maxSeen: 100_000,
  startFromMs: DAY_MS,
  rules: 'rules-1',
  firstStart: false,
}

export const noSignal = new AbortController().signal

export async function memoryCluster(ledgerPartitions = 1, cluster = new MemoryCluster()): Promise<MemoryCluster> {
  const spec = (name: string, partitions: number) => ({ name, partitions, replicationFactor: 1, config: {}, required: {} })
  await cluster.topics().ensure([spec('ledger', ledgerPartitions), spec('events', 2), spec('dlq', 1)], true, noSignal)
  return cluster
}

export function ledgerOn(
  cluster: MemoryCluster,
  clock: Clock,
  overrides: Partial<LedgerOptions> = {},
  notBeforeMs = () => 0,
  dialect: () => Dialect | null = () => null,
  reader: LedgerReader = cluster.reader({ blockedMs: 1_000, clock }),
): Ledger {
  return createLedger(
    {
      publisher: cluster.publisher('kaleyra-0'),
      reader,
      topics: cluster.topics(),
      clock,
      notBeforeMs,
      dialect,
    },
    { ...usualOptions, ...overrides },
  )
}

/** Makes the ledgers of the accounts of one process: those of one partition share its producer. */
export function processOn(cluster: MemoryCluster, clock: Clock, ledgerPartitions = 1) {
  const shared = new Map<number, SharedPublisher>()
  return (account: string, partition = 0, overrides: Partial<LedgerOptions> = {}): Ledger => {
    const reader = cluster.reader({ blockedMs: 1_000, clock })
    const publisher = cluster.publisher(`kaleyra-${partition}`)
    const producer = shared.get(partition) ?? new SharedPublisher({ publisher, reader, clock })
    shared.set(partition, producer)
    const parts = { ...producer.view(), topics: cluster.topics(), clock, notBeforeMs: () => 0, dialect: () => null }
    const own = { ...identity, account, sid: `HX-${account}`, ledgerPartitions }
    return createLedger(parts, { ...usualOptions, identity: own, partition, ...overrides })
  }
}
