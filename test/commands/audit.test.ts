/** `audit` as its users run it, on real Kafka and a real registry: a clean topic is proven equal, and whatever is planted is found and named. */
import { beforeAll, describe, expect, test } from 'vitest'
import { createDecoder } from '../../src/avro/decoder.ts'
import { createEncoder } from '../../src/avro/encoder.ts'
import { resolveSchemaId } from '../../src/avro/registry.ts'
import { createKaleyraSource } from '../../src/kaleyra/source.ts'
import { decodeDelta, encodeDelta } from '../../src/ledger/codec.ts'
import { deltaKey, packEntries } from '../../src/ledger/memory.ts'
import { Seen } from '../../src/ledger/seen.ts'
import type { CallLogEvent } from '../../src/model/call-log.ts'
import { fingerprint } from '../../src/model/fingerprint.ts'
import { partitionOf } from '../../src/model/partition.ts'
import { foreignProducer } from '../kafka/foreign-producer.ts'
import { realClock } from '../kafka/real-kafka.ts'
import { type Ended, runCommand, startCommand } from '../support/command.ts'
import { Connector, settingsFor } from '../support/connector.ts'
import { consumeAll } from '../support/independent-consumer.ts'
import type { Reach } from '../support/platform/platform.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { until } from '../support/platform/until.ts'
import { settledWorld } from '../support/settled-world.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'

const noSignal = new AbortController().signal
const LEDGER_PARTITIONS = 8
const PARTITIONS = 3

let reach: Reach
beforeAll(async () => {
  reach = await platform()
}, platformStartMs)

/** A connector that has read a settled world once and ended. */
async function published(seed: number, history = 400) {
  const world = settledWorld({ seed, history, historyMs: 3 * 3_600_000, badRowShare: 0.02 })
  const simulator = await startSimulator({ world })
  const name = uniqueName('audit')
  const settings = settingsFor(simulator, reach, name)
  const run = await Connector.runOnce(settings)
  expect(run.exit, run.output.slice(-2_000)).toEqual({ code: 0, signal: null })
  return { simulator, world, name, topic: `${name}.call-logs`, settings }
}

const audit = (settings: object, args: readonly string[] = []) =>
  runCommand(settings, ['audit', '--json', '--topic', '--rate', '500', ...args])

interface Told {
  readonly ok: boolean
  readonly accounts: readonly [
    {
      readonly verdict: string
      readonly proved: boolean
      readonly calls: number
      readonly badRows: number
      readonly findings: readonly { readonly kind: string; readonly call_id: string | null; readonly detail: string }[]
    },
  ]
}
const told = ({ stdout }: Ended): Told => JSON.parse(stdout)
const findingsOf = (ended: Ended) => told(ended).accounts[0].findings.map(({ kind, call_id }) => `${kind} ${call_id}`)

function expectNoSecrets({ stdout, stderr }: Ended, simulator: Simulator): void {
  const numbers = simulator.world.calls.flatMap(({ versions }) =>
    versions.flatMap(({ facts }) => [facts.from ?? [], facts.to ?? []].flat()),
  )
  for (const secret of [simulator.apiKey, simulator.sid, ...numbers]) expect(stdout + stderr).not.toContain(secret)
}

/** What lies on the events topic, and a way to add to it as a foreign program would. */
async function topicOf(name: string) {
  const topic = `${name}.call-logs`
  const registry = { url: reach.registryUrl, auth: {}, subject: `${topic}-value`, register: false }
  const decoder = createDecoder(registry, realClock)
  const encoder = createEncoder(await resolveSchemaId(registry, realClock, noSignal))
  const events: CallLogEvent[] = []
  for (const { value } of await consumeAll(reach, topic, { deadlineMs: 60_000 })) {
    const decoded = await decoder.decode(value ?? null, noSignal)
    if ('event' in decoded) events.push({ ...decoded.event })
  }
  const plant = async (...planted: readonly CallLogEvent[]) => {
    const producer = await foreignProducer(reach.brokers)
    for (const event of planted) {
      const key = event.call_id
      const partition = partitionOf(key, PARTITIONS)
      await producer.send(topic, [{ partition, key, value: Buffer.from(encoder.encode(event)), timestampMs: event.observed_at }])
    }
    await producer.close()
  }
  return { topic, events, plant }
}

describe('audit', () => {
  test('proves a clean topic equal, dead letters included, and tells no secret', async () => {
    const { simulator, world, settings } = await published(41)

    const [json, text] = [await audit(settings), await runCommand(settings, ['audit', '--rate', '500'])]
    await simulator.close()

    const { calls, badRows } = world.truthAt()
    expect(json.code, json.stdout + json.stderr).toBe(0)
    expect(told(json)).toMatchObject({ ok: true, accounts: [{ proved: true, calls: calls.length, badRows: badRows.length }] })
    expect(told(json).accounts[0].verdict).toMatch(
      /^proven equal: \d+ calls and \d+ dead letters in \[.*\), API = ledger = topic$/,
    )
    expect(text.code, text.stdout + text.stderr).toBe(0)
    expect(text.stdout).toMatch(new RegExp(`main: proven equal: ${calls.length} calls and .*, API = ledger\n$`))
    expectNoSecrets(json, simulator)
    expectNoSecrets(text, simulator)
  })

  test('finds what is planted: missing, different, fewer, missing on the topic, stale, extra, repeated, left out, unreadable', async () => {
    const { simulator, world, name, settings } = await published(42)
    const { topic, events, plant } = await topicOf(name)
    const [again, skipped, outdated, changed, hidden] = events.toSorted((a, b) => (a.start_time ?? 0) - (b.start_time ?? 0))
    if (!again || !skipped || !outdated || !changed || !hidden) throw new Error('the world has too few calls')
    const lateMs = Math.max(...events.map(event => event.start_time ?? 0))
    const now = { observed_at: Date.now() }
    await plant(
      again,
      { ...skipped, ...now, revision: 3 },
      { ...outdated, ...now, revision: 2, change_type: 'UPDATED', changed_fields: ['cost'], cost: 77_000_000n },
      { ...again, call_id: 'invented-1' },
    )
    const stranger = await foreignProducer(reach.brokers)
    await stranger.send(topic, [
      { partition: 0, key: 'stranger', value: Buffer.from([0, 0, 15, 66, 63, 1]), timestampMs: Date.now() },
    ])
    world.change(changed.call_id, { credits: '8.25' })
    world.hide(hidden.call_id)
    const unknown = world.add({ startMs: lateMs })
    const unpublished = world.add({ startMs: lateMs })
    await stranger.send(`${name}.ledger`, [await deltaFor(simulator, name, unpublished.id ?? '', lateMs)])
    await stranger.close()

    const ended = await audit(settings)
    const text = await runCommand(settings, ['audit', '--topic', '--rate', '500'])
    await simulator.close()

    expect(ended.code, ended.stdout + ended.stderr).toBe(1)
    expect(findingsOf(ended).sort()).toEqual(
      [
        `missing ${unknown.id}`,
        `different ${changed.call_id}`,
        `stale ${changed.call_id}`,
        `stale ${outdated.call_id}`,
        `fewer null`,
        `extra ${hidden.call_id}`,
        'extra invented-1',
        `missing_on_topic ${unpublished.id}`,
        `repeated ${again.call_id}`,
        `repeated ${skipped.call_id}`,
        'unreadable null',
      ].sort(),
    )
    const details = told(ended).accounts[0].findings.map(({ kind, detail }) => `${kind}: ${detail}`)
    expect(details).toContain('different: the API shows another cost than was published')
    expect(details).toContain('stale: revision 2 is the newest, and the API shows another cost')
    expect(details).toContain('repeated: revision 3 after 1: what lies between is not there')
    expect(details).toContain('unreadable: schema id 999999 is no Avro schema of the registry')
    expect(text.code).toBe(1)
    expect(text.stdout).toMatch(
      /main: not proven equal: 1 missing, 1 different, 1 fewer, 1 missing_on_topic, 2 stale, 2 extra, 2 repeated, 1 unreadable;/,
    )
    expectNoSecrets(text, simulator)
  })

  test('proves it equal, too, where the API goes by the end of a call, however long it took', async () => {
    const world = settledWorld({ seed: 46, history: 500, historyMs: 3 * 3_600_000, badRowShare: 0, longShare: 0.3 })
    const simulator = await startSimulator({ world, options: { filterBy: 'end' } })
    const settings = settingsFor(simulator, reach, uniqueName('by-end'), {
      api: { pageSize: 50 },
      polling: { startFrom: '12h', maxRowsPerRead: 100 },
    })
    const run = await Connector.runOnce(settings)
    const [changed] = world.calls
    const clean = await audit(settings)
    world.change(changed?.id ?? '', { credits: '8.25' })

    const ended = await audit(settings)
    await simulator.close()

    expect(run.exit, run.output.slice(-2_000)).toEqual({ code: 0, signal: null })
    expect([clean.code, clean.stderr], clean.stdout).toEqual([0, ''])
    expect(findingsOf(ended)).toEqual([`different ${changed?.id}`, `stale ${changed?.id}`])
  })

  test('beside a running owner disturbs it in nothing, and finds nothing that is not so', async () => {
    const world = settledWorld({ seed: 43, history: 200, historyMs: 3_600_000, livePerSecond: 0.3, badRowShare: 0 })
    const simulator = await startSimulator({ world })
    const name = uniqueName('owner')
    const schedule = [
      { name: 'hot', every: '10s', span: '30m' },
      { name: 'cold', every: '24h', span: '1d' },
    ]
    const settings = settingsFor(simulator, reach, name, { polling: { startFrom: '12h', schedule } })
    await using owner = await Connector.start(settings)
    await owner.untilEvent('window.read', line => line.schedule === 'hot')

    const ended = await audit(settings)
    const tick = owner.lines.length
    await owner.untilEvent('window.read', line => owner.lines.indexOf(line) >= tick)
    owner.kill('SIGTERM')
    const exit = await owner.exited
    await simulator.close()

    expect(ended.code, ended.stdout + ended.stderr).toBe(0)
    expect(told(ended).accounts[0].calls).toBeGreaterThan(1_000)
    expect(exit).toEqual({ code: 0, signal: null })
    expect(owner.lines.filter(({ event }) => event === 'recalled')).toHaveLength(1)
    expect(owner.lines.filter(({ level }) => level === 'error')).toEqual([])
  })

  test('at a signal says how far it came, and proves nothing', async () => {
    const { simulator, settings } = await published(44, 20)
    const before = simulator.requests.length
    const { child, ended } = await startCommand(settings, ['audit', '--rate', '0.2'])
    await until({ what: 'a request of the audit', deadlineMs: 60_000 }, async () => simulator.requests[before])

    child.kill('SIGINT')
    const { code, stdout, stderr } = await ended
    await simulator.close()

    expect([code, stderr]).toEqual([1, ''])
    expect(stdout).toMatch(/main: interrupted after 0 of \d+ windows?: nothing proved\n$/)
  })

  test('of an account that never ran says so, and needs its topics', async () => {
    const simulator = await startSimulator({ world: settledWorld({ seed: 45 }) })

    const ended = await audit(settingsFor(simulator, reach, uniqueName('never')))
    await simulator.close()

    expect([ended.code, ended.stdout]).toEqual([4, ''])
    expect(ended.stderr).toMatch(/^call-log-source: TOPIC_MISSING: not all of .* exist: no run has published under this name yet/)
    expect(simulator.requests).toEqual([])
  })
})

/** A ledger record that calls this call published, although nobody did. */
async function deltaFor(simulator: Simulator, name: string, callId: string, startMs: number) {
  const { url: origin, sid, apiKey } = simulator
  const pace = { pageSize: 1_000, requestsPerSecond: 500, burst: 20, timeoutMs: 10_000, optIn: [] }
  const source = createKaleyraSource({ origin, sid, apiKey, ...pace }, { clock: realClock, random: () => 0.5, note: () => {} })
  await source.probe(noSignal)
  let print: Uint32Array | null = null
  for await (const { rows } of source.read({ fromMs: startMs, untilMs: startMs + 1_000 }, noSignal))
    for (const { call } of rows) if (call?.call_id === callId) print = fingerprint(call, new Set())
  await source.close()
  if (print === null) throw new Error('the API does not show the call')
  const known = await consumeAll(reach, `${name}.ledger`, { deadlineMs: 60_000 })
  const delta = known.find(({ key, value }) => String(key).startsWith('main/seen/') && value)
  if (!delta?.value) throw new Error('the ledger holds no delta')
  const entries = packEntries([new Seen(10).add(print, Date.now(), 0)])
  const value = encodeDelta({ writtenAt: Date.now(), rules: decodeDelta(delta.value).rules, entries })
  return { partition: partitionOf('main', LEDGER_PARTITIONS), key: deltaKey('main', 999), value, timestampMs: Date.now() }
}
