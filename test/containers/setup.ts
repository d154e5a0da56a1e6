/**
 * What the whole suite shares, on one network: the image as the Dockerfile builds it, a broker, a registry, and the simulator from the workshop
 * stage. Without a Docker engine the suite fails here; nothing is skipped.
 */
import { join } from 'node:path'
import { ImageName } from 'testcontainers'
import type { TestProject } from 'vitest/node'
import { createContainer, dockerEngine } from '../support/platform/containers.ts'
import { startOnDocker } from '../support/platform/docker.ts'
import type { Reach } from '../support/platform/platform.ts'
import { until } from '../support/platform/until.ts'

export interface Stage {
  /** As seen from the host. */
  readonly reach: Reach
  /** The id of the network, and broker, registry and API as seen from there. */
  readonly network: string
  readonly inside: { readonly brokers: string; readonly registryUrl: string; readonly apiUrl: string }
  readonly image: string
  readonly broker: string
  readonly simulator: { readonly container: string; readonly url: string }
}

declare module 'vitest' {
  interface ProvidedContext {
    stage: Stage
  }
}

type Engine = Awaited<ReturnType<typeof dockerEngine>>

const root = join(import.meta.dirname, '..', '..')
const SIMULATOR_PORT = 8090

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const engine = await dockerEngine().catch(error => {
    throw new Error('npm run test:containers runs the built image and needs a Docker engine: start one, or set DOCKER_HOST', {
      cause: error,
    })
  })
  const workshop = await build(engine, 'workshop', 'build')
  await build(engine, 'dependencies', 'dependencies')
  const image = await build(engine, 'image')
  const platform = await startOnDocker({ log: line => process.stderr.write(`[containers] ${line}\n`) })
  try {
    const { reach, broker, bootstrap } = described(platform)
    const { dockerode } = engine.container
    const { NetworkSettings } = await dockerode.getContainer(broker).inspect()
    const network = Object.values(NetworkSettings.Networks)[0]?.NetworkID ?? ''
    const simulator = await startSimulator(engine, workshop, network)
    const inside = {
      brokers: bootstrap,
      registryUrl: 'http://registry:8080/apis/ccompat/v7',
      apiUrl: `http://simulator:${SIMULATOR_PORT}`,
    }
    const { url } = simulator
    project.provide('stage', { reach, network, inside, image, broker, simulator: { container: simulator.id, url } })
    return async () => {
      await simulator.remove()
      await platform.stop()
    }
  } catch (error) {
    await platform.stop()
    throw error
  }
}

function described({ kind, brokers, registryUrl, tools }: Reach) {
  if (tools?.via !== 'docker') throw new Error('the platform is not in containers')
  return { reach: { kind, brokers, registryUrl, tools }, broker: tools.container, bootstrap: tools.bootstrap }
}

/**
 * Builds a stage with the classic builder, under a name that stays: it holds the layers for the next run, and the image it stood for before
 * goes. testcontainers does not tell a failed build, so it is built under a new name first, which is there only if the build succeeded.
 */
async function build({ image: images, container: { dockerode } }: Engine, repository: string, target?: string): Promise<string> {
  const repo = `call-log-source-test-${repository}`
  const [name, attempt] = [`${repo}:latest`, `${repo}:${crypto.randomUUID()}`]
  const before = await dockerode
    .getImage(name)
    .inspect()
    .catch(() => null)
  await images.build(root, { t: attempt, ...(target !== undefined && { target }) })
  if (!(await images.exists(ImageName.fromString(attempt))))
    throw new Error(`the image does not build: DOCKER_BUILDKIT=0 docker build ${target ? `--target ${target} ` : ''}. shows why`)
  await dockerode.getImage(attempt).tag({ repo, tag: 'latest' })
  await dockerode.getImage(attempt).remove()
  const { Id } = await dockerode.getImage(name).inspect()
  if (before !== null && before.Id !== Id)
    await dockerode
      .getImage(before.Id)
      .remove()
      .catch(() => undefined)
  return name
}

/** Calls of six hours, and new ones all the time; none comes late and none changes, so that what a run owes is known when it starts. */
async function startSimulator({ info, container: { dockerode } }: Engine, image: string, network: string) {
  const arguments_ = ['--host=0.0.0.0', '--hours=6', '--history=3000', '--live=2', '--late=0', '--change=0']
  const { container, remove } = await createContainer(dockerode, {
    image,
    network,
    name: 'simulator',
    environment: {},
    command: ['node', 'test/support/simulator/main.ts', ...arguments_],
    ports: new Map([[SIMULATOR_PORT, 0]]),
  })
  await container.start()
  const { NetworkSettings } = await container.inspect()
  const port = NetworkSettings.Ports[`${SIMULATOR_PORT}/tcp`]?.[0]?.HostPort
  const url = `http://${info.containerRuntime.host}:${port}`
  await until({ what: 'the simulator answers', deadlineMs: 30_000 }, async () =>
    (await fetch(`${url}/__truth`)).ok ? true : undefined,
  )
  return { id: container.id, url, remove }
}
