/** Being told to stop: what was read is committed and the process ends with 0 in time; told twice, it ends at once and says so. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { api, type BrokerProxy, brokerProxy } from '../support/broker-proxy.ts'
import { Connector, type Exit, type SettingsOverrides, settingsFor } from '../support/connector.ts'
import { booksOf } from '../support/ledger-books.ts'
import { freePort } from '../support/platform/free-port.ts'
import type { Reach } from '../support/platform/platform.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { until } from '../support/platform/until.ts'
import { settledWorld } from '../support/settled-world.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'

const CALLS = 3_000
/** What an orchestrator grants before it kills. */
const GRACE_MS = 10_000

let reach: Reach
const closing: { close(): Promise<void> }[] = []
beforeAll(async () => {
  reach = await platform()
}, platformStartMs)
afterAll(() => Promise.all(closing.map(part => part.close())))

async function simulate(): Promise<Simulator> {
  const world = settledWorld({ seed: 51, history: CALLS, historyMs: 15 * 3_600_000 })
  const simulator = await startSimulator({ world })
  closing.push(simulator)
  return simulator
}

const settingsOf = (simulator: Simulator, name: string, overrides: SettingsOverrides = {}) =>
  settingsFor(simulator, reach, name, { api: { pageSize: 100 }, polling: { maxRowsPerRead: 500 }, ...overrides })

/** The end of the process, or `null` when it is still there after `graceMs`. */
function endWithin(connector: Connector, graceMs: number): Promise<Exit | null> {
  const late = Promise.withResolvers<null>()
  const timer = setTimeout(() => late.resolve(null), graceMs)
  return Promise.race([connector.exited, late.promise]).finally(() => clearTimeout(timer))
}

const requestsReach = (simulator: Simulator, count: number) =>
  until({ what: `${count} requests`, deadlineMs: 30_000, everyMs: 20 }, async () =>
    simulator.book.counts.requests >= count ? true : undefined,
  )

async function expectCompletedBy(settings: object, name: string, simulator: Simulator): Promise<void> {
  const { exit, output } = await Connector.runOnce(settings)
  expect(exit, output.slice(-2_000)).toEqual({ code: 0, signal: null })
  expect(await booksOf(reach, name, simulator.world)).toMatchObject({ events: CALLS, missing: [], untrue: [], wrong: [] })
}

describe.concurrent('SIGTERM', () => {
  test('in the middle of a long, slow read: 0 in time, what was read is there once and covered, the next run completes it', async () => {
    const simulator = await simulate()
    const name = uniqueName('slow')
    await using connector = await Connector.start(settingsOf(simulator, name, { api: { pageSize: 100, requestsPerSecond: 10 } }))
    await requestsReach(simulator, 25)
    connector.kill('SIGTERM')

    expect(await endWithin(connector, GRACE_MS), connector.output.slice(-2_000)).toEqual({ code: 0, signal: null })
    expect(connector.stderr).toBe('')
    const halfway = await booksOf(reach, name, simulator.world)
    expect(halfway).toMatchObject({ untrue: [], wrong: [] })
    expect(halfway.events).toBeGreaterThan(500)
    expect(halfway.events).toBeLessThan(CALLS)
    expect(halfway.slots.some(({ count }) => count > 0)).toBe(true)
    await expectCompletedBy(settingsOf(simulator, name), name, simulator)
  })

  test('while the API does not answer: 0 in time', async () => {
    const simulator = await simulate()
    const name = uniqueName('hanging')
    simulator.next({ fault: 'hang', after: 15, count: 1_000 })
    await using connector = await Connector.start(settingsOf(simulator, name), ['--once'])
    await requestsReach(simulator, 16)
    connector.kill('SIGTERM')

    expect(await endWithin(connector, GRACE_MS), connector.output.slice(-2_000)).toEqual({ code: 0, signal: null })
    simulator.clearFaults()
    await expectCompletedBy(settingsOf(simulator, name), name, simulator)
  })

  test('while the API asked to stay away for an hour: 0 in time, and the promise is in the ledger', async () => {
    const simulator = await simulate()
    const name = uniqueName('away')
    simulator.next({ fault: 'http429', retryAfterSeconds: 3_600, after: 15 })
    await using connector = await Connector.start(settingsOf(simulator, name))
    await requestsReach(simulator, 16)
    await connector.untilEvent('committed', line => Number(line.records) > 0)
    connector.kill('SIGTERM')

    expect(await endWithin(connector, GRACE_MS), connector.output.slice(-2_000)).toEqual({ code: 0, signal: null })
    const { checkpoint, untrue, wrong } = await booksOf(reach, name, simulator.world)
    expect({ untrue, wrong }).toEqual({ untrue: [], wrong: [] })
    expect(checkpoint?.notBefore).toBeGreaterThan((simulator.requests.at(-1)?.at ?? 0) + 3_595_000)
  })

  test('while no broker answers: 0 in time', async () => {
    const simulator = await simulate()
    const kafka = { brokers: [`127.0.0.1:${await freePort()}`] }
    await using connector = await Connector.start(settingsOf(simulator, uniqueName('nobroker'), { kafka }))
    await connector.untilEvent('started')
    connector.kill('SIGTERM')

    expect(await endWithin(connector, GRACE_MS), connector.output.slice(-2_000)).toEqual({ code: 0, signal: null })
  })
})

describe.concurrent('while a transaction gets no answer', () => {
  async function stuck(name: string, simulator: Simulator): Promise<{ connector: Connector; proxy: BrokerProxy }> {
    const proxy = await brokerProxy(reach.brokers[0] ?? '')
    closing.push(proxy)
    const connector = await Connector.start(settingsOf(simulator, name, { kafka: { brokers: [proxy.address] } }))
    // After the claim and the newest window, which is empty: the first that holds calls.
    await proxy.trouble(api.endTxn, 'loseRequest', { after: 2, count: 1_000 })
    expect(connector.lines.filter(({ event, records }) => event === 'committed' && Number(records) > 0)).toEqual([])
    return { connector, proxy }
  }

  test('SIGINT twice ends it at once, non-zero, and the next run completes without repeats', async () => {
    const simulator = await simulate()
    const name = uniqueName('twice')
    const { connector } = await stuck(name, simulator)
    await using _ = connector
    connector.kill('SIGINT')
    await connector.untilEvent('stopping')
    connector.kill('SIGINT')

    expect(await endWithin(connector, 3_000), connector.output.slice(-2_000)).toEqual({ code: 1, signal: null })
    await expectCompletedBy(settingsOf(simulator, name), name, simulator)
  })

  test('SIGTERM once ends it within the grace period, and the next run completes without repeats', async () => {
    const simulator = await simulate()
    const name = uniqueName('grace')
    const { connector } = await stuck(name, simulator)
    await using _ = connector
    connector.kill('SIGTERM')

    expect(await endWithin(connector, GRACE_MS), connector.output.slice(-2_000)).toEqual({ code: 1, signal: null })
    await expectCompletedBy(settingsOf(simulator, name), name, simulator)
  })
})
