/**
 * Our wall clock is set by hours and days, forward and back, in mid-run and between runs; the clocks of the account's time zone change. In the
 * end all is published once, and nothing is called covered that was not read.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { codeOf } from '../../src/errors.ts'
import { createKaleyraSource } from '../../src/kaleyra/source.ts'
import { createClockChange } from '../../src/kaleyra/zones.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/model/window.ts'
import type { Happening, Source } from '../../src/ports.ts'
import { ErrantClock } from '../support/errant-clock.ts'
import { ledgerOn, memoryCluster, noSignal } from '../support/ledger-on-memory.ts'
import { checkpointOn, publishedOn, untrueOn } from '../support/memory-books.ts'
import { lifeOf } from '../support/one-account.ts'
import { judge } from '../support/simulator/judge.ts'
import type { RowShape } from '../support/simulator/row.ts'
import { startSimulator } from '../support/simulator/server.ts'
import { World } from '../support/simulator/world.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { WorldSource } from '../support/world-source.ts'

const startMs = Date.parse('2026-03-10T12:00:00Z')
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

interface Scene {
  readonly beginMs?: number
  readonly shape?: RowShape
  /** Whether the API tells the time. */
  readonly tells?: boolean
}

async function scene({ beginMs = startMs, shape, tells = true }: Scene = {}) {
  const truth = new VirtualClock({ startMs: beginMs })
  const clock = new ErrantClock(truth)
  const world = new World({
    ...{ seed: 11, now: () => truth.now(), history: 300, historyMs: 2 * HOUR_MS, livePerSecond: 1 / 60, changeShare: 0 },
    ...(shape && { shape }),
  })
  const cluster = await memoryCluster()
  const simulator = tells ? await startSimulator({ world }) : null
  if (simulator !== null) closers.push(() => simulator.close())
  const zone = shape?.timeZone
  let requests = 0

  const sourceOf = (note: (happening: Happening) => void): Source => {
    if (simulator === null) {
      const next = () => ({ latencyMs: 300, failure: null })
      const quiet = { total: (matches: number) => matches, slides: () => false, mostRequests: 20_000 }
      return new WorldSource({ world, clock: truth, pageSize: 100, order: 'newest', next, ...quiet })
    }
    const { sid, apiKey, url: origin } = simulator
    const asking = { pageSize: 100, requestsPerSecond: 1, burst: 1, timeoutMs: 5_000, optIn: [] }
    const source = createKaleyraSource(
      { sid, apiKey, origin, ...asking, ...(zone !== undefined && { timeZone: zone }) },
      { clock, random: () => 0.5, note },
    )
    closers.push(() => source.close())
    return source
  }
  /** One process, until the world is so old or the account fails for good; `during` is told of every request and window. */
  const live = async (untilMs: number, during: (ageMs: number) => void = () => undefined) => {
    const codes: string[] = []
    const stop = new AbortController()
    const watched = new ErrantClock(clock)
    watched.sleep = (ms, signal) => {
      expect(ms).toBeGreaterThanOrEqual(0)
      during(truth.now() - beginMs)
      if (truth.now() - beginMs >= untilMs) stop.abort()
      return clock.sleep(ms, signal)
    }
    const note = (happening: Happening) => {
      if (happening.kind === 'task' && happening.error !== undefined) codes.push(codeOf(happening.error))
      during(truth.now() - beginMs)
    }
    const source = sourceOf(note)
    const options = zone === undefined ? {} : { clockChangeMs: createClockChange(zone) }
    const settings = { cluster, source, clock: watched, once: false, startFromMs: 3 * HOUR_MS, note, options }
    const ending = await lifeOf({ ...settings, stop: stop.signal }).run()
    requests += source.requests()
    return { ending, codes }
  }
  const verdict = () => {
    const settledBefore = truth.now() - 35 * MINUTE_MS
    const { clean, ...found } = judge(world, publishedOn(cluster), { settledBefore, from: beginMs - 2 * HOUR_MS })
    const lost = (checkpointOn(cluster)?.coverage.gaps ?? []).filter(
      ({ state, untilMs }) => state === 'lost' && untilMs > beginMs - 3 * HOUR_MS,
    )
    return { ...found, lost, untrue: untrueOn(cluster, world) }
  }
  return { clock, truth, world, cluster, live, verdict, requests: () => requests }
}

const CLEAN = { missing: [], repeated: [], stale: [], extra: [], lost: [], untrue: [] }
const JUMPS = [
  ['three hours ahead', 3 * HOUR_MS],
  ['three days ahead', 3 * DAY_MS],
  ['thirty days ahead', 30 * DAY_MS],
  ['three hours back', -3 * HOUR_MS],
  ['thirty days back', -30 * DAY_MS],
] as const

describe('a clock that is set', () => {
  test.each(JUMPS)('%s in mid-run fails the account until it is right again', async (_, aheadMs) => {
    const { clock, cluster, live, verdict, requests } = await scene()

    let anchorMs: number | undefined
    const { ending, codes } = await live(2 * HOUR_MS, ageMs => {
      if (ageMs < 20 * MINUTE_MS) anchorMs = checkpointOn(cluster)?.coverage.anchorMs
      clock.aheadMs = ageMs > 20 * MINUTE_MS && ageMs < 50 * MINUTE_MS ? aheadMs : 0
    })

    expect(ending).toBe('stopped')
    expect(codes).toContain('API_CLOCK_SKEW')
    expect(checkpointOn(cluster)?.coverage.anchorMs).toBe(anchorMs)
    expect(verdict()).toEqual(CLEAN)
    expect(requests()).toBeLessThan(1_000)
  })

  test.each(JUMPS)('%s before a start claims nothing, and the next start goes on', async (_, aheadMs) => {
    const { clock, cluster, live, verdict } = await scene()
    await live(20 * MINUTE_MS)
    const claims = checkpointOn(cluster)?.incarnation
    clock.aheadMs = aheadMs
    await live(40 * MINUTE_MS)
    const claimed = checkpointOn(cluster)?.incarnation
    clock.aheadMs = 0

    await live(2 * HOUR_MS)

    expect([claims, claimed]).toEqual([1, 1])
    expect(verdict()).toEqual(CLEAN)
  })

  test.each(JUMPS)('%s in front of an API that tells no time is found out by the books', async (_, aheadMs) => {
    const { clock, live, verdict, requests } = await scene({ tells: false })

    await live(2 * HOUR_MS, ageMs => {
      clock.aheadMs = ageMs > 20 * MINUTE_MS && ageMs < 50 * MINUTE_MS ? aheadMs : 0
    })

    expect(verdict()).toEqual(CLEAN)
    expect(requests()).toBeLessThan(1_500)
  })

  test('for one life in front of an API that tells no time, nothing is forgotten, and the next life goes on', async () => {
    const { clock, live, verdict } = await scene({ tells: false })
    await live(20 * MINUTE_MS)
    clock.aheadMs = 30 * DAY_MS
    await live(40 * MINUTE_MS)
    clock.aheadMs = 0

    await live(2 * HOUR_MS)

    expect(verdict()).toEqual(CLEAN)
  })
})

describe('the clocks of the account’s time zone', () => {
  test.each([
    ['set back, so that an hour happens twice', '2026-10-25T00:40:00Z'],
    ['set forward, so that an hour is skipped', '2026-03-29T00:40:00Z'],
  ])('%s: every call is published once, and the account does not fail', async (_, begin) => {
    const shape: RowShape = { keys: 'io', times: 'naive', timeZone: 'Europe/Berlin', wobble: false }
    const { cluster, live, world, truth } = await scene({ beginMs: Date.parse(begin), shape })

    const { codes } = await live(3 * HOUR_MS)

    const published = publishedOn(cluster)
    const shown = world.truthAt().calls.filter(call => (call.versions[0]?.visibleFrom ?? 0) < truth.now() - 35 * MINUTE_MS)
    const created = published.filter(({ change }) => change === 'CREATED').map(({ callId }) => callId)
    expect(codes).toEqual([])
    expect(new Set(created).size).toBe(created.length)
    expect(shown.map(({ id }) => id).filter(id => !created.includes(id))).toEqual([])
    expect(checkpointOn(cluster)?.coverage.gaps).toEqual([])
  })
})

test('a promise to stay away that was given by a clock ahead is kept as long as it was meant', async () => {
  const { clock, cluster, truth } = await scene({ tells: false })
  clock.aheadMs = 20 * DAY_MS
  const ahead = ledgerOn(cluster, clock, {}, () => clock.now() + 90 * SECOND_MS)
  await ahead.recall(noSignal)
  clock.aheadMs = 0

  const { notBeforeMs } = await ledgerOn(cluster, clock).look(noSignal)

  expect(notBeforeMs).toBe(truth.now() + 90 * SECOND_MS)
})
