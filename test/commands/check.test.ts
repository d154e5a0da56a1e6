/** `check` as its users run it, on the simulated API, a real Kafka and a real registry: what it finds, what it advises, and that it leaves no trace. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createKafka } from '../../src/kafka/client.ts'
import { createTopics } from '../../src/kafka/topics.ts'
import { realClock } from '../kafka/real-kafka.ts'
import { type Ended, runCommand, startCommand } from '../support/command.ts'
import { Connector, type SettingsOverrides, settingsFor } from '../support/connector.ts'
import { consumeAll } from '../support/independent-consumer.ts'
import { newTopic } from '../support/new-topic.ts'
import { freePort } from '../support/platform/free-port.ts'
import type { Reach } from '../support/platform/platform.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { settledWorld } from '../support/settled-world.ts'
import { legacyShape } from '../support/simulator/row.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'
import { verdictOn } from '../support/verdict.ts'

const forever = new AbortController().signal
const WORLD = { seed: 41, history: 200, historyMs: 15 * 3_600_000, badRowShare: 0 }
const opened: { close(): Promise<void> }[] = []
let reach: Reach
let simulator: Simulator

beforeAll(async () => {
  reach = await platform()
  simulator = await startSimulator({ world: settledWorld(WORLD) })
}, platformStartMs)
afterAll(() => simulator?.close())
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

interface Finding {
  readonly name: string
  readonly state: string
  readonly found: string
  readonly remedy: string | null
}

interface Report extends Ended {
  readonly ok: boolean
  readonly checks: readonly Finding[]
  /** The finding of this name. */
  of(name: string): Finding
}

async function check(settings: object, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Report> {
  const ended = await runCommand(settings, ['check', '--json', ...args], env)
  if (ended.stdout === '') throw new Error(ended.stderr)
  const { checks, ok }: Pick<Report, 'checks' | 'ok'> = JSON.parse(ended.stdout)
  expect(ended.stdout + ended.stderr).not.toContain(simulator.apiKey)
  expect(ended.stdout + ended.stderr).not.toContain(simulator.sid)
  const of = (name: string) => checks.find(finding => finding.name === name) ?? { name, state: 'absent', found: '', remedy: null }
  return { ...ended, checks, ok, of }
}

const settings = (name: string, overrides: SettingsOverrides = {}) => settingsFor(simulator, reach, name, overrides)
const statesOf = ({ checks }: Report) => Object.fromEntries(checks.map(({ name, state }) => [name, state]))
const topics = () =>
  createTopics({ client: createKafka({ clientId: 'test', brokers: reach.brokers }, () => {}), clock: realClock })

/** A server of its own for a test, closed after it. */
async function another(options: Parameters<typeof startSimulator>[0]): Promise<Simulator> {
  const made = await startSimulator(options)
  opened.push(made)
  return made
}

describe('before the first start', () => {
  test('everything is in order, what run will create is said, and nothing is created or registered', async () => {
    const name = uniqueName('fresh')
    const report = await check(settings(name))

    expect(report.code, report.stdout).toBe(0)
    expect(report.ok).toBe(true)
    expect(statesOf(report)).toEqual({
      settings: 'ok',
      'region main': 'ok',
      'API main': 'ok',
      'clock main': 'ok',
      'time zone main': 'ok',
      kafka: 'ok',
      [`topic ${name}.call-logs`]: 'ok',
      [`topic ${name}.call-logs.dlq`]: 'ok',
      [`topic ${name}.ledger`]: 'ok',
      group: 'ok',
      transactions: 'ok',
      registry: 'ok',
      schema: 'ok',
    })
    expect(report.of(`topic ${name}.call-logs`).found).toBe('does not exist yet; run will create it with 3 partitions')
    expect(report.of('group').found).toBe(`nobody is a member of ${name}; we may join it`)
    expect(report.of('schema').found).toContain(`nothing is registered under ${name}.call-logs-value yet; run will`)
    for (const topic of [`${name}.call-logs`, `${name}.call-logs.dlq`, `${name}.ledger`]) {
      const spec = { name: topic, partitions: 1, replicationFactor: -1, config: {}, required: {} }
      await expect(topics().ensure([spec], false, forever)).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
    }
    expect((await fetch(`${reach.registryUrl}/subjects/${name}.call-logs-value/versions`)).status).toBe(404)
  })
})

describe('beside a running connector', () => {
  test('finds topics, schema and dialect, publishes nothing, and the connector goes on', async () => {
    const name = uniqueName('beside')
    await using connector = await Connector.start(settings(name))
    await connector.untilEvent('window.read', line => line.schedule === 'hot')

    const report = await check(settings(name))

    connector.kill('SIGTERM')
    const exit = await connector.exited
    const again = await Connector.runOnce(settings(name))
    expect(report.code, report.stdout).toBe(0)
    expect(report.of('schema').found).toMatch(new RegExp(`^registered under ${name}\\.call-logs-value with id \\d+$`))
    expect(report.of(`topic ${name}.ledger`)).toMatchObject({
      state: 'warning',
      found: expect.stringMatching(/^8 partitions, 1 replica: /),
    })
    expect(report.of('transactions').found).toBe(`${name}-check: opened, may write to ${name}.ledger, aborted`)
    expect(report.of('API main').found).toMatch(/^POST with form fields/)
    expect([exit.code, again.exit.code]).toEqual([0, 0])
    const verdict = await verdictOn(reach, `${name}.call-logs`, simulator.world)
    expect(verdict).toMatchObject({ missing: [], repeated: [], extra: [], clean: true })
    const letters = await consumeAll(reach, `${name}.call-logs.dlq`, { deadlineMs: 60_000 })
    expect(letters).toEqual([])
  })

  test('checking topics that exist before the first start does not make that start refuse them', async () => {
    const name = uniqueName('made')
    await newTopic(reach, `${name}.call-logs`, 3)

    const report = await check(settings(name))
    const connector = await Connector.runOnce(settings(name))

    expect(report.code, report.stdout).toBe(0)
    expect(connector.exit.code, connector.stderr).toBe(0)
  })
})

describe('what is wrong with the API', () => {
  test('a refused key fails alone: Kafka and registry are checked all the same', async () => {
    const [account] = settings('x').accounts as object[]
    const report = await check(settings(uniqueName('key'), { accounts: [{ ...account, apiKey: 'wrong-key-0123456789' }] }))

    expect([report.code, report.ok]).toEqual([1, false])
    expect(report.of('API main')).toMatchObject({
      state: 'failed',
      found: expect.stringContaining('RBC001'),
      remedy: expect.stringContaining('apiKey'),
    })
    expect(report.of('time zone main')).toMatchObject({ state: 'not_checked', found: 'not checked: needs API main' })
    expect(report.of('clock main').state).toBe('ok')
    expect([report.of('transactions').state, report.of('schema').state]).toEqual(['ok', 'ok'])
    expect(report.stdout).not.toContain('wrong-key')
  })

  test('a clock that differs by minutes is named with the difference', async () => {
    const late = await another({ world: settledWorld(WORLD), options: { skewMs: -180_000 } })
    const report = await check(settingsFor(late, reach, uniqueName('clock')))

    expect(report.of('clock main')).toMatchObject({
      state: 'failed',
      found: expect.stringMatching(/^the API is 18[01] s behind$/),
      remedy: expect.stringContaining('NTP'),
    })
  })

  test.each([
    ['without an offset', { ...legacyShape }, {}, 'the API gives times without an offset'],
    ['of another zone', { ...legacyShape }, { timeZone: 'UTC' }, 'the times of the calls are shifted by +5:30 hours'],
  ])(
    'times %s are named with the setting',
    async (_, shape, account, found) => {
      const naive = await another({ world: { seed: 42, history: 60, historyMs: 1_740_000, lateShare: 0, badRowShare: 0, shape } })
      const [usual] = settingsFor(naive, reach, 'x').accounts as object[]
      const report = await check(settingsFor(naive, reach, uniqueName('zone'), { accounts: [{ ...usual, ...account }] }))

      expect(report.of('time zone main')).toMatchObject({
        state: 'failed',
        found,
        remedy: expect.stringContaining('accounts[].timeZone'),
      })
    },
    60_000,
  )

  test('--no-probe sends no request that is meant to be refused', async () => {
    const asked = await another({ world: settledWorld(WORLD) })
    const report = await check(settingsFor(asked, reach, uniqueName('noprobe')), ['--no-probe'])

    expect(report.of('API main').state).toBe('ok')
    expect(asked.requests.filter(({ from }) => from === 'malformed')).toEqual([])
  })

  test('shared keys, filters and a region that does not fit are warnings, and warnings are no failure', async () => {
    const [account] = settings('x').accounts as object[]
    const accounts = [account, { ...account, id: 'other' }]
    const report = await check(
      settings(uniqueName('warn'), { accounts, api: { filters: { status: ['ANSWER'] } }, kafka: { key: 'call_id' } }),
    )

    expect(report.code, report.stdout).toBe(0)
    expect(report.of('budget main')).toMatchObject({
      state: 'warning',
      found: expect.stringContaining('main, other have the same key'),
    })
    expect(report.of('filters')).toMatchObject({
      state: 'warning',
      found: expect.stringContaining('whose status changes leaves the filter'),
    })
  })
})

describe('what is wrong with Kafka', () => {
  test('brokers that do not answer: what rests on them is not checked, the rest is', async () => {
    const report = await check(settings(uniqueName('nobroker'), { kafka: { brokers: [`127.0.0.1:${await freePort()}`] } }))

    expect(report.code).toBe(1)
    expect(report.of('kafka')).toMatchObject({ state: 'failed', found: expect.stringContaining('check kafka.brokers') })
    expect(report.of('transactions')).toMatchObject({ state: 'not_checked', found: 'not checked: needs kafka' })
    expect([report.of('API main').state, report.of('schema').state]).toEqual(['ok', 'ok'])
  })

  test('topics that are absent and may not be created, with the command for each', async () => {
    const name = uniqueName('absent')
    const report = await check(settings(name, { kafka: { createTopics: { enabled: false } } }))

    expect(report.code).toBe(1)
    for (const topic of [`${name}.call-logs`, `${name}.call-logs.dlq`, `${name}.ledger`])
      expect(report.of(`topic ${topic}`)).toMatchObject({
        state: 'failed',
        found: expect.stringMatching(new RegExp(`kafka-topics\\.sh .*--create --topic ${topic} `)),
      })
    expect(report.of('transactions').state).toBe('ok')
  })

  test('topics that Kafka would not create as set', async () => {
    const name = uniqueName('replicas')
    const createTopics = { enabled: true, partitions: 3, replicationFactor: 7 }
    const report = await check(settings(name, { kafka: { createTopics } }))

    expect(report.of(`topic ${name}.call-logs`)).toMatchObject({
      state: 'failed',
      found: expect.stringContaining('INVALID_REPLICATION_FACTOR'),
    })
  })

  test('a ledger that is not compacted, with the command that cures it; nothing is written to it', async () => {
    const name = uniqueName('deleting')
    await newTopic(reach, `${name}.ledger`)
    const report = await check(settings(name))
    const ends = await topics().offsets(`${name}.ledger`, forever)

    expect(report.of(`topic ${name}.ledger`)).toMatchObject({
      state: 'failed',
      found: expect.stringMatching(/cleanup\.policy=delete, but must have cleanup\.policy=compact: kafka-configs\.sh/),
    })
    expect(report.of('transactions').found).toContain('writing not tried')
    expect(ends.get(0)).toEqual({ low: 0n, stable: 0n, high: 0n })
  })
})

describe('what is wrong with the registry', () => {
  const contentType = { 'content-type': 'application/vnd.schemaregistry.v1+json' }

  test('unreachable', async () => {
    const url = `http://127.0.0.1:${await freePort()}`
    const report = await check(settings(uniqueName('noregistry'), { registry: { url } }))

    expect(report.of('registry')).toMatchObject({ state: 'failed', found: expect.stringContaining(url) })
    expect(report.of('schema')).toMatchObject({ state: 'not_checked', found: 'not checked: needs registry' })
    expect(report.of('transactions').state).toBe('ok')
  })

  test('an incompatible schema under the subject; none is added', async () => {
    const name = uniqueName('incompatible')
    const subject = `${name}.call-logs-value`
    const call_id = { name: 'call_id', type: { type: 'array', items: 'long' } }
    const schema = JSON.stringify({ type: 'record', name: 'CallLog', namespace: 'io.kaleyra.calllog', fields: [call_id] })
    const post = { method: 'POST', headers: contentType, body: JSON.stringify({ schema }) }
    await fetch(`${reach.registryUrl}/subjects/${subject}/versions`, post)
    const level = { method: 'PUT', headers: contentType, body: '{"compatibility":"BACKWARD"}' }
    await fetch(`${reach.registryUrl}/config/${subject}`, level)

    const report = await check(settings(name))

    expect(report.code).toBe(1)
    expect(report.of('registry').state).toBe('ok')
    expect(report.of('schema')).toMatchObject({
      state: 'failed',
      found: `the registry would refuse our schema under ${subject}`,
      remedy: expect.stringContaining('registry.subject'),
    })
    expect(await (await fetch(`${reach.registryUrl}/subjects/${subject}/versions`)).json()).toEqual([1])
  })

  test('a schema that is not there while registry.register is false', async () => {
    const report = await check(settings(uniqueName('unregistered'), { registry: { register: false } }))

    expect(report.of('schema')).toMatchObject({ state: 'failed', remedy: expect.stringContaining('registry.register: true') })
  })

  test('a registry far away is asked through HTTPS_PROXY', async () => {
    const asked: string[] = []
    const proxy = createServer().listen(0, '127.0.0.1')
    proxy.on('connect', ({ url = '' }, socket) => {
      asked.push(url)
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    })
    await once(proxy, 'listening')
    opened.push({ close: async () => void proxy.close() })
    const { port } = proxy.address() as AddressInfo
    const away = settings(uniqueName('proxied'), { registry: { url: 'https://registry.example' } })

    const report = await check(away, [], { HTTPS_PROXY: `http://127.0.0.1:${port}` })

    expect(new Set(asked)).toEqual(new Set(['registry.example:443']))
    expect(report.of('registry')).toMatchObject({ state: 'failed', found: expect.stringContaining('registry.example') })
  })

  test('no registry at all', async () => {
    const server = createServer((_, response) => response.writeHead(404).end('nothing here')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    opened.push({ close: () => new Promise(resolve => server.close(() => resolve())) })
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const report = await check(settings(uniqueName('web'), { registry: { url } }))

    expect(report.of('registry')).toMatchObject({ state: 'failed', found: expect.stringContaining('nothing at') })
  })
})

describe('for people', () => {
  test('a line for each finding, the remedy below it, without colours where there is no terminal', async () => {
    const name = uniqueName('people')
    const overrides = { registry: { url: `http://127.0.0.1:${await freePort()}` } }
    const { code, stdout, stderr } = await runCommand(settings(name, overrides), ['check'], { FORCE_COLOR: '1' })

    expect([code, stderr]).toEqual([1, ''])
    const lines = stdout.trimEnd().split('\n')
    expect(lines.filter(line => !line.startsWith(' ')).map(line => line.split(/ {2,}/).slice(0, 2))).toEqual([
      ['ok', 'settings'],
      ['ok', 'region main'],
      ['ok', 'API main'],
      ['ok', 'clock main'],
      ['ok', 'time zone main'],
      ['ok', 'kafka'],
      ['ok', `topic ${name}.call-logs`],
      ['ok', `topic ${name}.call-logs.dlq`],
      ['ok', `topic ${name}.ledger`],
      ['ok', 'group'],
      ['ok', 'transactions'],
      ['failed', 'registry'],
      ['-', 'schema'],
    ])
    expect(lines.filter(line => line.startsWith(' '))).toEqual([expect.stringMatching(/^ +→ check registry\.url/)])
    expect(stdout).not.toContain('\u001b')
  })

  test('bad settings are told as by every command, and nothing is checked', async () => {
    const { code, stdout, stderr } = await runCommand(settings('bad', { http: { port: 70_000 } }), ['check'])

    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^call-log-source: SETTINGS_INVALID: http\.port = 70000/)
  })

  test('told to stop, it ends with 1 and says what was not checked', async () => {
    const slow = await another({ world: settledWorld(WORLD) })
    for (let times = 0; times < 5; times += 1) slow.next({ fault: 'hang' })
    const { child, ended } = await startCommand(settingsFor(slow, reach, uniqueName('stop')), ['check'])
    await expect.poll(() => slow.requests.length, { timeout: 20_000 }).toBe(1)
    child.kill('SIGINT')

    const { code, stdout } = await ended

    expect(code).toBe(1)
    expect(stdout).toMatch(/^- +API main +not checked: stopped$/m)
  })
})
