/**
 * The whole connector, thousands of times, in virtual time: killed or paused at any await, several instances at once, every dialect of the API,
 * calls that come late and change, commits whose outcome is unknown. Whatever happens, each version is published once and nothing is covered
 * that was not read. `SIM_SEEDS=100000` tells more stories, `SIM_SEED=123` one of them, with everything that happens in it.
 */
import { expect, test } from 'vitest'
import { replayCommand, tellTogether } from './simulation/crew.ts'
import { tell } from './simulation/story.ts'
import { addTally, emptyTally } from './simulation/tally.ts'

const CHILDREN = 2
const { SIM_SEED, SIM_SEEDS = '2000' } = process.env

/** Everything that happens in a story. */
async function logOf(seed: number): Promise<string[]> {
  const lines: string[] = []
  const { findings } = await tell(seed, line => lines.push(line))
  return [...lines, ...findings.map(finding => `FOUND: ${finding}`)]
}

if (SIM_SEED !== undefined) {
  test(`the story of seed ${SIM_SEED} ends well`, async () => {
    const lines = await logOf(Number(SIM_SEED))
    process.stdout.write(`${lines.join('\n')}\n`)

    expect(lines.filter(line => line.startsWith('FOUND: '))).toEqual([])
  })
} else {
  test('the same seed is the same story to the byte', async () => {
    for (const seed of [1, 2, 3, 5, 8, 13, 21, 34]) {
      const [once, again] = [await logOf(seed), await logOf(seed)]

      expect(once.length).toBeGreaterThan(10)
      expect(again.join('\n')).toBe(once.join('\n'))
    }
  })

  test(`${SIM_SEEDS} stories end well`, async () => {
    const tally = emptyTally()
    const failures: string[] = []
    await tellTogether(
      {
        from: 1,
        count: Number(SIM_SEEDS),
        onTold: told => {
          if (told.tally !== undefined) addTally(tally, told.tally)
          if (told.findings.length > 0) failures.push(`${replayCommand(told.seed)}   # ${told.findings[0]?.split('\n')[0]}`)
        },
      },
      CHILDREN,
    )

    expect(failures.join('\n')).toBe('')
    expect(tally.stories).toBe(Number(SIM_SEEDS))
    for (const met of [tally.crashes, tally.ghosts, tally.takeovers, tally.commitFaults, tally.foreignTransactions, tally.cuts])
      expect(met).toBeGreaterThan(Number(SIM_SEEDS) / 20)
  }, 36_000_000)
}
