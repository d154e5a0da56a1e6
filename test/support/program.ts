/** Somebody else's program, run as a user would at a terminal: its lines are read as they come, and Ctrl-C ends it. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { signalGroup, spawnReaped } from './platform/reaped.ts'

export interface ProgramOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

export interface Finished {
  readonly code: number | null
  readonly lines: readonly string[]
  readonly stderr: string
}

export class Program {
  private readonly child: ChildProcess
  private readonly lines: string[] = []
  private readonly finished: Promise<Finished>

  constructor(command: string, args: readonly string[], { cwd, env = process.env }: ProgramOptions = {}) {
    this.child = spawnReaped(command, args, { ...(cwd !== undefined && { cwd }), env, stdio: ['ignore', 'pipe', 'pipe'] })
    const { stdout, stderr } = this.child
    if (stdout === null || stderr === null) throw new Error(`${command} was started without pipes`)
    const said = text(stderr)
    createInterface({ input: stdout }).on('line', line => {
      this.lines.push(line)
      this.child.emit('said')
    })
    this.finished = once(this.child, 'close').then(async ([code]) => ({ code, lines: this.lines, stderr: await said }))
    this.finished.catch(() => undefined)
  }

  /** Resolves when it has ended by itself. */
  ended(): Promise<Finished> {
    return this.finished
  }

  /** Resolves when it has printed so many lines; rejects when it has ended before, or has not after `deadlineMs`. */
  async printed(lines: number, deadlineMs: number): Promise<void> {
    const over = new AbortController()
    const late = AbortSignal.any([over.signal, AbortSignal.timeout(deadlineMs)])
    const enough = async () => {
      while (this.lines.length < lines) await once(this.child, 'said', { signal: late })
    }
    const early = this.finished.then(({ code, stderr }) => {
      if (this.lines.length < lines) throw new Error(`it ended (exit ${code}) after ${this.lines.length} lines: ${stderr}`)
    })
    await Promise.race([enough(), early]).finally(() => over.abort())
  }

  /** Presses Ctrl-C; resolves when it has ended. */
  async interrupt(): Promise<Finished> {
    signalGroup(this.child, 'SIGINT')
    return this.finished
  }
}
