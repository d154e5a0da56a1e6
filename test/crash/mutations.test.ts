/**
 * Whether the simulation would notice: mistakes are planted in the source one at a time, in a process of its own, and stories are told until one
 * of them ends badly. A mistake that no story notices fails its test: then the simulation is too weak, not the mistake too small.
 */
import { beforeAll, expect, test } from 'vitest'
import { tellAll } from './simulation/crew.ts'
import type { Mutation } from './simulation/mutation.ts'
import { mutations } from './simulation/mutations.ts'

const CHILDREN = 2
/** Three times as many as the slowest needs. */
const MOST_STORIES = 250
/** With a mistake in it a story may run in a circle for ever. */
const SILENCE_MS = 30_000

interface Catch {
  readonly seed: number
  readonly finding: string
}

const caught = new Map<string, Catch>()

/** Tells stories with the mistake in the source, until one notices. */
async function hunt(mutation: Mutation): Promise<void> {
  await tellAll({
    from: mutation.from ?? 1,
    count: MOST_STORIES,
    mutation,
    silenceMs: SILENCE_MS,
    onTold: ({ seed, findings }) => {
      if (findings[0] !== undefined) caught.set(mutation.name, { seed, finding: findings[0] })
    },
  })
}

beforeAll(async () => {
  const waiting = [...mutations]
  const lane = async () => {
    for (let mutation = waiting.shift(); mutation !== undefined; mutation = waiting.shift()) await hunt(mutation)
  }
  await Promise.all(Array.from({ length: CHILDREN }, lane))
  const lines = mutations.map(({ name }) => {
    const { seed = '–', finding = 'not noticed' } = caught.get(name) ?? {}
    return `${name.padEnd(66)} seed ${String(seed).padStart(4)}  ${finding.split('\n')[0]?.slice(0, 90)}`
  })
  process.stdout.write(`${lines.join('\n')}\n`)
}, 600_000)

test.each(mutations)('the simulation notices that $name', ({ name }) => {
  expect(caught.get(name)).toEqual({ seed: expect.any(Number), finding: expect.any(String) })
})
