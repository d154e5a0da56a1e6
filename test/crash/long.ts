/**
 * A hundred thousand stories on every core, and what came of them in `results.md`: `npm run test:simulation`, with another number of stories
 * `npm run test:simulation -- 5000`, and from another seed on `npm run test:simulation -- 5000 100001`.
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { replayCommand, tellAll } from './simulation/crew.ts'
import { addTally, emptyTally, type Tally } from './simulation/tally.ts'

/** Small errands, so that no core waits for another at the end. */
const SEEDS_PER_ERRAND = 500
const PROGRESS_EVERY = 1_000

const count = Number(process.argv[2] ?? 100_000)
const first = Number(process.argv[3] ?? 1)
const startedMs = Date.now()
const tally = emptyTally()
const failures: string[] = []

function secondsSince(sinceMs: number): number {
  return Math.round((Date.now() - sinceMs) / 1_000)
}

async function tellErrands(starts: number[]): Promise<void> {
  for (let from = starts.shift(); from !== undefined; from = starts.shift()) {
    await tellAll({
      from,
      count: Math.min(SEEDS_PER_ERRAND, first + count - from),
      onTold: told => {
        if (told.tally !== undefined) addTally(tally, told.tally)
        if (told.findings.length > 0) {
          failures.push(`${replayCommand(told.seed)}   # ${told.findings[0]?.split('\n')[0]}`)
          process.stdout.write(`${failures.at(-1)}\n`)
        }
        if (tally.stories % PROGRESS_EVERY === 0)
          process.stdout.write(`${tally.stories} of ${count} stories in ${secondsSince(startedMs)} s, ${failures.length} bad\n`)
      },
    })
  }
}

function report(): string {
  const { dialects, ...counts } = tally satisfies Tally
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  const words = (name: string) => name.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)
  const row = ([name, number]: [string, number]) => `| ${words(name)} | ${number.toLocaleString('en-US')} |`
  const byCount = Object.entries(dialects).sort(([, a], [, b]) => b - a)
  return `# The long run of the simulation

Written by \`npm run test:simulation\`: ${count.toLocaleString('en-US')} seeds, ${first} to ${first + count - 1}, at commit ${commit}, ${new Date(startedMs).toISOString().slice(0, 10)}, in ${secondsSince(startedMs)} s on ${availableParallelism()} cores.

**${failures.length === 0 ? 'Every story ended well.' : `${failures.length} stories ended badly.`}**
${failures.map(line => `\n    ${line}`).join('')}
| met | times |
|---|---:|
${Object.entries(counts).map(row).join('\n')}

| accounts by what their API makes of paging | number |
|---|---:|
${byCount.map(row).join('\n')}
`
}

const starts = Array.from({ length: Math.ceil(count / SEEDS_PER_ERRAND) }, (_, index) => first + index * SEEDS_PER_ERRAND)
await Promise.all(Array.from({ length: availableParallelism() }, () => tellErrands(starts)))
writeFileSync(join(import.meta.dirname, 'results.md'), report())
process.exitCode = failures.length === 0 ? 0 : 1
