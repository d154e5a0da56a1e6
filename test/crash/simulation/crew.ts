/** Runs seeds in child processes, so that every core tells stories and a story that hangs can be ended. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Mutation } from './mutation.ts'
import type { Told } from './story.ts'

export interface Errand {
  readonly from: number
  readonly count: number
  readonly mutation?: Mutation
  /** Without a story for so long it hangs. */
  readonly silenceMs?: number
  readonly onTold: (told: Told) => void
}

const SEEDS = join(import.meta.dirname, 'seeds.ts')
/** A seventh less time: stories make errors by the thousand, whose stacks only a replay needs, and short-lived rows. */
const NODE_OPTIONS = ['--stack-trace-limit=0', '--max-semi-space-size=64']

const WATCH_EVERY_MS = 1_000

/** How to see one story again, with everything that happens in it. */
export function replayCommand(seed: number): string {
  return `SIM_SEED=${seed} npm test -- test/crash/simulation.test.ts`
}

/** Resolves when all seeds of the range have been told; a story that never ends is told as a finding, and ends the errand. */
export async function tellAll({ from, count, mutation, silenceMs = 120_000, onTold }: Errand): Promise<void> {
  const env = { ...process.env, ...(mutation !== undefined && { SIM_MUTATION: JSON.stringify(mutation) }) }
  const child = spawn(process.execPath, [...NODE_OPTIONS, SEEDS, String(from), String(count)], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [next, silentMs, wasSilent] = [from, 0, false]
  let errors = ''
  child.stderr.on('data', chunk => {
    errors = `${errors}${chunk}`.slice(-2_000)
  })
  const exited = new Promise<number | null>(resolve => child.once('exit', code => resolve(code)))
  // Counted, not taken from a clock: a machine that slept was not silent.
  const watch = setInterval(() => {
    silentMs += WATCH_EVERY_MS
    if (silentMs < silenceMs) return
    wasSilent = true
    child.kill('SIGKILL')
  }, WATCH_EVERY_MS)
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const told: Told = JSON.parse(line)
      silentMs = 0
      next = told.seed + 1
      onTold(told)
    }
    const code = await exited
    if (wasSilent) onTold({ seed: next, findings: [`the story hangs: nothing for ${silenceMs} ms`] })
    else if (code !== 0 && code !== 13) throw new Error(`${SEEDS} ended with ${code}: ${errors}`)
  } finally {
    clearInterval(watch)
    child.kill('SIGKILL')
  }
}

/** The range in as many parts as there are children, told at the same time. */
export async function tellTogether({ from, count, ...rest }: Errand, children: number): Promise<void> {
  const part = Math.ceil(count / children)
  const starts = Array.from({ length: children }, (_, index) => from + index * part)
  await Promise.all(
    starts.map(start => tellAll({ ...rest, from: start, count: Math.max(0, Math.min(part, from + count - start)) })),
  )
}
