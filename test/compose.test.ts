/** docker-compose.yml without Docker: what it promises of ports, images, limits and profiles, and that its files and variables exist. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'

interface Service {
  readonly image: string
  readonly profiles?: readonly string[]
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly environment?: Readonly<Record<string, string | number>>
  readonly env_file?: string | readonly (string | { readonly path: string; readonly required: boolean })[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: object
  readonly restart?: string
  readonly mem_limit?: string
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly build?: unknown
  readonly networks?: { readonly default: { readonly aliases: readonly string[] } }
}

const root = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const compose: { services: Record<string, Service>; volumes: Record<string, unknown> } = parse(read('docker-compose.yml'), {
  merge: true,
})
const services = Object.entries(compose.services)
const lasting = services.filter(([, { profiles = [] }]) => !profiles.includes('tools'))

/** Names of variables in an env file; a comment is none. */
const variablesIn = (path: string) =>
  read(path)
    .split('\n')
    .filter(line => /^[A-Z]/.test(line))
    .map(line => line.split('=')[0] ?? '')

function startedBy(profile?: string): string[] {
  const isActive = ({ profiles }: Service) => profiles === undefined || (profile !== undefined && profiles.includes(profile))
  return services.filter(([, service]) => isActive(service)).map(([name]) => name)
}

describe('docker-compose.yml', () => {
  test('starts what is needed to see it work, and each profile adds what it says', () => {
    const usual = ['kafka', 'registry', 'simulator', 'connector']
    const added = (profile: string) => startedBy(profile).filter(name => !usual.includes(name))

    expect(startedBy()).toEqual(usual)
    expect(added('observability')).toEqual(['prometheus'])
    expect(added('grafana')).toEqual(['prometheus', 'grafana'])
    expect(added('ui')).toEqual(['ui'])
    expect(added('cluster')).toEqual(['kafka-a', 'kafka-b', 'kafka-c', 'cluster-registry', 'connector-a', 'connector-b'])
  })

  test('publishes ports on loopback only, each by a variable of its own', () => {
    const published = services.flatMap(([, { ports = [] }]) => ports)
    const variables = published.map(port => /^127\.0\.0\.1:\$\{([A-Z0-9_]+_PORT):-\d+\}:\d+$/.exec(port)?.[1])

    expect(variables).not.toContain(undefined)
    expect(new Set(variables).size).toBe(published.length)
    expect(new Set(published.map(port => /:-(\d+)\}/.exec(port)?.[1])).size).toBe(published.length)
  })

  test('pins every image that it does not build', () => {
    const foreign = services.filter(([, { build }]) => build === undefined).map(([, { image }]) => image)

    expect(foreign.length).toBeGreaterThan(5)
    expect(foreign.filter(image => !/:v?\d+\.\d+\.\d+$/.test(image))).toEqual([])
  })

  test('limits the memory of every service, and looks after the health of all that last', () => {
    expect(services.filter(([, { mem_limit }]) => !/^\d+[mg]$/.test(mem_limit ?? ''))).toEqual([])
    expect(lasting.filter(([, { healthcheck }]) => healthcheck === undefined)).toEqual([])
  })

  test('gives up what does not start, so that waiting for it ends', () => {
    expect(lasting.filter(([, { restart }]) => restart !== 'on-failure:3')).toEqual([])
  })

  test('starts a service when those it needs are healthy, all of them in its own profiles', () => {
    for (const [name, { depends_on = {}, profiles }] of services)
      for (const [needed, { condition }] of Object.entries(depends_on)) {
        expect(condition, `${name} needs ${needed}`).toBe('service_healthy')
        for (const profile of profiles ?? [undefined]) expect(startedBy(profile), `${name} needs ${needed}`).toContain(needed)
      }
  })

  test('mounts files that exist, read-only, and names every volume it writes to', () => {
    const mounts = services.flatMap(([, { volumes = [] }]) => volumes.map(volume => volume.split(':')))
    const files = mounts.filter(([source = '']) => source.startsWith('.'))

    expect(files.length).toBeGreaterThan(2)
    expect(files.filter(([source = '', , mode]) => mode !== 'ro' || !existsSync(join(root, source)))).toEqual([])
    const named = mounts.map(([source = '']) => source).filter(source => !source.startsWith('.'))
    expect(named.toSorted()).toEqual(Object.keys(compose.volumes).toSorted())
  })

  test('lets Prometheus find every instance under the one name it looks for', () => {
    const scraped = parse(read('config/prometheus/prometheus.yml')).scrape_configs[0].dns_sd_configs[0]
    const answering = services.filter(
      ([name, { networks }]) => name === scraped.names[0] || networks?.default.aliases.includes(scraped.names[0]),
    )

    expect(answering.map(([name]) => name)).toEqual(['connector', 'connector-a', 'connector-b'])
    expect(scraped.port).toBe(9464)
  })

  test('confines what is ours: nothing to write, no rights', () => {
    const ours = services.filter(([, { build }]) => build !== undefined)

    expect(ours.map(([name]) => name)).toEqual(['simulator', 'connector', 'events', 'connector-a', 'connector-b'])
    expect(ours.filter(([, { read_only, cap_drop }]) => read_only !== true || cap_drop?.[0] !== 'ALL')).toEqual([])
  })

  test('keeps three copies in the cluster, of which two must be there', () => {
    const nodes = ['kafka-a', 'kafka-b', 'kafka-c'].map(name => compose.services[name]?.environment)

    expect(nodes.map(environment => environment?.KAFKA_NODE_ID)).toEqual([1, 2, 3])
    for (const environment of nodes) {
      const replicas = Object.entries(environment ?? {}).filter(([name]) => name.endsWith('REPLICATION_FACTOR'))
      const inSync = Object.entries(environment ?? {}).filter(([name]) => /MIN_(ISR|INSYNC_REPLICAS)$/.test(name))
      expect(replicas.map(([, value]) => value)).toEqual([3, 3, 3, 3])
      expect(inSync.map(([, value]) => value)).toEqual([2, 2, 2])
    }
  })
})

describe('the account in docker-compose.yml', () => {
  const readByImage = new Set([...read('config/container.yaml').matchAll(/\$\{([A-Z0-9_]+)/g)].map(match => match[1]))
  const account = variablesIn('config/compose/account.env')
  const simulator = variablesIn('config/compose/simulator.env')

  test('reaches the connector in variables that its settings read', () => {
    const given = ['connector', 'connector-a', 'connector-b'].flatMap(name =>
      Object.keys(compose.services[name]?.environment ?? {}),
    )

    expect([...given, ...account, ...simulator].filter(name => !readByImage.has(name))).toEqual([])
    expect(simulator.filter(name => !account.includes(name))).toEqual([])
  })

  test('is the simulator’s only where the environment names nothing of one', () => {
    const [own, otherwise] = compose.services.connector?.env_file ?? []

    expect(own).toBe('config/compose/account.env')
    const identity = ['KALEYRA_SID', 'KALEYRA_API_KEY', 'KALEYRA_URL']
    const path = `config/compose/simulator${identity.map(name => `\${${name}+.unused}`).join('')}.env`
    expect(otherwise).toEqual({ path, required: false })
    expect(existsSync(join(root, 'config/compose/simulator.unused.env'))).toBe(false)
  })

  test('never is a real one in the cluster, which would ask it twice as often', () => {
    const files = ['connector-a', 'connector-b'].map(name => compose.services[name]?.env_file)

    expect(files).toEqual(['config/compose/simulator.env', 'config/compose/simulator.env'])
  })

  test('is named in one file, made from an example that holds every variable it sets', () => {
    const written = read('.env.example')
      .split('\n')
      .flatMap(line => /^(?:# )?([A-Z_]+)=/.exec(line)?.[1] ?? [])
    const interpolated = [...read('docker-compose.yml').matchAll(/\$\{([A-Z0-9_]+)/g)].map(match => match[1] ?? '')

    expect(written.filter(name => !account.includes(name) && !interpolated.includes(name))).toEqual([])
    expect(written).toEqual(expect.arrayContaining(['KALEYRA_SID', 'KALEYRA_API_KEY', 'CONNECTOR_NAME', 'SIMULATORS']))
    expect(read('.gitignore').split('\n')).toEqual(expect.arrayContaining(['/.env', '/*.env']))
    expect(read('.dockerignore').split('\n')[1]).toBe('*')
  })
})
