/**
 * Things that must not outlive this process: every server, tool and folder of the platform is made here, and told to the
 * reaper (reaper.ts) in the same breath. Processes get a group of their own, so that Ctrl-C reaches only their owner and
 * killing one takes its children along.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Writable } from 'node:stream'

export type HeldKind = 'group' | 'folder' | 'container' | 'network'

let pipe: Writable | undefined

/** Has the reaper end `name` when this process ends in whatever way; call what it returns once that is no longer needed. */
export function hold(kind: HeldKind, name: string): () => void {
  pipe ??= startReaper()
  pipe.write(`hold ${kind} ${name}\n`)
  return () => {
    pipe?.write(`drop ${kind} ${name}\n`)
  }
}

function startReaper(): Writable {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'reaper.ts')], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const { stdin } = child
  // Neither the child nor the pipe may keep a program alive that has nothing else to do: its end is what they wait for.
  child.unref()
  if ('unref' in stdin && typeof stdin.unref === 'function') stdin.unref()
  stdin.on('error', () => {
    pipe = undefined
  })
  return stdin
}

/** Like `spawn`, in a process group of its own that ends with this process at the latest. */
export function spawnReaped(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(command, args, { ...options, detached: true })
  if (child.pid !== undefined) child.once('exit', hold('group', String(child.pid)))
  return child
}

/** Sends a signal to the whole group of a process made by `spawnReaped`; one that has ended already is left in peace. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || hasEnded(child)) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // It ended between the question and the signal.
  }
}

/** Signals the group and waits for the process to be gone; one that has not obeyed after ten seconds is killed. */
export async function endGroup(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.pid === undefined || hasEnded(child)) return
  child.ref()
  const gone = once(child, 'exit')
  signalGroup(child, signal)
  const disobeyed = setTimeout(() => signalGroup(child, 'SIGKILL'), 10_000)
  await gone.finally(() => clearTimeout(disobeyed))
}

export const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

export interface OwnFolder {
  readonly path: string
  remove(): Promise<void>
}

/** A new folder under the system's temporary one, gone with this process at the latest. */
export function ownFolder(): OwnFolder {
  const path = mkdtempSync(join(tmpdir(), 'call-log-source-'))
  const drop = hold('folder', path)
  return {
    path,
    async remove() {
      await rm(path, { recursive: true, force: true, maxRetries: 5 })
      drop()
    },
  }
}
