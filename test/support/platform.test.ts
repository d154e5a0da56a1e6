/** The platform answers, is chosen as promised, and never outlives its run. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import kafkajs from 'kafkajs'
import { describe, expect, test } from 'vitest'
import { givenPlatform, type Platform, type Reach, startFirst } from './platform/platform.ts'
import { platform, platformStartMs, uniqueName } from './platform/shared.ts'
import { until } from './platform/until.ts'

const { Kafka, logLevel } = kafkajs

test(
  'the run’s platform answers on both its addresses, and every caller gets the same',
  async () => {
    const at = await platform()

    const admin = new Kafka({ brokers: at.brokers, logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    const { brokers } = await admin.describeCluster()
    await admin.disconnect()
    const subjects = await fetch(`${at.registryUrl}/subjects`)

    expect(brokers.length).toBeGreaterThan(0)
    expect(subjects.status).toBe(200)
    expect(await subjects.json()).toBeInstanceOf(Array)
    expect(await platform()).toEqual(at)
  },
  platformStartMs,
)

describe('the choice', () => {
  const working = { kind: 'java', brokers: ['a:1'], registryUrl: 'http://b' } as unknown as Platform
  const failing = (why: string) => async (): Promise<Platform> => {
    throw new Error(why, { cause: new Error('ENOENT') })
  }

  test('falls on what the environment names, if it names all of it', () => {
    expect(givenPlatform({})).toBeUndefined()
    expect(givenPlatform({ KAFKA_BROKERS: 'a:1, b:2', SCHEMA_REGISTRY_URL: 'http://c/apis/ccompat/v7/' })).toMatchObject({
      kind: 'given',
      brokers: ['a:1', 'b:2'],
      registryUrl: 'http://c/apis/ccompat/v7',
    })
    expect(() => givenPlatform({ KAFKA_BROKERS: 'a:1' })).toThrow('KAFKA_BROKERS is set but SCHEMA_REGISTRY_URL is not')
    expect(() => givenPlatform({ SCHEMA_REGISTRY_URL: 'http://c' })).toThrow(
      'SCHEMA_REGISTRY_URL is set but KAFKA_BROKERS is not',
    )
  })

  test('falls on the first that works, and says why others did not', async () => {
    const said: string[] = []

    const chosen = await startFirst({ Docker: failing('no engine'), Java: async () => working }, { log: line => said.push(line) })

    expect(chosen).toBe(working)
    expect(said).toEqual(['Not on Docker: no engine (ENOENT)', 'Kafka at a:1 and registry at http://b, on Java'])
  })

  test('ends in one message with every remedy when nothing works', async () => {
    const refused = startFirst({ Docker: failing('no engine'), Java: failing('no Maven') }, {})

    await expect(refused).rejects.toThrow(
      /set KAFKA_BROKERS .*\n.*install Docker.*\n.*install Java 17 or newer and Maven(.|\n)*no engine.*\n.*no Maven/,
    )
  })

  test('is not made when the start was cancelled', async () => {
    const cancelled = AbortSignal.abort(new Error('enough'))

    await expect(startFirst({ Java: async () => working }, { signal: cancelled })).rejects.toThrow('enough')
  })
})

test(
  'a platform is gone, with all that it wrote, after its process was killed',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), `${uniqueName('killed')}-`))
    const module = join(import.meta.dirname, 'platform', 'platform.ts')
    const program = `import(${JSON.stringify(module)}).then(({ startPlatform }) => startPlatform()).then(({ brokers, registryUrl }) => {
      console.log(JSON.stringify({ brokers, registryUrl }))
      setInterval(() => {}, 1000)
    })`
    const { KAFKA_BROKERS: _brokers, SCHEMA_REGISTRY_URL: _registry, ...env } = process.env
    const owner = spawn(process.execPath, ['-e', program], {
      env: { ...env, NODE_OPTIONS: '', TMPDIR: folder },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [told] = await once(owner.stdout, 'data')
    const { brokers, registryUrl } = JSON.parse(String(told)) as Reach
    const addresses = [...brokers, new URL(registryUrl).host]
    const before = await Promise.all(addresses.map(listens))

    owner.kill('SIGKILL')

    const gone = await until({ what: 'nothing of the platform is left', deadlineMs: 20_000 }, async () =>
      (await Promise.all(addresses.map(listens))).includes(true) || readdirSync(folder).length > 0 ? undefined : true,
    )
    expect(before).toEqual([true, true])
    expect(gone).toBe(true)
    expect(execFileSync('ps', ['-A', '-o', 'args'], { encoding: 'utf8' })).not.toContain(folder)
    rmSync(folder, { recursive: true })
  },
  platformStartMs,
)

function listens(address: string): Promise<boolean> {
  const { hostname, port } = new URL(`tcp://${address}`)
  return new Promise(resolve => {
    const socket = connect(Number(port), hostname)
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
