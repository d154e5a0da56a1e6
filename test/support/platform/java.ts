/**
 * The platform on plain Java processes: Kafka nodes in KRaft mode and the registry, on free loopback ports, with all they
 * write in one temporary folder. Node and registry start side by side; a broker's start includes formatting its folder.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brokerSettings, clusterId, loginFlags, type Node } from './broker-settings.ts'
import { freePort } from './free-port.ts'
import { javaCommand, javaHome, kafkaClass, quickStart, registryJar } from './java-home.ts'
import type { BrokerHandle, LoginOptions, Platform, StartOptions } from './platform.ts'
import { brokersAnswer, registryAnswers } from './readiness.ts'
import { endGroup, hasEnded, ownFolder, signalGroup, spawnReaped } from './reaped.ts'

interface Server {
  readonly child: ChildProcess
  /** Rejects when the server ends before it is ready, with the end of its log. */
  readonly diesEarly: Promise<never>
}

/** Starts the platform; throws when Java or Maven is missing, or when a server ends or is not ready in time. */
export async function startOnJava({ brokers: size = 1, logins, signal, log = () => {} }: StartOptions): Promise<Platform> {
  const home = await javaHome(log)
  signal?.throwIfAborted()
  const folder = ownFolder()
  const running = new Map<string, ChildProcess>()
  const stopping = new AbortController()
  const waiting = AbortSignal.any(signal === undefined ? [stopping.signal] : [stopping.signal, signal])
  const stop = async () => {
    stopping.abort(new Error('the platform was stopped'))
    await Promise.all([...running.values()].map(child => endGroup(child)))
    await folder.remove()
  }

  /** Everything a server says goes to one file, read back only to tell why it failed. */
  const start = (name: string, args: readonly string[]): Server => {
    waiting.throwIfAborted()
    const file = join(folder.path, `${name}.log`)
    const output = openSync(file, 'a')
    const child = spawnReaped(javaCommand(), args, { cwd: folder.path, stdio: ['ignore', output, output] })
    closeSync(output)
    running.set(name, child)
    const diesEarly = once(child, 'exit').then(([code, by]) => {
      throw new Error(`${name} ended (${by ?? `exit ${code}`}):\n${readFileSync(file, 'utf8').slice(-3_000)}`)
    })
    diesEarly.catch(() => undefined)
    return { child, diesEarly }
  }

  try {
    const nodes = await Promise.all(Array.from({ length: size }, (_, index) => describeNode(index + 1, folder.path, logins)))
    const addresses = nodes.map(node => node.address)
    const registryPort = await freePort()
    const registryUrl = `http://127.0.0.1:${registryPort}/apis/ccompat/v7`
    const startBroker = (node: Node) =>
      start(`broker-${node.id}`, [
        ...(node.login === undefined ? [] : loginFlags(node.login)),
        ...kafkaClass(home, 'kafka.Kafka', { heap: size === 1 ? '1g' : '512m', level: 'INFO' }),
        settingsFile(node),
      ])

    const brokersUp = Promise.all(
      nodes.map(async node => {
        await mkdir(node.folder)
        await writeFile(settingsFile(node), properties(brokerSettings(node, nodes)))
        if (node.login !== undefined && logins !== undefined) await writeFile(node.login.jwksFile, logins.jwks)
        await format(start, home, node)
        return startBroker(node)
      }),
    ).then(servers => Promise.race([brokersAnswer(addresses, size, waiting), ...servers.map(server => server.diesEarly)]))

    const registry = start('registry', [
      '-Xmx512m',
      ...quickStart,
      '-Dquarkus.http.host=127.0.0.1',
      `-Dquarkus.http.port=${registryPort}`,
      '-jar',
      registryJar(home),
    ])
    await Promise.all([brokersUp, Promise.race([registryAnswers(registryUrl, waiting), registry.diesEarly])])

    // From here on only `stop` waits for them: a program that forgets it may still end, and the reaper ends them.
    for (const child of running.values()) child.unref()

    const broker = (id: number): BrokerHandle => {
      const node = nodes[id - 1]
      if (node === undefined) throw new Error(`There is no broker ${id}: the platform has ${size}`)
      return {
        address: node.address,
        async kill(by = 'SIGKILL') {
          const child = running.get(`broker-${id}`)
          if (child !== undefined) await endGroup(child, by)
        },
        async start() {
          const child = running.get(`broker-${id}`)
          if (child !== undefined && !hasEnded(child)) return
          const server = startBroker(node)
          server.child.unref()
          await Promise.race([brokersAnswer([node.address], undefined, stopping.signal), server.diesEarly])
        },
        async freeze() {
          const child = running.get(`broker-${id}`)
          if (child !== undefined) signalGroup(child, 'SIGSTOP')
        },
        async thaw() {
          const child = running.get(`broker-${id}`)
          if (child !== undefined) signalGroup(child, 'SIGCONT')
        },
      }
    }
    const loginBrokers = nodes.flatMap(({ login }) => login?.address ?? [])
    return { kind: 'java', brokers: addresses, loginBrokers, registryUrl, tools: { via: 'java', home }, broker, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function describeNode(id: number, folder: string, logins: LoginOptions | undefined): Promise<Node> {
  const [client, broker, controller] = [await freePort(), await freePort(), await freePort()]
  return {
    id,
    address: `127.0.0.1:${client}`,
    broker: `127.0.0.1:${broker}`,
    controller: `127.0.0.1:${controller}`,
    bind: '127.0.0.1',
    folder: join(folder, `node-${id}`),
    ...(logins && { login: { ...logins, address: `127.0.0.1:${await freePort()}`, jwksFile: join(folder, 'jwks.json') } }),
  }
}

const settingsFile = (node: Node): string => `${node.folder}.properties`

const properties = (settings: Record<string, string>): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')

async function format(start: (name: string, args: readonly string[]) => Server, home: string, node: Node): Promise<void> {
  const args = ['format', '--cluster-id', clusterId, '--config', settingsFile(node)]
  const { child, diesEarly } = start(`format-${node.id}`, [
    ...quickStart,
    ...kafkaClass(home, 'kafka.tools.StorageTool'),
    ...args,
  ])
  await diesEarly.catch(error => {
    if (child.exitCode !== 0) throw error
  })
}
