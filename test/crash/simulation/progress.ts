/**
 * What a run of very many stories has told so far. It takes hours, so it is written down errand by errand: interrupted, it goes on where it was,
 * as long as the code of a story is the same; with other code it begins anew, since what other code did proves nothing.
 */
import { hash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { importsOf } from '../../support/imports.ts'
import { addTally, emptyTally, type Tally } from './tally.ts'

/** Seeds of one errand: few enough that no core waits long for another, and that little is lost. */
export const SEEDS_PER_ERRAND = 500

export interface Errand {
  readonly from: number
  readonly count: number
}

/** What came of one errand. */
export interface Report {
  readonly tally: Tally
  readonly failures: readonly string[]
}

/** One time that the run was at work, until it ended or was ended. */
export interface Sitting {
  readonly date: string
  readonly commit: string
  readonly cores: number
  stories: number
  seconds: number
}

export interface Progress {
  /** Of what a story is made of. */
  readonly code: string
  readonly first: number
  readonly count: number
  /** The first seeds of the errands that were done. */
  readonly done: number[]
  readonly failures: string[]
  readonly tally: Tally
  readonly sittings: Sitting[]
}

/** Goes on with what was written down, if that is the same run of the same code. */
export function resume(written: string | null, plan: Pick<Progress, 'code' | 'first' | 'count'>): Progress {
  const known: Progress | null = written === null ? null : JSON.parse(written)
  const isSame = known?.code === plan.code && known.first === plan.first && known.count === plan.count
  return isSame ? known : { ...plan, done: [], failures: [], tally: emptyTally(), sittings: [] }
}

/** What is still to be told, in order. */
export function errandsOf({ first, count, done }: Pick<Progress, 'first' | 'count' | 'done'>): Errand[] {
  const starts = Array.from({ length: Math.ceil(count / SEEDS_PER_ERRAND) }, (_, index) => first + index * SEEDS_PER_ERRAND)
  return starts
    .filter(from => !done.includes(from))
    .map(from => ({ from, count: Math.min(SEEDS_PER_ERRAND, first + count - from) }))
}

/** Notes an errand that was told to its end. */
export function addReport(progress: Progress, { from }: Errand, { tally, failures }: Report): void {
  progress.done.push(from)
  progress.done.sort((a, b) => a - b)
  progress.failures.push(...failures)
  addTally(progress.tally, tally)
}

/** Of every file that the stories' process loads from this repository, of the schemas, and of the versions of what it depends on. */
export function codeOfStories(root: string): string {
  const files = new Set<string>()
  const waiting = [join(root, 'test/crash/simulation/seeds.ts')]
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (files.has(file)) continue
    files.add(file)
    const own = importsOf(readFileSync(file, 'utf8')).filter(target => target.startsWith('.'))
    waiting.push(...own.map(target => join(dirname(file), target)))
  }
  const schemas = join(root, 'schemas')
  for (const name of readdirSync(schemas)) files.add(join(schemas, name))
  files.add(join(root, 'package-lock.json'))
  const all = [...files].sort().map(file => `${relative(root, file)} ${hash('sha256', readFileSync(file))}`)
  return hash('sha256', all.join('\n')).slice(0, 12)
}

/** For people. */
export function textOf({ code, first, count, failures, tally, sittings }: Progress): string {
  const { dialects, ...counts } = tally
  const words = (name: string) => name.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)
  const row = ([name, value]: [string, number]) => `| ${words(name)} | ${number(value)} |`
  const byCount = Object.entries(dialects).sort(([, a], [, b]) => b - a)
  const told =
    tally.stories === count ? `${number(count)} stories` : `${number(tally.stories)} of ${number(count)} stories so far`
  const when = sittings.map(
    ({ date, commit, cores, stories, seconds }) =>
      `- ${date}: ${number(stories)} stories in ${number(Math.round(seconds))} s on ${cores} cores, at commit ${commit}`,
  )
  return `# The long run of the simulation

Written by \`npm run test:simulation\`: seeds ${number(first)} to ${number(first + count - 1)}, all told by the same code (${code}).

**${told}, ${failures.length === 0 ? 'each of which ended well' : `${failures.length} of which ended badly`}.**
${failures.map(line => `\n    ${line}`).join('')}
${when.join('\n')}

| met | times |
|---|---:|
${Object.entries(counts).map(row).join('\n')}

| accounts by what their API makes of paging | number |
|---|---:|
${byCount.map(row).join('\n')}
`
}

const number = (value: number) => value.toLocaleString('en-US')

/** The text of a file, or `null` when there is none. */
export function written(file: string): string | null {
  return existsSync(file) ? readFileSync(file, 'utf8') : null
}
