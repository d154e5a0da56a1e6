/**
 * Writes `<version>.json`: a small ledger as this release writes it, birth, checkpoints with every field used, deltas and tombstones, keys and
 * values as in Kafka. Every later release must read it (`test/ledger/golden.test.ts`). Made once for each release, when its formats are final:
 *
 *   node test/ledger/golden/make.ts
 *
 * Files of releases that are out are never made again. When a checkpoint gained a field, give it a value in `fillBooks` first.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ledgerOn, memoryCluster, noSignal } from '../../support/ledger-on-memory.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { dialect, fillBooks, identityOfGolden, remember, startMs, TOMBSTONED_AFTER_MS } from './state.ts'

export interface GoldenRecord {
  readonly key: string
  /** Base64; `null` for a tombstone. */
  readonly value: string | null
  readonly timestampMs: number
}

/** The life of one account: a few commits, nine days and more of standstill, and one more commit. */
async function goldenRecords(): Promise<GoldenRecord[]> {
  const cluster = await memoryCluster()
  const options = { identity: identityOfGolden, rules: 'rules-one' }
  const first = ledgerOn(
    cluster,
    new VirtualClock({ startMs }),
    options,
    () => startMs + 60_000,
    () => dialect,
  )
  const state = await first.recall(noSignal)
  await first.commit(state, remember(state, ['forgotten'], startMs), noSignal)

  const laterMs = startMs + TOMBSTONED_AFTER_MS
  const life = () =>
    ledgerOn(
      cluster,
      new VirtualClock({ startMs: laterMs }),
      { ...options, rules: 'rules-two' },
      () => laterMs + 60_000,
      () => dialect,
    )
  await life().recall(noSignal)
  const last = life()
  const owned = await last.recall(noSignal)
  fillBooks(owned, laterMs)
  await last.commit(owned, remember(owned, ['published', 'changed', 'refused'], laterMs), noSignal)
  return cluster.committed('ledger').map(({ key, value, timestampMs }) => ({
    key: String(key),
    value: value === null ? null : Buffer.from(value).toString('base64'),
    timestampMs,
  }))
}

const { version }: { version: string } = JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8'))
const lines = (await goldenRecords()).map(record => `  ${JSON.stringify(record)}`)
writeFileSync(join(import.meta.dirname, `${version}.json`), `[\n${lines.join(',\n')}\n]\n`)
