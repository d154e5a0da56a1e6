/** The platform in containers. Host ports are chosen before the start, since a broker must tell its clients where to find it. */
import { randomUUID } from 'node:crypto'
import { brokerSettings, clusterId, loginFlags, type Node } from './broker-settings.ts'
import { type ContainerPlan, createContainer, dockerEngine, type HeldContainer, haveImage } from './containers.ts'
import { freePort } from './free-port.ts'
import type { BrokerHandle, LoginOptions, Platform, StartOptions } from './platform.ts'
import { brokersAnswer, registryAnswers } from './readiness.ts'
import { hold } from './reaped.ts'

const kafkaImage = 'apache/kafka:4.3.1'
const registryImage = 'quay.io/apicurio/apicurio-registry:3.0.9'

/** Starts the platform; throws when no engine answers, when an image cannot be had, or when a server is not ready in time. */
export async function startOnDocker({ brokers: size = 1, logins, signal, log = () => {} }: StartOptions): Promise<Platform> {
  const client = await dockerEngine()
  for (const image of [kafkaImage, registryImage]) await haveImage(client, image, log)
  signal?.throwIfAborted()

  const { dockerode } = client.container
  const host = client.info.containerRuntime.host
  const network = await dockerode.createNetwork({ Name: `call-log-source-${randomUUID()}` })
  const dropNetwork = hold('network', network.id)
  const running: HeldContainer[] = []
  const stop = async () => {
    for (const { remove } of running.splice(0)) await remove()
    await network.remove().catch(() => undefined)
    dropNetwork()
  }
  const started = async (plan: Omit<ContainerPlan, 'network'>) => {
    const held = await createContainer(dockerode, { ...plan, network: network.id })
    running.push(held)
    await held.container.start()
    return held.container
  }

  try {
    const nodes = await Promise.all(Array.from({ length: size }, (_, index) => describeNode(index + 1, host, logins)))
    const registryPort = await freePort()
    const registryUrl = `http://${host}:${registryPort}/apis/ccompat/v7`
    const addresses = nodes.map(node => node.address)
    const brokersUp = nodes.map(node => {
      const addresses = node.login === undefined ? [node.address] : [node.address, node.login.address]
      const ports = new Map(addresses.map(portOf).map(port => [port, port]))
      const environment = {
        CLUSTER_ID: clusterId,
        ...imageVariables(brokerSettings(node, nodes)),
        ...loginVariables(node, logins),
      }
      return started({ image: kafkaImage, name: alias(node.id), environment, ports, ...(logins && { command: withKeys }) })
    })
    const registryPorts = new Map([[8080, registryPort]])
    const registryUp = started({ image: registryImage, name: 'registry', environment: {}, ports: registryPorts })
    // Settled, not all: a failed start must leave nothing behind that comes up after the stop.
    const outcomes = await Promise.allSettled([...brokersUp, registryUp])
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    await Promise.all([brokersAnswer(addresses, size, signal), registryAnswers(registryUrl, signal)])

    const containers = await Promise.all(brokersUp)
    const broker = (id: number): BrokerHandle => {
      const [node, handle] = [nodes[id - 1], containers[id - 1]]
      if (node === undefined || handle === undefined) throw new Error(`There is no broker ${id}: the platform has ${size}`)
      return {
        address: node.address,
        async kill(by = 'SIGKILL') {
          if (!(await handle.inspect()).State.Running) return
          const gone = handle.wait()
          await handle.kill({ signal: by })
          await gone
        },
        async start() {
          if ((await handle.inspect()).State.Running) return
          await handle.start()
          await brokersAnswer([node.address])
        },
        freeze: () => handle.pause(),
        thaw: () => handle.unpause(),
      }
    }
    const tools = {
      via: 'docker',
      container: containers[0]?.id ?? '',
      bootstrap: nodes.map(node => node.broker).join(','),
    } as const
    const loginBrokers = nodes.flatMap(({ login }) => login?.address ?? [])
    return { kind: 'docker', brokers: addresses, loginBrokers, registryUrl, tools, broker, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const jwksFile = '/tmp/jwks.json'
/** The image's own command, with the keys in their file before it. */
const withKeys = ['sh', '-c', `printf %s "$JWKS" > ${jwksFile} && exec /etc/kafka/docker/run`]

function loginVariables({ login }: Node, logins: LoginOptions | undefined): Record<string, string> {
  return login === undefined || logins === undefined ? {} : { JWKS: logins.jwks, KAFKA_OPTS: loginFlags(login).join(' ') }
}

const portOf = (address: string): number => Number(address.split(':').at(-1))

const alias = (id: number): string => `kafka-${id}`

async function describeNode(id: number, host: string, logins: LoginOptions | undefined): Promise<Node> {
  return {
    id,
    address: `${host}:${await freePort()}`,
    broker: `${alias(id)}:19092`,
    controller: `${alias(id)}:19093`,
    bind: '0.0.0.0',
    folder: '/tmp/kafka-data',
    ...(logins && { login: { ...logins, address: `${host}:${await freePort()}`, jwksFile } }),
  }
}

/** The image reads KAFKA_NODE_ID as node.id. */
const imageVariables = (settings: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(settings).map(([name, value]) => [`KAFKA_${name.toUpperCase().replaceAll('.', '_')}`, value]))
