/** An API that is ill rather than unwilling: tried again a bounded number of times, waited for as long as it asks, and given up with 3. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Connector, settingsFor } from '../support/connector.ts'
import { booksOf } from '../support/ledger-books.ts'
import type { Reach } from '../support/platform/platform.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { settledWorld } from '../support/settled-world.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'

const CALLS = 3_000
/** Five tries of a request, and six rounds of them within the half minute that `--once` has patience. */
const MOST_REQUESTS = 30
/** Unlucky dice make the waits between them add up to a minute and a half. */
const GIVE_UP_MS = 300_000

let reach: Reach
const simulators: Simulator[] = []
beforeAll(async () => {
  reach = await platform()
}, platformStartMs)
afterAll(() => Promise.all(simulators.map(simulator => simulator.close())))

async function simulate(): Promise<Simulator> {
  const world = settledWorld({ seed: 41, history: CALLS, historyMs: 15 * 3_600_000 })
  const simulator = await startSimulator({ world })
  simulators.push(simulator)
  return simulator
}

const runOnce = (api: Pick<Simulator, 'url' | 'sid' | 'apiKey'>, name: string) =>
  Connector.runOnce(settingsFor(api, reach, name, { api: { pageSize: 100 }, polling: { maxRowsPerRead: 500 } }))

const oneError = (code: string) => new RegExp(`^call-log-source: ${code}: [^\n]+\n( {2}because: [^\n]+\n)* {2}remedy: [^\n]+\n$`)

describe.concurrent('answers that are none', () => {
  const verdicts = { html: 'API_MALFORMED', truncate: 'API_(MALFORMED|UNAVAILABLE)', reset: 'API_UNAVAILABLE' } as const

  test.for(['html', 'truncate', 'reset'] as const)(
    '%s throughout: 3 after a bounded number of tries, nothing covered',
    { timeout: GIVE_UP_MS },
    async fault => {
      const simulator = await simulate()
      simulator.options.faultShares = { [fault]: 1 }
      const name = uniqueName(fault)
      const { exit, output, stderr } = await runOnce(simulator, name)

      expect(exit, output.slice(-2_000)).toEqual({ code: 3, signal: null })
      expect(stderr).toMatch(oneError(verdicts[fault]))
      expect(simulator.book.counts.requests).toBeGreaterThan(5)
      expect(simulator.book.counts.requests).toBeLessThanOrEqual(MOST_REQUESTS)
      expect(await booksOf(reach, name, simulator.world)).toMatchObject({ slots: [], events: 0 })
    },
  )

  test('empty bodies throughout: 3 after a bounded number of tries, nothing covered', { timeout: GIVE_UP_MS }, async () => {
    let requests = 0
    const server = createServer((_, response) => {
      requests += 1
      response.setHeader('content-type', 'application/json').end()
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const world = settledWorld({ seed: 42 })
    const name = uniqueName('empty')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { exit, output, stderr } = await runOnce({ url, sid: 'HXAP1', apiKey: 'A0123456789' }, name)
    server.close()

    expect(exit, output.slice(-2_000)).toEqual({ code: 3, signal: null })
    expect(stderr).toMatch(oneError('API_MALFORMED'))
    expect(requests).toBeGreaterThan(5)
    expect(requests).toBeLessThanOrEqual(MOST_REQUESTS)
    expect(await booksOf(reach, name, world)).toMatchObject({ slots: [], events: 0 })
  })

  test('half bodies from the middle of a long read on: what was read stays, the rest is not covered, the next run completes it', {
    timeout: GIVE_UP_MS,
  }, async () => {
    const simulator = await simulate()
    const name = uniqueName('half')
    simulator.next({ fault: 'truncate', after: 20, count: 1_000 })
    const broken = await runOnce(simulator, name)

    expect(broken.exit, broken.output.slice(-2_000)).toEqual({ code: 3, signal: null })
    const halfway = await booksOf(reach, name, simulator.world)
    expect(halfway).toMatchObject({ untrue: [], wrong: [] })
    expect(halfway.events).toBeGreaterThan(500)
    expect(halfway.events).toBeLessThan(CALLS)
    expect(halfway.slots.some(({ count }) => count > 0)).toBe(true)

    simulator.clearFaults()
    expect((await runOnce(simulator, name)).exit).toEqual({ code: 0, signal: null })
    expect(await booksOf(reach, name, simulator.world)).toMatchObject({ events: CALLS, missing: [], untrue: [], wrong: [] })
  })

  test.for(['seconds', 'date'] as const)(
    'Retry-After as %s, short and long, in the middle of a read: obeyed in full, and the run completes',
    { timeout: GIVE_UP_MS },
    async form => {
      const simulator = await simulate()
      simulator.options.retryAfter = form
      const name = uniqueName('throttled')
      simulator.next({ fault: 'http429', retryAfterSeconds: 2 })
      simulator.next({ fault: 'http429', retryAfterSeconds: 13, after: 20 })
      simulator.next({ fault: 'http429', retryAfterSeconds: 3, after: 2, count: 2 })
      const { exit, output } = await runOnce(simulator, name)

      expect(exit, output.slice(-2_000)).toEqual({ code: 0, signal: null })
      expect(simulator.pendingFaults).toBe(0)
      expect(simulator.book.counts.early).toBe(0)
      expect(await booksOf(reach, name, simulator.world)).toMatchObject({ events: CALLS, missing: [], untrue: [], wrong: [] })
    },
  )
})
