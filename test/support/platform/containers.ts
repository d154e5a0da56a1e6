/**
 * Containers that must not outlive this process. testcontainers finds the engine, but they are made through the engine's client: its own way of
 * starting them leaves a lock file behind, and here each container is told to the reaper (reaper.ts) before it runs.
 */
import { hold } from './reaped.ts'

/** The engine's client; throws when no engine answers. */
export async function dockerEngine() {
  process.env.TESTCONTAINERS_RYUK_DISABLED ??= 'true'
  const { getContainerRuntimeClient } = await import('testcontainers')
  return getContainerRuntimeClient().catch(error => {
    throw new Error('no Docker engine answers', { cause: error })
  })
}

type Engine = Awaited<ReturnType<typeof dockerEngine>>

/** Pulls the image if it is not there; throws when it cannot be had. */
export async function haveImage({ image: images }: Engine, name: string, log: (line: string) => void): Promise<void> {
  const { ImageName } = await import('testcontainers')
  const image = ImageName.fromString(name)
  if (await images.exists(image)) return
  log(`Pulling ${name}`)
  await images.pull(image).catch(error => {
    throw new Error(`the engine answers, but ${name} is neither present nor pullable`, { cause: error })
  })
}

type Dockerode = Engine['container']['dockerode']
export type Container = ReturnType<Dockerode['getContainer']>
type CreateOptions = Parameters<Dockerode['createContainer']>[0]

export interface ContainerPlan {
  readonly image: string
  /** Its id, or `container:<id>` to share the one of another container. */
  readonly network: string
  /** By which others on the network find it. */
  readonly name?: string
  readonly environment: Readonly<Record<string, string>>
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  /** Ports of the container and where each is published on the host; 0 for any free one. */
  readonly ports?: ReadonlyMap<number, number>
  readonly host?: CreateOptions['HostConfig']
  readonly healthcheck?: CreateOptions['Healthcheck']
}

export interface HeldContainer {
  readonly container: Container
  /** Kills it when it runs. */
  remove(): Promise<void>
}

/** Made and held, not started. */
export async function createContainer(dockerode: Dockerode, plan: ContainerPlan): Promise<HeldContainer> {
  const { image, network, name, environment, entrypoint, command, ports = new Map<number, number>(), host, healthcheck } = plan
  const published = [...ports].map(([port, hostPort]) => [`${port}/tcp`, [{ HostPort: String(hostPort) }]] as const)
  const container = await dockerode.createContainer({
    Image: image,
    Env: Object.entries(environment).map(([variable, value]) => `${variable}=${value}`),
    ...(entrypoint !== undefined && { Entrypoint: [...entrypoint] }),
    ...(command !== undefined && { Cmd: [...command] }),
    ...(healthcheck !== undefined && { Healthcheck: healthcheck }),
    ExposedPorts: Object.fromEntries(published.map(([port]) => [port, {}])),
    HostConfig: { ...host, NetworkMode: network, PortBindings: Object.fromEntries(published) },
    ...(name !== undefined && { NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [name] } } } }),
  })
  const drop = hold('container', container.id)
  return {
    container,
    async remove() {
      await container.remove({ force: true, v: true })
      drop()
    },
  }
}
