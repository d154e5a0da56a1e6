/** Several accounts in one process, on real Kafka: two of them share a ledger partition, two share an API key, and one of them fails. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { partitionOf } from '../../src/model/partition.ts'
import { Connector, settingsFor } from '../support/connector.ts'
import { consumeAll } from '../support/independent-consumer.ts'
import type { LogLine } from '../support/log-watch.ts'
import type { Reach } from '../support/platform/platform.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { settledWorld } from '../support/settled-world.ts'
import { judge } from '../support/simulator/judge.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'
import { published } from '../support/verdict.ts'

const LEDGER_PARTITIONS = 8
/** Requests per second of one key, where the test is about them. */
const RATE = 8

let reach: Reach
/** The API of `north` and `east`. */
let first: Simulator
/** The API of `mumbai`, under a key of its own. */
let second: Simulator

beforeAll(async () => {
  reach = await platform()
  first = await startSimulator({ world: settledWorld({ seed: 21, history: 1_200, historyMs: 3 * 3_600_000, badRowShare: 0 }) })
  second = await startSimulator({
    world: settledWorld({ seed: 22, history: 900, historyMs: 3 * 3_600_000, badRowShare: 0 }),
    sid: 'HXAP1690000002IN',
    apiKey: 'B0123456789abcdef0123456789abcdef3',
  })
}, platformStartMs)
beforeEach(() => second.clearFaults())
afterAll(() => Promise.all([first?.close(), second?.close()]))

const apiOf = (account: string) => (account === 'mumbai' ? second : first)
const ACCOUNTS = ['north', 'east', 'mumbai']

function settings(name: string, polling: object = {}, api: object = {}): Record<string, unknown> {
  const accounts = ACCOUNTS.map(id => {
    const { sid, apiKey, url } = apiOf(id)
    return { id, sid, apiKey, url }
  })
  return settingsFor(first, reach, name, {
    accounts,
    polling,
    api,
    kafka: { key: 'account/call_id' },
  })
}

/** What an account has on the topic, held against the truth of its API; `strangers` are keys that no account of ours would write. */
async function verdicts(name: string) {
  const records = await published(reach, await consumeAll(reach, `${name}.call-logs`, { deadlineMs: 60_000 }))
  const of = (account: string) =>
    records
      .filter(({ callId }) => callId.startsWith(`${account}/`))
      .map(record => ({ ...record, callId: record.callId.slice(account.length + 1) }))
  const judged = Object.fromEntries(ACCOUNTS.map(account => [account, judge(apiOf(account).world, of(account))]))
  const strangers = records.filter(({ callId, content }) => callId !== `${content.account}/${content.call_id}`)
  return { count: records.length, strangers, ...judged }
}

const clean = { missing: [], repeated: [], stale: [], extra: [], clean: true }
const allClean = { strangers: [], north: clean, east: clean, mumbai: clean }

/** Publications of each account, by its metrics. */
async function createdBy(address: string): Promise<Record<string, number>> {
  const metrics = await (await fetch(`${address}/metrics`)).text()
  const lines = metrics.matchAll(/^call_log_source_events_published_total\{account="(\w+)",change="created"\} (\d+)$/gm)
  return Object.fromEntries([...lines].map(([, account, count]) => [account, Number(count)]))
}

async function statesBy(address: string): Promise<Record<string, string>> {
  const metrics = await (await fetch(`${address}/metrics`)).text()
  const lines = metrics.matchAll(/^call_log_source_task_state\{account="(\w+)",state="(\w+)"\} 1$/gm)
  return Object.fromEntries([...lines].map(([, account, state]) => [account, state ?? '']))
}

describe('run --once with three accounts', () => {
  const name = uniqueName('accounts')
  const run = () => Connector.runOnce(settings(name))

  test('publishes every call of each once, under its account, within one budget for each key', async () => {
    const slow = { requestsPerSecond: RATE, burst: 1, pageSize: 100 }
    const connector = await Connector.runOnce(settings(name, {}, slow))

    expect(connector.exit, connector.output.slice(-2_000)).toEqual({ code: 0, signal: null })
    const calls = 2 * first.world.calls.length + second.world.calls.length
    expect(await verdicts(name)).toMatchObject({ count: calls, ...allClean })
    // `north` and `east` ask with one key: together they are held to what one of them may do, some jitter on the way allowed.
    expect(first.requests.length).toBeGreaterThan(2 * RATE)
    expect(first.book.mostWithin(1_000)).toBeLessThanOrEqual(1.5 * RATE)
  })

  test('keeps two of them in one partition of the ledger, each with a checkpoint of its own', async () => {
    const records = await consumeAll(reach, `${name}.ledger`, { deadlineMs: 60_000 })
    const places = ACCOUNTS.map(
      account => new Set(records.filter(({ key }) => String(key) === `${account}/checkpoint`).map(({ partition }) => partition)),
    )

    expect(places.map(found => [...found])).toEqual(ACCOUNTS.map(account => [partitionOf(account, LEDGER_PARTITIONS)]))
    expect(new Set(places.flatMap(found => [...found])).size).toBe(2)
  })

  test('run again: not one record more, and a change of one account is one UPDATED of that account only', async () => {
    const before = await verdicts(name)

    const again = await run()
    const unchanged = await verdicts(name)
    second.world.change(second.world.calls[450]?.id ?? '', { credits: '8.25' })
    const changed = await run()

    expect([again.exit.code, changed.exit.code]).toEqual([0, 0])
    expect(unchanged).toMatchObject({ count: before.count, ...allClean })
    expect(await verdicts(name)).toMatchObject({ count: before.count + 1, ...allClean })
  })
})

describe('run --once when the key of one account is refused', () => {
  const name = uniqueName('refused')

  test('the others finish what is due; it ends with 3 and says whose key it is; with the key accepted the rest follows', async () => {
    second.options.faultShares = { rbc001: 1 }
    const refused = await Connector.runOnce(settings(name))
    const halfway = await verdicts(name)
    second.clearFaults()
    const accepted = await Connector.runOnce(settings(name))

    expect(refused.exit, refused.output.slice(-2_000)).toEqual({ code: 3, signal: null })
    expect(refused.stderr).toMatch(/^call-log-source: API_UNAUTHORIZED: account "mumbai": .*RBC001/m)
    expect(refused.lines.filter(({ event }) => event === 'account.failed')).toMatchObject([{ account: 'mumbai' }])
    expect(halfway).toMatchObject({ count: 2 * first.world.calls.length, north: clean, east: clean })
    expect(accepted.exit, accepted.output.slice(-2_000)).toEqual({ code: 0, signal: null })
    expect(await verdicts(name)).toMatchObject(allClean)
  })
})

describe('run with three accounts', () => {
  const polling = {
    retryFailed: '1s',
    schedule: [
      { name: 'hot', every: '10s', span: '30m' },
      { name: 'cold', every: '1h', span: '1d' },
    ],
  }

  test('an account that fails leaves the others publishing; readiness waits for all and then stays', async () => {
    const name = uniqueName('fleet')
    second.options.faultShares = { rbc001: 1 }
    await using connector = await Connector.start(settings(name, polling))
    const address = await connector.address()
    const ready = async () => (await fetch(`${address}/ready`)).status
    /** The next line of an account with this event, from now on. */
    const next = (event: string, account: string, matches: (line: LogLine) => boolean = () => true) => {
      const { length } = connector.lines
      const isNew = (line: LogLine) => connector.lines.indexOf(line) >= length
      return connector.untilEvent(event, line => line.account === account && matches(line) && isNew(line))
    }
    const someNew = (line: LogLine) => Number(line.new) > 0
    await connector.untilEvent('account.failed')
    for (const account of ['north', 'east']) await connector.untilEvent('task.running', line => line.account === account)
    await connector.untilEvent('window.read', line => line.account === 'north' && Number(line.new) > 0)

    const status = await (await fetch(`${address}/status`)).json()
    expect(status).toMatchObject({
      state: 'failed',
      accounts: [
        { account: 'north', state: 'running', error: null, dialect: { style: 'post-form' } },
        { account: 'east', state: 'running', error: null },
        { account: 'mumbai', state: 'failed', error: expect.stringContaining('RBC001'), coveredThrough: null },
      ],
    })
    expect(await statesBy(address)).toEqual({ north: 'running', east: 'running', mumbai: 'failed' })
    expect(await ready()).toBe(503)

    second.clearFaults()
    await connector.untilEvent('task.running', line => line.account === 'mumbai')
    expect(await ready()).toBe(200)

    // Fails again in the middle of its life, while calls go on coming to the others.
    await connector.untilEvent('window.read', line => line.account === 'mumbai' && Number(line.new) > 0)
    const failedAgain = next('account.failed', 'mumbai')
    second.options.faultShares = { rbc001: 1 }
    await failedAgain
    const before = await createdBy(address)
    const published = Promise.all([next('window.read', 'north', someNew), next('window.read', 'east', someNew)])
    first.world.add()
    await published

    const after = await createdBy(address)
    expect([(after.north ?? 0) - (before.north ?? 0), (after.east ?? 0) - (before.east ?? 0)]).toEqual([1, 1])
    expect((await statesBy(address)).mumbai).toBe('failed')
    expect(await ready()).toBe(200)

    const recovered = next('task.running', 'mumbai')
    second.clearFaults()
    await recovered
    connector.kill('SIGTERM')
    expect(await connector.exited).toEqual({ code: 0, signal: null })
    const end = await Connector.runOnce(settings(name))
    expect(end.exit, end.output.slice(-2_000)).toEqual({ code: 0, signal: null })
    expect(await verdicts(name)).toMatchObject(allClean)
  })

  test('--exit-on-failure ends with 3 and stops the others with everything committed that they read', async () => {
    const name = uniqueName('exit')
    await using connector = await Connector.start(settings(name, polling), ['--exit-on-failure'])
    for (const account of ACCOUNTS) await connector.untilEvent('task.running', line => line.account === account)

    second.options.faultShares = { rbc001: 1 }
    const exit = await connector.exited

    expect(exit, connector.output.slice(-2_000)).toEqual({ code: 3, signal: null })
    expect(connector.stderr).toContain('API_UNAUTHORIZED: account "mumbai"')
    expect(connector.lines.filter(({ event }) => event === 'commit.unknown' || event === 'task.fenced')).toEqual([])
    second.clearFaults()
    const rest = await Connector.runOnce(settings(name))
    expect(rest.exit, rest.output.slice(-2_000)).toEqual({ code: 0, signal: null })
    expect(await verdicts(name)).toMatchObject(allClean)
  })
})

test('two instances share the accounts; when one is killed, the other has them all, and nothing is repeated or lost', async () => {
  const name = uniqueName('spread')
  const all = settings(name)
  await using one = await Connector.start(all)
  for (const account of ACCOUNTS) await one.untilEvent('task.running', line => line.account === account)

  await using other = await Connector.start(all)
  const moved = await one.untilEvent('task.revoked')
  await other.untilEvent('task.running', line => line.account === moved.account)
  const owned = Object.entries(await statesBy(await one.address())).filter(([, state]) => state === 'running')
  expect(owned.length).toBeGreaterThan(0)
  expect(owned.length).toBeLessThan(ACCOUNTS.length)

  one.kill('SIGKILL')
  for (const account of ACCOUNTS) await other.untilEvent('task.running', line => line.account === account)
  await using last = await Connector.start(all)
  await last.untilEvent('task.standby')
  other.kill('SIGTERM')
  expect(await other.exited).toEqual({ code: 0, signal: null })
  for (const account of ACCOUNTS)
    await last.untilEvent('window.read', line => line.account === account && line.schedule === 'hot')
  last.kill('SIGTERM')
  expect(await last.exited).toEqual({ code: 0, signal: null })
  expect((await Connector.runOnce(all)).exit).toEqual({ code: 0, signal: null })
  expect(await verdicts(name)).toMatchObject(allClean)
})
