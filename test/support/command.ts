/** A command as its users start it: a process of its own, from source, with a settings file, judged by what it prints and its exit code. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
}

/** `name` and its arguments without `--config`, which comes last. */
export async function startCommand(settings: object, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Started> {
  const folder = await mkdtemp(join(tmpdir(), 'call-log-source-'))
  const file = join(folder, 'settings.json')
  await writeFile(file, JSON.stringify(settings))
  const child = spawn(process.execPath, [main, ...args, '--config', file], {
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return { child, ended: endOf(child, folder) }
}

export async function runCommand(settings: object, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended> {
  return await (await startCommand(settings, args, env)).ended
}

async function endOf(child: ChildProcess, folder: string): Promise<Ended> {
  let [stdout, stderr] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const [code] = await once(child, 'close')
  await rm(folder, { recursive: true, force: true })
  return { code, stdout, stderr }
}
