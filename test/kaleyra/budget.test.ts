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
