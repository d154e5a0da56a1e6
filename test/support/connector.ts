/** The connector as its users start it: a process of its own, from source, with a settings file, judged by its log and its exit code. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Reach } from './platform/platform.ts'
import type { Simulator } from './simulator/server.ts'

const root = join(import.meta.dirname, '..', '..')

export type LogLine = Readonly<Record<string, unknown>> & {
  readonly event?: string
  readonly level?: string
  readonly msg?: string
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface SettingsOverrides {
  readonly [section: string]: unknown
}

/** Settings that fit a simulator and a platform, fast enough for tests. Sections are merged one level deep. */
export function settingsFor(
  simulator: Pick<Simulator, 'url' | 'sid' | 'apiKey'>,
  reach: Reach,
  name: string,
  overrides: SettingsOverrides = {},
): Record<string, unknown> {
  const settings: Record<string, unknown> = {
    name,
    accounts: [{ id: 'main', sid: simulator.sid, apiKey: simulator.apiKey, url: simulator.url }],
    api: { pageSize: 1_000, requestsPerSecond: 500, burst: 20 },
    polling: { startFrom: '1d', retryFailed: '15m' },
    kafka: {
      brokers: reach.brokers,
      topics: { events: `${name}.call-logs` },
      createTopics: { enabled: true, partitions: 3, replicationFactor: 1 },
      compression: 'none',
    },
    registry: { url: reach.registryUrl },
    http: { port: 0 },
    log: { level: 'debug' },
  }
  for (const [section, value] of Object.entries(overrides)) {
    const base = settings[section]
    const mergeable =
      typeof base === 'object' && base !== null && !Array.isArray(base) && typeof value === 'object' && value !== null
    settings[section] = mergeable ? { ...base, ...value } : value
  }
  return settings
}

export class Connector implements AsyncDisposable {
  readonly lines: LogLine[] = []
  /** Everything on standard output and standard error, as it came. */
  output = ''
  stderr = ''
  readonly exited: Promise<Exit>
  private readonly child: ChildProcess
  private readonly folder: string
  private readonly waiting = new Set<() => void>()

  private constructor(child: ChildProcess, folder: string) {
    this.child = child
    this.folder = folder
    if (child.stdout === null || child.stderr === null) throw new Error('the connector has no output')
    createInterface({ input: child.stdout }).on('line', line => this.take(line))
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.output += text
      this.stderr += text
    })
    this.exited = once(child, 'close').then(([code, signal]) => {
      for (const wake of this.waiting) wake()
      return { code, signal }
    })
  }

  static async start(settings: object, args: readonly string[] = [], nodeFlags: readonly string[] = []): Promise<Connector> {
    const folder = await mkdtemp(join(tmpdir(), 'call-log-source-'))
    const file = join(folder, 'settings.json')
    await writeFile(file, JSON.stringify(settings))
    const child = spawn(process.execPath, [...nodeFlags, join(root, 'src/main.ts'), 'run', '--config', file, ...args], {
      env: { ...process.env, NODE_ENV: 'production' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return new Connector(child, folder)
  }

  /** Starts, waits for the end, and cleans up. */
  static async runOnce(settings: object, args: readonly string[] = ['--once']): Promise<Connector & { readonly exit: Exit }> {
    const connector = await Connector.start(settings, args)
    const exit = await connector.exited
    await connector[Symbol.asyncDispose]()
    return Object.assign(connector, { exit })
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** The first line with this event, waiting for it; fails at once when the process ends without it. */
  async untilEvent(event: string, matches: (line: LogLine) => boolean = () => true, deadlineMs = 60_000): Promise<LogLine> {
    return this.until(`event ${event}`, () => this.lines.find(line => line.event === event && matches(line)), deadlineMs)
  }

  /** Where its endpoints listen, `http://127.0.0.1:…`. */
  async address(): Promise<string> {
    return String((await this.untilEvent('started')).address)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL')
    await this.exited
    await rm(this.folder, { recursive: true, force: true })
  }

  private until<T>(what: string, look: () => T | undefined, deadlineMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        const found = look()
        const ended = this.child.exitCode !== null || this.child.signalCode !== null
        if (found === undefined && !ended) return
        this.waiting.delete(settle)
        clearTimeout(timer)
        if (found === undefined) reject(new Error(`the connector ended before ${what}:\n${this.output.slice(-2_000)}`))
        else resolve(found)
      }
      const timer = setTimeout(() => {
        this.waiting.delete(settle)
        reject(new Error(`no ${what} within ${deadlineMs} ms:\n${this.output.slice(-2_000)}`))
      }, deadlineMs)
      this.waiting.add(settle)
      settle()
    })
  }

  private take(line: string): void {
    this.output += `${line}\n`
    try {
      this.lines.push(JSON.parse(line))
    } catch {
      this.lines.push({ msg: line })
    }
    for (const wake of this.waiting) wake()
  }
}
