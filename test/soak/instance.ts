/** One of two instances of a connector, with a network of its own to Kafka, that can be killed, stopped and cut off. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type BrokerProxy, brokerProxy } from '../support/broker-proxy.ts'
import { Connector, settingsFor } from '../support/connector.ts'
import type { Platform } from '../support/platform/platform.ts'
import type { Simulator } from '../support/simulator/server.ts'

export type Kind = 'kill' | 'stop' | 'cut'

interface World {
  readonly platform: Platform
  readonly simulator: Simulator
  readonly name: string
}

export class Instance {
  readonly label: string
  readonly settings: Record<string, unknown>
  starts = 0
  private readonly network: BrokerProxy
  private connector: Connector | null = null

  private constructor(label: string, network: BrokerProxy, settings: Record<string, unknown>) {
    this.label = label
    this.network = network
    this.settings = settings
  }

  static async create(label: string, { platform, simulator, name }: World): Promise<Instance> {
    const network = await brokerProxy(...platform.brokers)
    const settings = settingsFor(simulator, { ...platform, brokers: [...network.addresses] }, name, {
      api: { pageSize: 100, requestsPerSecond: 20, burst: 5 },
      polling: {
        startFrom: '3h',
        retryFailed: '10s',
        schedule: [
          { name: 'hot', every: '10s', span: '10m' },
          { name: 'warm', every: '60s', span: '3h' },
        ],
      },
      kafka: { createTopics: { enabled: true, partitions: 3, replicationFactor: 3, config: { 'min.insync.replicas': '2' } } },
      log: { level: 'info' },
    })
    return new Instance(label, network, settings)
  }

  /** As its log says last. */
  get owns(): boolean {
    const state = this.connector?.lines.findLast(({ event }) => event?.startsWith('task.') === true)?.event
    return state === 'task.running' || state === 'task.recalling'
  }

  async start(): Promise<void> {
    this.starts += 1
    this.connector = await Connector.start(this.settings)
  }

  async untilOwner(deadlineMs: number): Promise<void> {
    await this.connector?.untilEvent('task.running', undefined, deadlineMs)
  }

  /** Returns when it is over and the instance runs again. */
  async suffer(kind: Kind, lengthMs: number): Promise<void> {
    const { connector } = this
    if (connector === null) throw new Error(`instance ${this.label} does not run`)
    if (kind === 'kill') {
      connector.kill('SIGKILL')
      await connector[Symbol.asyncDispose]()
      await this.start()
    } else if (kind === 'stop') {
      connector.kill('SIGSTOP')
      await sleep(lengthMs)
      connector.kill('SIGCONT')
    } else {
      this.network.partition()
      await sleep(lengthMs)
      this.network.heal()
    }
  }

  /** SIGTERM; the exit code. */
  async stop(): Promise<number | null> {
    this.connector?.kill('SIGTERM')
    const exit = await this.connector?.exited
    await this.connector?.[Symbol.asyncDispose]()
    this.connector = null
    return exit?.code ?? null
  }

  async runOnce(): Promise<number | null> {
    return (await Connector.runOnce(this.settings)).exit.code
  }

  async close(): Promise<void> {
    await this.connector?.[Symbol.asyncDispose]()
    await this.network.close()
  }
}
