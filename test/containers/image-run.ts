/**
 * A container of the image, confined as it should be in production: read-only, no capabilities, no new privileges, a small /tmp. Judged by its
 * log, its endpoints and its exit code.
 */
import { randomUUID } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { finished } from 'node:stream/promises'
import { inject } from 'vitest'
import { LogWatch } from '../support/log-watch.ts'
import { type ContainerPlan, createContainer, dockerEngine, type HeldContainer } from '../support/platform/containers.ts'
import { until } from '../support/platform/until.ts'
import type { Testimony } from '../support/simulator/truth.ts'
import { verdictOn } from '../support/verdict.ts'

export const confined: ContainerPlan['host'] = {
  ReadonlyRootfs: true,
  CapDrop: ['ALL'],
  SecurityOpt: ['no-new-privileges:true'],
  Tmpfs: { '/tmp': 'size=1m' },
}

const HTTP_PORT = 9464
const engine = await dockerEngine()

/** What the image needs to know, by the environment alone. */
export function environmentOf(name: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const { brokers, registryUrl, apiUrl } = inject('stage').inside
  return {
    CONNECTOR_NAME: name,
    KALEYRA_URL: apiUrl,
    KALEYRA_ALLOW_HTTP: 'true',
    KALEYRA_SID: 'HXAP1690000001IN',
    KALEYRA_API_KEY: 'A0123456789abcdef0123456789abcdef3',
    KALEYRA_REQUESTS_PER_SECOND: '100',
    KAFKA_BROKERS: brokers,
    SCHEMA_REGISTRY_URL: registryUrl,
    ...more,
  }
}

/** `--once` with the image's own settings. */
export const once = ['run', '--once', '--config', '/app/config/container.yaml'] as const

export interface RunOptions
  extends Partial<Pick<ContainerPlan, 'environment' | 'entrypoint' | 'command' | 'host' | 'healthcheck' | 'network'>> {
  /** Where its endpoints listen; null for a container that shares another one's network. */
  readonly httpPort?: number | null
}

export class ImageRun extends LogWatch implements AsyncDisposable {
  /** The exit code, when all output has been taken. */
  readonly exited: Promise<number>
  private readonly held: HeldContainer
  private readonly httpPort: number | null

  private constructor(held: HeldContainer, httpPort: number | null, exited: Promise<number>, output: [PassThrough, PassThrough]) {
    super()
    this.held = held
    this.httpPort = httpPort
    this.follow(...output)
    this.exited = exited.finally(() => this.ended())
  }

  static async start(options: RunOptions = {}): Promise<ImageRun> {
    const { image, network } = inject('stage')
    const { httpPort = HTTP_PORT, host = confined, environment = {}, ...rest } = options
    const ports = httpPort === null ? {} : { ports: new Map([[httpPort, 0]]) }
    const held = await createContainer(engine.container.dockerode, { image, network, environment, host, ...ports, ...rest })
    const { container } = held
    const stream = await container.attach({ stream: true, stdout: true, stderr: true })
    const output: [PassThrough, PassThrough] = [new PassThrough(), new PassThrough()]
    engine.container.dockerode.modem.demuxStream(stream, ...output)
    await container.start()
    const exited = Promise.all([container.wait(), finished(stream, { writable: false })]).then(async ([{ StatusCode }]) => {
      for (const pipe of output) pipe.end()
      await Promise.all(output.map(pipe => finished(pipe)))
      return Number(StatusCode)
    })
    return new ImageRun(held, httpPort, exited, output)
  }

  /** `docker stop`: SIGTERM, and SIGKILL ten seconds later, which would be the exit code 137. */
  async stop(): Promise<number> {
    await this.held.container.stop({ t: 10 })
    return this.exited
  }

  /** `docker exec`. */
  async exec(...command: string[]): Promise<{ code: number; output: string }> {
    const { exitCode, output } = await engine.container.exec(this.held.container, command)
    return { code: exitCode, output }
  }

  async status(path: string): Promise<number> {
    return (await this.get(path)).status
  }

  async get(path: string): Promise<Response> {
    const { NetworkSettings } = await this.held.container.inspect()
    const port = NetworkSettings.Ports[`${this.httpPort}/tcp`]?.[0]?.HostPort
    return fetch(`http://${engine.info.containerRuntime.host}:${port}${path}`)
  }

  /** Everything due at its start has been read and committed. */
  async untilAllRead(): Promise<void> {
    await until({ what: 'everything is read', deadlineMs: 90_000 }, async () => {
      const { accounts } = (await (await this.get('/status')).json()) as { accounts: [{ ranges: Ranges | null }] }
      const { ranges } = accounts[0]
      return ranges !== null && ranges.unread.length + ranges.gap.length === 0 ? true : undefined
    })
  }

  /** Docker's own word: starting, healthy or unhealthy. */
  async untilHealth(wanted: string): Promise<void> {
    await until({ what: `Docker calls it ${wanted}`, deadlineMs: 30_000 }, async () => {
      const { State } = await this.held.container.inspect()
      return State.Health?.Status === wanted ? true : undefined
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.held.remove()
    await this.exited.catch(() => undefined)
  }
}

interface Ranges {
  readonly unread: readonly unknown[]
  readonly gap: readonly unknown[]
}

export const newName = (): string => `image-${randomUUID().slice(0, 8)}`

/** Everything the simulator has shown so far. */
export async function truth(): Promise<Testimony> {
  const response = await fetch(`${inject('stage').simulator.url}/__truth/calls`)
  return (await response.json()) as Testimony
}

/** What Kafka's own read_committed consumer finds on the topic, held against the truth as of `settledBefore`. */
export async function verdict(name: string, settledBefore: number) {
  const told = await truth()
  // The newest seconds of a read are not due yet.
  return verdictOn(inject('stage').reach, `${name}.call-logs`, told, { settledBefore, until: settledBefore - 10_000 })
}

export const clean = { missing: [], repeated: [], stale: [], extra: [] }
