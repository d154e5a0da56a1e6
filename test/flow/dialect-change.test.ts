/** An account whose API starts to hear questions differently while its ledger still knows how they were put: over real HTTP, in virtual time. */
import { afterEach, expect, test } from 'vitest'
import { codeOf } from '../../src/errors.ts'
import { createKaleyraSource } from '../../src/kaleyra/source.ts'
import { HOUR_MS, MINUTE_MS } from '../../src/model/window.ts'
import type { Happening } from '../../src/ports.ts'
import { memoryCluster } from '../support/ledger-on-memory.ts'
import { checkpointOn } from '../support/memory-books.ts'
import { lifeOf } from '../support/one-account.ts'
import type { SimulatorOptions } from '../support/simulator/options.ts'
import { startSimulator } from '../support/simulator/server.ts'
import { World } from '../support/simulator/world.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

async function setUp() {
  const clock = new VirtualClock({ startMs: Date.parse('2026-03-10T12:00:00Z') })
  const world = new World({ seed: 7, now: () => clock.now(), history: 40, historyMs: HOUR_MS })
  const simulator = await startSimulator({ world, options: { styles: ['post-form'] } })
  const cluster = await memoryCluster()
  closers.push(() => simulator.close())
  const { sid, apiKey, url: origin } = simulator
  /** One life in a process of its own; `during` is told of each window that was read. */
  const live = async (once: boolean, during: (nowMs: number, stop: () => void) => void = () => undefined) => {
    const states: string[] = []
    const stop = new AbortController()
    const note = (happening: Happening) => {
      if (happening.kind === 'task') states.push(happening.state)
      const isIll = happening.kind === 'task' && codeOf(happening.error) === 'API_UNAVAILABLE'
      if (isIll || states.includes('failed')) stop.abort()
      if (happening.kind === 'window.read') during(clock.now(), () => stop.abort())
    }
    const asking = { pageSize: 100, requestsPerSecond: 1, burst: 1, timeoutMs: 5_000, optIn: [] }
    const source = createKaleyraSource({ sid, apiKey, origin, ...asking }, { clock, random: () => 0.5, note })
    closers.push(() => source.close())
    const life = lifeOf({ cluster, source, clock, once, startFromMs: HOUR_MS, note, stop: stop.signal })
    return { ending: await life.run(), states, source }
  }
  const change = (options: Partial<SimulatorOptions>) => Object.assign(simulator.options, options)
  return { cluster, live, change, simulator }
}

test('its dialect is found anew, not taken from the ledger again, and the account never fails', async () => {
  const { cluster, live, change } = await setUp()
  let changedMs: number | null = null

  const { ending, states, source } = await live(false, (nowMs, stop) => {
    changedMs ??= nowMs
    change({ styles: ['get-query'], unheard: 405 })
    if (nowMs > changedMs + 10 * MINUTE_MS) stop()
  })

  expect(ending).toBe('stopped')
  expect(states).not.toContain('failed')
  expect(source.dialect()).toMatchObject({ style: 'get-query' })
  expect(checkpointOn(cluster)?.dialect).toContain('get-query')
})

test('a new process finds its dialect anew where the ledger knows an old one', async () => {
  const { cluster, live, change } = await setUp()
  await live(true)
  change({ styles: ['get-query'], unheard: 405 })

  const { ending, source } = await live(true)

  expect(ending).toBe('covered')
  expect(source.dialect()).toMatchObject({ style: 'get-query' })
  expect(checkpointOn(cluster)?.dialect).toContain('get-query')
})

test('a promise to stay away that is given while the dialect is found anew is kept by the next process', async () => {
  const { live, change, simulator } = await setUp()
  let isChanged = false
  await live(false, () => {
    if (isChanged) return
    isChanged = true
    change({ styles: ['get-query'], unheard: 405 })
    // The next window and the first style are refused; then the API is ill.
    simulator.next({ fault: 'http503', count: 1, after: 2, retryAfterSeconds: 460 })
  })
  const begun = simulator.requests.length

  await live(true)

  expect(simulator.requests[begun - 1]).toMatchObject({ fault: 'http503' })
  expect(simulator.book.counts.early).toBe(0)
})
