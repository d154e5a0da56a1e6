import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createBudget } from '../../src/kaleyra/budget.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const never = new AbortController().signal

describe('the request budget', () => {
  test('starts empty: the first request waits one interval', async () => {
    const clock = new VirtualClock()
    const budget = createBudget({ requestsPerSecond: 2, burst: 1 }, clock)
    const startMs = clock.monotonic()

    const atMs = await budget.run(0, never, async () => clock.monotonic())

    expect(atMs - startMs).toBe(500)
  })

  test('a burst is earned, not given at start', async () => {
    const clock = new VirtualClock()
    const budget = createBudget({ requestsPerSecond: 1, burst: 3 }, clock)
    const startMs = clock.monotonic()

    const at = await Promise.all([0, 1, 2].map(() => budget.run(0, never, async () => clock.monotonic() - startMs)))

    expect(at).toEqual([1_000, 2_000, 3_000])
  })

  test('never grants more than rate x time + burst over any interval, whatever the pauses', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 0, max: 4_000 }), { minLength: 1, maxLength: 30 }),
        async (requestsPerSecond, burst, pauses) => {
          const clock = new VirtualClock()
          const budget = createBudget({ requestsPerSecond, burst }, clock)
          const at: number[] = []
          for (const pause of pauses) {
            clock.pass(pause)
            at.push(await budget.run(0, never, async () => clock.monotonic()))
          }
          for (let from = 0; from < at.length; from += 1) {
            for (let until = from; until < at.length; until += 1) {
              const seconds = ((at[until] ?? 0) - (at[from] ?? 0)) / 1_000
              expect(until - from + 1).toBeLessThanOrEqual(requestsPerSecond * seconds + burst + 1e-6)
            }
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  test('a request that left late pushes the next one back', async () => {
    const clock = new VirtualClock()
    const budget = createBudget({ requestsPerSecond: 1, burst: 1 }, clock)

    const first = await budget.run(0, never, async permit => {
      clock.pass(900)
      permit.sent()
      return clock.monotonic()
    })
    const second = await budget.run(0, never, async () => clock.monotonic())

    expect(second - first).toBe(1_000)
  })

  test('a hold is obeyed in full even when the wall clock jumps ahead', async () => {
    const clock = new VirtualClock()
    const budget = createBudget({ requestsPerSecond: 1, burst: 1 }, clock)
    const startMs = clock.monotonic()
    const untilMs = clock.now() + 90_000

    budget.holdUntil(untilMs)
    clock.jumpWall(3_600_000)
    const granted = await budget.run(0, never, async ({ heldMs }) => ({ atMs: clock.monotonic() - startMs, heldMs }))

    expect(granted.atMs).toBe(90_000)
    expect(granted.heldMs).toBe(89_000)
    expect(budget.notBeforeMs()).toBe(untilMs)
  })

  test('a shorter hold never shortens a longer one, and a hold of months is slept in pieces', async () => {
    const clock = new VirtualClock()
    const budget = createBudget({ requestsPerSecond: 1, burst: 1 }, clock)
    const startMs = clock.monotonic()
    const days = 40 * 86_400_000

    budget.holdUntil(clock.now() + days)
    budget.holdUntil(clock.now() + 1_000)
    const atMs = await budget.run(0, never, async () => clock.monotonic())

    expect(atMs - startMs).toBe(days)
    expect(Math.max(...clock.sleeps)).toBeLessThan(2 ** 31)
  })

  test('sends nothing until the reset when the API says that nothing is left, and keeps that as a promise', async () => {
    const clock = new VirtualClock()
    const budget = createBudget({ requestsPerSecond: 1, burst: 1 }, clock)
    const startMs = clock.monotonic()
    const resetAtMs = clock.now() + 45_000

    budget.obey({ remaining: 0, resetMs: 45_000 })
    const granted = await budget.run(0, never, async ({ heldMs }) => ({ atMs: clock.monotonic() - startMs, heldMs }))

    expect(granted).toEqual({ atMs: 45_000, heldMs: 44_000 })
    expect(budget.notBeforeMs()).toBe(resetAtMs)
  })

  test('asks again after an hour, however long the API says that nothing is left', async () => {
    const clock = new VirtualClock()
    const budget = createBudget({ requestsPerSecond: 1, burst: 1 }, clock)
    const startMs = clock.monotonic()

    budget.obey({ remaining: 0, resetMs: 86_400_000 })
    const atMs = await budget.run(0, never, async () => clock.monotonic() - startMs)

    expect(atMs).toBe(3_600_000)
  })

  test('spreads the few that are left until the reset, then goes back to its rate', async () => {
    const clock = new VirtualClock()
    const budget = createBudget({ requestsPerSecond: 1, burst: 5 }, clock)
    const startMs = clock.monotonic()
    const run = () => budget.run(0, never, async () => clock.monotonic() - startMs)

    const at = [await run()]
    budget.obey({ remaining: 3, resetMs: 30_000 })
    for (let request = 0; request < 5; request += 1) at.push(await run())

    expect(at).toEqual([1_000, 11_000, 21_000, 31_000, 31_000, 31_000])
  })

  test('goes by the newest word on what is left, and never faster than its rate', async () => {
    const clock = new VirtualClock()
    const budget = createBudget({ requestsPerSecond: 1, burst: 1 }, clock)
    const startMs = clock.monotonic()
    const run = () => budget.run(0, never, async () => clock.monotonic() - startMs)

    const at = [await run()]
    budget.obey({ remaining: 1, resetMs: 60_000 })
    budget.obey({ remaining: 1_000, resetMs: 60_000 })
    at.push(await run(), await run())

    expect(at).toEqual([1_000, 2_000, 3_000])
  })

  test('whatever the API says and whoever gives up, no interval holds more than rate x time + burst, and no hold is broken', async () => {
    const word = fc.oneof(
      fc.record({ kind: fc.constant('left' as const), remaining: fc.nat(30), resetMs: fc.integer({ min: 1, max: 60_000 }) }),
      fc.record({ kind: fc.constant('hold' as const), ms: fc.integer({ min: 0, max: 120_000 }) }),
      fc.constantFrom({ kind: 'slower' as const }, { kind: 'good' as const }, { kind: 'none' as const }),
    )
    const step = fc.record({
      word,
      pauseMs: fc.integer({ min: 0, max: 5_000 }),
      latencyMs: fc.integer({ min: 0, max: 2_000 }),
      asked: fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(step, { minLength: 1, maxLength: 15 }),
        async (requestsPerSecond, burst, steps) => {
          const clock = new VirtualClock()
          const budget = createBudget({ requestsPerSecond, burst }, clock)
          const at: number[] = []
          const failures: string[] = []
          let served = 0
          let heldUntilMs = 0
          for (const { word: said, pauseMs, latencyMs, asked } of steps) {
            clock.pass(pauseMs)
            if (said.kind === 'left') budget.obey(said)
            if (said.kind === 'hold') budget.holdUntil(clock.now() + said.ms)
            if (said.kind === 'hold') heldUntilMs = Math.max(heldUntilMs, clock.monotonic() + said.ms)
            if (said.kind === 'slower') budget.slower()
            if (said.kind === 'good') for (let answer = 0; answer < 20; answer += 1) budget.good()
            const runs = asked.map((isPatient, index) => {
              const given = new AbortController()
              const run = budget.run(index, given.signal, async permit => {
                clock.pass(latencyMs)
                permit.sent()
                at.push(clock.monotonic())
                expect(clock.monotonic()).toBeGreaterThanOrEqual(heldUntilMs)
              })
              if (!isPatient) given.abort()
              return run.then(
                () => {
                  served += 1
                },
                error => void failures.push(error.code),
              )
            })
            await Promise.all(runs)
          }
          const asked = steps.flatMap(step => step.asked)
          expect(served).toBeGreaterThanOrEqual(asked.filter(isPatient => isPatient).length)
          expect(failures).toEqual(new Array(asked.length - served).fill('STOPPED'))
          for (let from = 0; from < at.length; from += 1) {
            for (let until = from; until < at.length; until += 1) {
              const seconds = ((at[until] ?? 0) - (at[from] ?? 0)) / 1_000
              expect(until - from + 1).toBeLessThanOrEqual(requestsPerSecond * seconds + burst + 1e-6)
            }
          }
        },
      ),
      { numRuns: 100 },
    )
  })

  test('of a thousand that wait, those that give up do so at once during a hold, and the rest go by priority and in turn', async () => {
    const clock = new VirtualClock({ mode: 'manual' })
    const budget = createBudget({ requestsPerSecond: 1, burst: 1 }, clock)
    const given = new AbortController()
    const order: number[] = []
    budget.holdUntil(clock.now() + 60_000)
    const impatient = Array.from({ length: 990 }, () => budget.run(0, given.signal, async () => order.push(-1)))
    const patient = Array.from({ length: 10 }, (_, index) => budget.run(index % 2, never, async () => order.push(index)))

    given.abort()
    const ends = await Promise.allSettled(impatient)
    await clock.advance(59_999)
    const early = order.length
    for (let second = 0; second < 12; second += 1) await clock.advance(1_000)
    await Promise.all(patient)

    expect(new Set(ends.map(end => (end.status === 'rejected' ? end.reason.code : end.status)))).toEqual(new Set(['STOPPED']))
    expect(early).toBe(0)
    expect(order).toEqual([1, 3, 5, 7, 9, 0, 2, 4, 6, 8])
  })

  test('halves on 429 and comes back by a tenth after twenty good answers', async () => {
    const clock = new VirtualClock()
    const budget = createBudget({ requestsPerSecond: 1, burst: 1 }, clock)
    const run = () => budget.run(0, never, async () => clock.monotonic())

    const first = await run()
    budget.slower()
    const second = await run()
    const third = await run()
    for (let answer = 0; answer < 20; answer += 1) budget.good()
    const fourth = await run()
    const fifth = await run()

    expect([second - first, third - second]).toEqual([2_000, 2_000])
    expect(fourth - third).toBe(2_000)
    expect(fifth - fourth).toBeCloseTo(1_000 / 0.6, 6)
  })

  test('comes back from its slowest within a dozen minutes, however few answers that brings', async () => {
    const clock = new VirtualClock()
    const budget = createBudget({ requestsPerSecond: 1, burst: 1 }, clock)
    const next = () => budget.run(0, never, async () => clock.monotonic())
    for (let refused = 0; refused < 10; refused += 1) budget.slower()
    const slowestMs = clock.monotonic()
    const intervals: number[] = []

    for (let lastMs = await next(); clock.monotonic() < slowestMs + 12 * 60_000; lastMs = clock.monotonic()) {
      budget.good()
      intervals.push((await next()) - lastMs)
    }

    expect(Math.max(...intervals)).toBeGreaterThan(9_000)
    expect(intervals.at(-1)).toBe(1_000)
  })

  test('gives no token back when it halves: a burst that is used up stays used up', async () => {
    const clock = new VirtualClock()
    const budget = createBudget({ requestsPerSecond: 1, burst: 3 }, clock)
    const next = () => budget.run(0, never, async () => clock.monotonic())
    clock.pass(10_000)
    for (let sent = 0; sent < 3; sent += 1) await next()
    const emptyMs = clock.monotonic()

    budget.slower()
    const after = [await next(), await next()]

    expect(after.map(atMs => atMs - emptyMs)).toEqual([2_000, 4_000])
  })

  test('runs one at a time and those that finish a read first', async () => {
    const clock = new VirtualClock()
    const budget = createBudget({ requestsPerSecond: 1, burst: 1 }, clock)
    const order: string[] = []
    const run = (name: string, priority: number) => budget.run(priority, never, async () => void order.push(name))

    await Promise.all([run('first', 0), run('begins a read', 0), run('finishes a read', 1)])

    expect(order).toEqual(['first', 'finishes a read', 'begins a read'])
  })

  test('a wait ends at once with STOPPED when it is aborted, and the next in line goes on', async () => {
    const clock = new VirtualClock({ mode: 'manual' })
    const budget = createBudget({ requestsPerSecond: 1, burst: 1 }, clock)
    const [waiting, queued] = [new AbortController(), new AbortController()]

    const first = budget.run(0, waiting.signal, async () => 'first')
    const second = budget.run(0, queued.signal, async () => 'second')
    const third = budget.run(0, never, async () => 'third')
    queued.abort()
    waiting.abort()

    await expect(first).rejects.toMatchObject({ code: 'STOPPED' })
    await expect(second).rejects.toMatchObject({ code: 'STOPPED' })
    await clock.advance(1_000)
    await expect(third).resolves.toBe('third')
  })

  test('a request given up while under way keeps its turn until it has ended', async () => {
    const clock = new VirtualClock()
    const budget = createBudget({ requestsPerSecond: 1_000, burst: 1 }, clock)
    const given = new AbortController()
    const order: string[] = []
    const first = budget.run(0, given.signal, async () => {
      given.abort()
      await clock.sleep(5_000, never)
      order.push('first ended')
    })
    const second = budget.run(0, never, async () => order.push('second began'))

    await Promise.allSettled([first, second])

    expect(order).toEqual(['first ended', 'second began'])
  })

  test('refuses an impossible rate', () => {
    const clock = new VirtualClock()

    expect(() => createBudget({ requestsPerSecond: 0, burst: 1 }, clock)).toThrow(
      expect.objectContaining({ code: 'SETTINGS_INVALID' }),
    )
    expect(() => createBudget({ requestsPerSecond: 1, burst: 0 }, clock)).toThrow(
      expect.objectContaining({ code: 'SETTINGS_INVALID' }),
    )
  })

  test('tells what share of the rate was used', async () => {
    const clock = new VirtualClock()
    const budget = createBudget({ requestsPerSecond: 1, burst: 1 }, clock)

    const idle = budget.usedRatio()
    for (let request = 0; request < 300; request += 1) await budget.run(0, never, async () => undefined)

    expect(idle).toBe(0)
    expect(budget.usedRatio()).toBeGreaterThan(0.9)
  })
})
