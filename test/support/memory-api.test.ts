/** The simulated API without HTTP, where it is not that of the server: what a row that slides past does to a reader. */
import { expect, test } from 'vitest'
import type { Source } from '../../src/ports.ts'
import { Dice } from './simulator/dice.ts'
import { Line, MemoryApi } from './simulator/memory-api.ts'
import { World } from './simulator/world.ts'
import { VirtualClock } from './virtual-clock.ts'

const fromMs = Date.parse('2026-03-10T12:00:00Z')
const pageSize = 5
const never = new AbortController().signal

/** How many rows the first answer counts, in a read that a row slides past, of so many calls, the first of them on the lower bound. */
async function countedFirst(calls: number, bounds: 'inclusive' | 'exclusive' | 'half-open'): Promise<number> {
  const clock = new VirtualClock({ startMs: fromMs + 3_600_000 })
  const world = new World({ seed: 1, now: () => clock.now() })
  for (let index = 0; index < calls; index += 1) world.add({ startMs: fromMs + index * 1_000, visibleFrom: fromMs })
  const options = { bounds, order: 'oldest', limitIn: 'both' } as const
  const api = new MemoryApi({ world, dice: new Dice(1), options })
  const line = new Line({ api, clock, timeoutMs: 1_000, latencyMs: () => 1, slides: () => true, note: () => undefined })
  const text = (instantMs: number) => new Date(instantMs).toISOString().replace(/\.\d+/, '')
  const fields = new URLSearchParams({ start_time: text(fromMs), end_time: text(fromMs + 60_000), limit: String(pageSize) })
  let total = 0
  const source = line.watch({
    async *read() {
      const { body } = await line.ask({ style: 'post-form', fields, limit: pageSize }, never, () => undefined)
      total = JSON.parse(body).total
    },
  } as unknown as Source)
  for await (const page of source.read({ fromMs, untilMs: fromMs + 60_000 }, never)) void page
  return total
}

test.each(['inclusive', 'half-open', 'exclusive'] as const)(
  'a row is kept back from a read of several pages only, of %s bounds as the API takes them',
  async bounds => {
    const onBound = bounds === 'exclusive' ? 1 : 0

    expect(await countedFirst(pageSize + 1 + onBound, bounds)).toBe(pageSize + 1)
    expect(await countedFirst(pageSize + 2 + onBound, bounds)).toBe(pageSize + 1)
  },
)
