/**
 * A hundred thousand stories on every core, and what came of them in `results.md`: `npm run test:simulation`. Interrupted, it goes on where it was.
 * `npm run test:simulation -- 5000 100001` tells 5,000 others, from seed 100,001 on, and writes nothing.
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { replayCommand, tellAll } from './simulation/crew.ts'
import {
  addReport,
  codeOfStories,
  type Errand,
  errandsOf,
  type Report,
  resume,
  type Sitting,
  textOf,
  written,
} from './simulation/progress.ts'
import { addTally, emptyTally } from './simulation/tally.ts'

const [state, results] = [join(import.meta.dirname, 'results.json'), join(import.meta.dirname, 'results.md')]
const [count = 100_000, first = 1] = process.argv.slice(2).map(Number)
const isKept = process.argv.length === 2
const startedMs = Date.now()
const root = join(import.meta.dirname, '../..')
const progress = resume(isKept ? written(state) : null, { code: codeOfStories(root), first, count })
const sitting: Sitting = {
  date: new Date(startedMs).toISOString().slice(0, 10),
  commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim(),
  cores: availableParallelism(),
  stories: 0,
  seconds: 0,
}
const errands = errandsOf(progress)
if (errands.length > 0) progress.sittings.push(sitting)

/** All of its seeds, also those behind one whose story never ends. */
async function tell({ from, count }: Errand): Promise<Report> {
  const report = { tally: emptyTally(), failures: [] as string[] }
  for (let next = from; next < from + count; ) {
    const before = next
    await tellAll({
      from: next,
      count: from + count - next,
      onTold: told => {
        next = told.seed + 1
        if (told.tally !== undefined) addTally(report.tally, told.tally)
        if (told.findings.length === 0) return
        report.failures.push(`${replayCommand(told.seed)}   # ${told.findings[0]?.split('\n')[0]}`)
        process.stdout.write(`${report.failures.at(-1)}\n`)
      },
    })
    if (next === before) throw new Error(`nothing was told from seed ${next} on`)
  }
  return report
}

async function work(): Promise<void> {
  for (let errand = errands.shift(); errand !== undefined; errand = errands.shift()) {
    addReport(progress, errand, await tell(errand))
    sitting.stories += errand.count
    sitting.seconds = (Date.now() - startedMs) / 1_000
    const { tally, failures } = progress
    process.stdout.write(`${tally.stories} of ${count} stories, ${Math.round(sitting.seconds)} s, ${failures.length} bad\n`)
    if (!isKept) continue
    writeFileSync(state, `${JSON.stringify(progress, null, 1)}\n`)
    writeFileSync(results, textOf(progress))
  }
}

await Promise.all(Array.from({ length: sitting.cores }, work))
process.exitCode = progress.failures.length === 0 ? 0 : 1
