/** What the API may refuse: exit code 3 for a run that ends, a failed account for one that stays, and never a second covered that was not read. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Connector, type SettingsOverrides, settingsFor } from '../support/connector.ts'
import { booksOf } from '../support/ledger-books.ts'
import type { Reach } from '../support/platform/platform.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { until } from '../support/platform/until.ts'
import { settledWorld } from '../support/settled-world.ts'
import type { SimulatorOptions } from '../support/simulator/options.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'
import { World } from '../support/simulator/world.ts'

const HOUR_MS = 3_600_000
const CALLS = 3_000

let reach: Reach
const simulators: Simulator[] = []
beforeAll(async () => {
  reach = await platform()
}, platformStartMs)
afterAll(() => Promise.all(simulators.map(simulator => simulator.close())))

async function simulate(options: Partial<SimulatorOptions> = {}, world?: World): Promise<Simulator> {
  const history = { seed: 31, history: CALLS, historyMs: 15 * HOUR_MS }
  const simulator = await startSimulator({ world: world ?? settledWorld(history), options })
  simulators.push(simulator)
  return simulator
}

/** Thirty pages in about nine reads: long enough to be interrupted, with parts that are proved by then. */
const longRead = { api: { pageSize: 100 }, polling: { maxRowsPerRead: 500 } }
const runOnce = (simulator: Simulator, name: string, overrides: SettingsOverrides = longRead, args?: string[]) =>
  Connector.runOnce(settingsFor(simulator, reach, name, overrides), args)

function expectRefused({ exit, output, stderr }: Awaited<ReturnType<typeof runOnce>>, code: string, remedy: RegExp): void {
  expect(exit, output.slice(-2_000)).toEqual({ code: 3, signal: null })
  expect(stderr).toMatch(new RegExp(`^call-log-source: ${code}: [^\n]+\n( {2}because: [^\n]+\n)* {2}remedy: [^\n]+\n$`))
  expect(stderr).toMatch(remedy)
}

async function expectNothingCovered(name: string, simulator: Simulator): Promise<void> {
  expect(await booksOf(reach, name, simulator.world)).toMatchObject({ slots: [], events: 0, wrong: [] })
}

describe.concurrent('refused from the first request on', () => {
  test('a wrong key (HTTP 200, RBC001, empty data): 3 after a few tries, nothing claimed', async () => {
    const simulator = await simulate()
    const name = uniqueName('key')
    const connector = await Connector.runOnce(
      settingsFor({ ...simulator, url: simulator.url, apiKey: 'Awrong0123456789' }, reach, name),
    )

    expectRefused(connector, 'API_UNAUTHORIZED', /check sid and apiKey/)
    expect(connector.stderr).toContain('RBC001')
    expect(connector.output).not.toContain('Awrong0123456789')
    expect(simulator.book.counts.requests).toBe(4)
    await expectNothingCovered(name, simulator)
    expect((await booksOf(reach, name, simulator.world)).checkpoint).toBeNull()
  })

  test('a key that its file no longer holds is read from there again, and the run completes', async () => {
    const simulator = await simulate()
    const name = uniqueName('rotated')
    const folder = await mkdtemp(join(tmpdir(), 'call-log-source-'))
    const file = join(folder, 'key')
    await writeFile(file, 'Aworn0123456789')
    const account = { ...simulator, url: simulator.url, apiKey: `\${file:${file}}` }
    await using connector = await Connector.start(settingsFor(account, reach, name), ['--once'])
    await until({ what: 'a request with the old key', deadlineMs: 30_000 }, async () => simulator.requests.at(0))
    await writeFile(file, simulator.apiKey)

    expect(await connector.exited, connector.output.slice(-2_000)).toEqual({ code: 0, signal: null })
    expect((await booksOf(reach, name, simulator.world)).events).toBe(
      simulator.world.calls.filter(({ id }) => id !== null).length,
    )
    for (const key of ['Aworn0123456789', simulator.apiKey]) expect(connector.output).not.toContain(key)
    await rm(folder, { recursive: true })
  })

  test('--exit-on-failure ends a run that would stay', async () => {
    const simulator = await simulate({ faultShares: { rbc001: 1 } })
    const name = uniqueName('exit')

    expectRefused(await runOnce(simulator, name, longRead, ['--exit-on-failure']), 'API_UNAUTHORIZED', /check sid and apiKey/)
    await expectNothingCovered(name, simulator)
  })

  test.for([10, -10])('a clock that differs by %i minutes: 3, and the difference is told', { timeout: 60_000 }, async minutes => {
    const simulator = await simulate({ skewMs: minutes * 60_000 })
    const name = uniqueName('skew')
    const connector = await runOnce(simulator, name)

    expectRefused(connector, 'API_CLOCK_SKEW', /set the clock of this machine/)
    expect(connector.stderr).toMatch(new RegExp(`clock is (599|600|601) s ${minutes > 0 ? 'ahead of' : 'behind'} ours`))
    await expectNothingCovered(name, simulator)
  })

  test('a redirect is not followed, and the key does not travel', async () => {
    const simulator = await simulate({ faultShares: { redirect: 1 } })
    const name = uniqueName('redirect')

    expectRefused(await runOnce(simulator, name), 'API_REDIRECTED', /accounts\[\]\.url/)
    expect(simulator.book.strays).toEqual([])
    expect(simulator.book.counts.requests).toBe(1)
    await expectNothingCovered(name, simulator)
  })

  test('times of India under the zone UTC: 3 with the shift, and no call goes out with a wrong time', async () => {
    const world = new World({
      seed: 32,
      history: 2_000,
      historyMs: 20 * HOUR_MS,
      lateShare: 0,
      shape: { keys: 'io', times: 'naive', timeZone: 'Asia/Kolkata', wobble: false },
    })
    const simulator = await simulate({}, world)
    const name = uniqueName('zone')
    const accounts = [{ id: 'main', sid: simulator.sid, apiKey: simulator.apiKey, url: simulator.url, timeZone: 'UTC' }]
    const connector = await runOnce(simulator, name, { accounts })

    expectRefused(connector, 'API_TIME_ZONE', /set accounts\[\]\.timeZone/)
    expect(connector.stderr).toContain('+5:30')
    await expectNothingCovered(name, simulator)
  })
})

test('under run a refused key fails the account, the endpoints stay, and it recovers by itself when the API accepts', async () => {
  const simulator = await simulate({ faultShares: { rbc001: 1 } })
  const name = uniqueName('failed')
  const settings = settingsFor(simulator, reach, name, { ...longRead, polling: { ...longRead.polling, retryFailed: '1s' } })
  await using connector = await Connector.start(settings)
  const address = await connector.address()
  const get = async (path: string) => {
    const response = await fetch(address + path)
    return { status: response.status, text: await response.text() }
  }
  const stateOf = (metrics: string) =>
    [...metrics.matchAll(/^call_log_source_task_state\{.*state="(\w+)".*\} 1$/gm)].map(([, state]) => state)
  await connector.untilEvent('account.failed')

  const status = JSON.parse((await get('/status')).text)
  expect(status).toMatchObject({ name, state: 'failed', accounts: [{ account: 'main', state: 'failed', coveredThrough: null }] })
  expect(status.accounts[0].error).toContain('RBC001')
  const metrics = await get('/metrics')
  expect(metrics.status).toBe(200)
  expect(stateOf(metrics.text)).toEqual(['failed'])
  expect((await get('/live')).status).toBe(200)
  expect((await get('/ready')).status).toBe(503)

  simulator.clearFaults()
  await connector.untilEvent('window.read', line => line.schedule === 'backfill' && Number(line.new) > 0)

  expect(JSON.parse((await get('/status')).text)).toMatchObject({
    state: 'running',
    accounts: [{ state: 'running', error: null }],
  })
  expect(stateOf((await get('/metrics')).text)).toEqual(['running'])
  expect((await get('/ready')).status).toBe(200)
  connector.kill('SIGTERM')
  expect(await connector.exited).toEqual({ code: 0, signal: null })
  expect(await booksOf(reach, name, simulator.world)).toMatchObject({ events: CALLS, missing: [], wrong: [] })
})

describe.concurrent('refused in the middle of a long read', () => {
  test.for(['rbc001', 'empty200'] as const)(
    '%s: what was read stays, the rest is not covered, the next run completes it',
    { timeout: 120_000 },
    async fault => {
      const simulator = await simulate()
      const name = uniqueName('middle')
      simulator.next({ fault, after: 20, count: 1_000 })

      expectRefused(await runOnce(simulator, name), 'API_UNAUTHORIZED', /check sid and apiKey/)
      const halfway = await booksOf(reach, name, simulator.world)
      expect(halfway).toMatchObject({ untrue: [], wrong: [] })
      expect(halfway.events).toBeGreaterThan(500)
      expect(halfway.events).toBeLessThan(CALLS)
      expect(halfway.slots.filter(({ count }) => count > 0).length).toBeGreaterThan(0)

      simulator.clearFaults()
      const { exit, output } = await runOnce(simulator, name)
      expect(exit, output.slice(-2_000)).toEqual({ code: 0, signal: null })
      expect(await booksOf(reach, name, simulator.world)).toMatchObject({ events: CALLS, missing: [], untrue: [], wrong: [] })
    },
  )
})
