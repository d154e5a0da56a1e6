/** The connector as its users start it: a process of its own, from source, with a settings file, judged by its log and its exit code. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LogWatch } from './log-watch.ts'
import type { Reach } from './platform/platform.ts'
import type { Simulator } from './simulator/server.ts'

const root = join(import.meta.dirname, '..', '..')

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

export class Connector extends LogWatch implements AsyncDisposable {
  readonly exited: Promise<Exit>
  private readonly child: ChildProcess
  private readonly folder: string

  private constructor(child: ChildProcess, folder: string) {
    super()
    this.child = child
    this.folder = folder
    if (child.stdout === null || child.stderr === null) throw new Error('the connector has no output')
    this.follow(child.stdout, child.stderr)
    this.exited = once(child, 'close').then(([code, signal]) => {
      this.ended()
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

  /** Where its endpoints listen, `http://127.0.0.1:…`. */
  async address(): Promise<string> {
    return String((await this.untilEvent('started')).address)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL')
    await this.exited
    await rm(this.folder, { recursive: true, force: true })
  }
}
