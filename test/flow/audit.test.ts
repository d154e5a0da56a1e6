/** An audit beside a connector that goes on publishing, other record rules, and a topic that forgets: what is no difference is not called one. */
import { deserialize } from 'node:v8'
import { expect, test } from 'vitest'
import { type AuditProgress, audit } from '../../src/flow/audit.ts'
import { isProved, verdictOf } from '../../src/flow/audit-report.ts'
import { Seen } from '../../src/ledger/seen.ts'
import { createLedgerView } from '../../src/ledger/view.ts'
import type { LedgerView, TopicScanner } from '../../src/looking-ports.ts'
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/model/window.ts'
import { identity, memoryCluster, noSignal, usualOptions } from '../support/ledger-on-memory.ts'
import { lifeOf } from '../support/one-account.ts'
import { World } from '../support/simulator/world.ts'
import { usualAccount } from '../support/usual-account.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { WorldSource } from '../support/world-source.ts'

const bornMs = Date.UTC(2026, 0, 15, 12)
const { account, numbers, keyOf, ignored, settleMs, maxRowsPerRead, events, deadLetters } = usualAccount

/** 200 calls of three hours that ended long ago, published by a life that ended well. */
async function published() {
  const clock = new VirtualClock({ startMs: bornMs })
  const quiet = { lateShare: 0, changeShare: 0, longShare: 0, badRowShare: 0.02 }
  const world = new World({ seed: 7, now: () => clock.now(), history: 200, historyMs: 3 * HOUR_MS, ...quiet })
  await clock.sleep(6 * HOUR_MS, noSignal)
  const cluster = await memoryCluster()
  const next = () => ({ latencyMs: 10, failure: null })
  const shape = { pageSize: 50, order: 'newest', total: (matches: number) => matches, slides: () => false } as const
  const source = () => new WorldSource({ world, clock, next, ...shape, mostRequests: 10_000 })
  const publish = async () => {
    const life = lifeOf({ cluster, source: source(), clock, once: true, startFromMs: 12 * HOUR_MS })
    expect(await life.run()).toBe('covered')
  }
  await publish()

  const look = (
    options: { rules?: string; low?: bigint; onPeek?: (count: number) => Promise<void>; onRead?: () => void } = {},
  ) => {
    const { rules = usualOptions.rules, low = 0n, onPeek = async () => {}, onRead = () => {} } = options
    const reader = cluster.reader({ blockedMs: 1_000, clock })
    const view = createLedgerView({ reader, clock }, { identity, partition: 0, maxSeen: 10_000, rules })
    let peeks = 0
    const ledger: LedgerView = {
      async peek(signal) {
        await onPeek(peeks++)
        return await view.peek(signal)
      },
    }
    const scanner: TopicScanner = {
      async *scan(topic, partition, { from, until }) {
        yield cluster
          .committed(topic)
          .filter(each => each.partition === partition && each.offset >= from && each.offset < until)
          .map(({ key, ...record }) => ({ ...record, key: Buffer.from(key) }))
      },
    }
    const offsets: ReturnType<typeof cluster.topics>['offsets'] = async (topic, signal) =>
      new Map([...(await cluster.topics().offsets(topic, signal))].map(([id, ends]) => [id, { ...ends, low }]))
    const decoder = { decode: async (value: Buffer | null) => ({ event: deserialize(value ?? Buffer.alloc(0)) }) }
    const output = { topics: { offsets }, scanner, decoder, events, deadLetters, isCompacted: false }
    const tell = ({ doing, done }: AuditProgress) => {
      if (doing === 'reading' && done === 0) onRead()
    }
    const parts = { source: source(), ledger, clock, createIndex: () => new Seen(10_000), output, tell }
    const asking = { account, asked: null, settleMs, maxRowsPerRead, ignored, numbers, keyOf }
    return audit(parts, asking, noSignal)
  }
  /** A call nobody expected any more, and a change of an old one. */
  const stir = () => {
    const [first] = world.calls.filter(({ id }) => id !== null)
    world.change(first?.id ?? '', { credits: '99.5' })
    const late = world.add({ startMs: Math.floor((bornMs - HOUR_MS) / SECOND_MS) * SECOND_MS })
    return { changed: first?.id, late: late.id }
  }
  return { clock, world, publish, look, stir }
}

const idsIn = (findings: readonly { readonly callId: string | null }[]) => findings.map(({ callId }) => callId)

test('what the connector publishes while it is audited is no finding', async () => {
  const { look, publish, stir, world } = await published()

  const onPeek = async (count: number) => (count === 1 ? await publish() : undefined)
  const report = await look({ onRead: stir, onPeek })

  expect(verdictOf(report)).toMatch(/^proven equal/)
  expect(report.calls).toBe(world.truthAt().calls.length)
})

test('what stays unpublished is one: missing, different, and an old version on the topic', async () => {
  const { look, stir } = await published()
  let stirred: ReturnType<typeof stir> | undefined

  const report = await look({
    onRead: () => {
      stirred = stir()
    },
  })

  const { missing, different, stale, ...others } = report.findings
  expect(idsIn(missing)).toEqual([stirred?.late])
  expect([idsIn(different), idsIn(stale)]).toEqual([[stirred?.changed], [stirred?.changed]])
  expect(Object.values(others).flat()).toEqual([])
  expect(isProved(report)).toBe(false)
})

test('what was published under other record rules is not comparable, and not different', async () => {
  const { look, world } = await published()
  for (const { id } of world.calls.slice(0, 20)) if (id !== null) world.change(id, { credits: '99.5' })

  const report = await look({ rules: 'rules-2' })

  expect(Object.values(report.findings).flat()).toEqual([])
  expect(report.notComparable).toBe(report.calls + report.badRows)
  expect(verdictOf(report)).toMatch(/^not proven equal: \d+ not comparable, published under other record rules;/)
})

test('what lies beyond the retention of the topics is counted, and not missing', async () => {
  const { look } = await published()

  const report = await look({ low: 30n })

  expect(Object.values(report.findings).flat()).toEqual([])
  expect(report.topic?.beyondRetention).toBeGreaterThan(20)
  expect(isProved(report)).toBe(true)
})

test('an account that was never claimed is refused', async () => {
  const cluster = await memoryCluster()
  const clock = new VirtualClock({ startMs: bornMs })
  const ledger = createLedgerView(
    { reader: cluster.reader({ blockedMs: MINUTE_MS, clock }), clock },
    { identity, partition: 0, maxSeen: 1_000, rules: 'rules-1' },
  )
  const world = new World({ seed: 1, now: () => clock.now() })
  const next = () => ({ latencyMs: 1, failure: null })
  const source = new WorldSource({
    world,
    clock,
    next,
    pageSize: 10,
    order: 'newest',
    total: matches => matches,
    slides: () => false,
    mostRequests: 1,
  })
  const parts = { source, ledger, clock, createIndex: () => new Seen(1_000), output: null, tell: () => {} }
  const asking = { account, asked: null, settleMs, maxRowsPerRead, ignored, numbers, keyOf }

  await expect(audit(parts, asking, noSignal)).rejects.toMatchObject({ code: 'LEDGER_MISMATCH' })
  expect(source.requests()).toBe(0)
})
