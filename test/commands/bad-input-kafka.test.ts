/** What Kafka and the registry may refuse or lack at start: exit code 4, one line with what, where and what to do, and nothing written. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import kafkajs, { type Admin } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Connector, type SettingsOverrides, settingsFor } from '../support/connector.ts'
import { consumeAll } from '../support/independent-consumer.ts'
import { booksOf, checkpointIn } from '../support/ledger-books.ts'
import { newTopic } from '../support/new-topic.ts'
import { freePort } from '../support/platform/free-port.ts'
import type { Reach } from '../support/platform/platform.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { settledWorld } from '../support/settled-world.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'

let reach: Reach
let simulator: Simulator
let admin: Admin

beforeAll(async () => {
  reach = await platform()
  simulator = await startSimulator({ world: settledWorld({ seed: 21, history: 300, historyMs: 15 * 3_600_000 }) })
  admin = new kafkajs.Kafka({ brokers: [...reach.brokers], logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
}, platformStartMs)
afterAll(async () => {
  await admin?.disconnect()
  await simulator?.close()
})

const runOnce = (name: string, overrides: SettingsOverrides = {}) =>
  Connector.runOnce(settingsFor(simulator, reach, name, overrides))

function expectRefused(connector: Awaited<ReturnType<typeof runOnce>>, code: string, remedy: RegExp): void {
  expect(connector.exit, connector.output.slice(-2_000)).toEqual({ code: 4, signal: null })
  expect(connector.stderr).toMatch(new RegExp(`^call-log-source: ${code}: [^\n]+\n( {2}because: [^\n]+\n)* {2}remedy: [^\n]+\n$`))
  expect(connector.stderr).toMatch(remedy)
  expect(connector.stderr).not.toContain(simulator.apiKey)
}

async function expectNothingWritten(name: string): Promise<void> {
  for (const topic of [`${name}.call-logs`, `${name}.call-logs.dlq`, `${name}.ledger`])
    expect(await consumeAll(reach, topic, { deadlineMs: 60_000 }), topic).toEqual([])
}

describe.concurrent('what cannot be reached', () => {
  test('brokers that do not answer are named, after a bounded time in which the endpoints are up', async () => {
    const brokers = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`]
    await using connector = await Connector.start(settingsFor(simulator, reach, uniqueName('broker'), { kafka: { brokers } }), [
      '--once',
    ])
    const address = await connector.address()
    const [live, ready, metrics] = await Promise.all(['/live', '/ready', '/metrics'].map(path => fetch(address + path)))
    const exit = await connector.exited

    expect([live?.status, ready?.status, metrics?.status]).toEqual([200, 503, 200])
    expectRefused(Object.assign(connector, { exit }), 'KAFKA_UNREACHABLE', /check kafka\.brokers/)
    const [line] = connector.stderr.split('\n')
    for (const broker of brokers) expect(line).toContain(broker)
  })

  test('a registry on a closed port is named', async () => {
    const name = uniqueName('noregistry')
    const url = `http://127.0.0.1:${await freePort()}`
    const connector = await runOnce(name, { registry: { url } })

    expectRefused(connector, 'REGISTRY_UNREACHABLE', /registry\.url/)
    expect(connector.stderr).toContain(url)
    await expectNothingWritten(name)
  })

  test('a registry that never answers is given up after a bounded time', async () => {
    const name = uniqueName('muteregistry')
    const mute = createServer().listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const connector = await runOnce(name, { registry: { url: `http://127.0.0.1:${(mute.address() as AddressInfo).port}` } })
    mute.close()

    expectRefused(connector, 'REGISTRY_UNREACHABLE', /registry\.url/)
    await expectNothingWritten(name)
  })
})

describe('the registry refuses', () => {
  const subjects = () => `${reach.registryUrl}/subjects`
  const contentType = { 'content-type': 'application/vnd.schemaregistry.v1+json' }

  test('an incompatible schema under the subject: its reason is told', async () => {
    const name = uniqueName('incompatible')
    const subject = `${name}.call-logs-value`
    const call_id = { name: 'call_id', type: { type: 'array', items: 'long' } }
    const schema = JSON.stringify({ type: 'record', name: 'CallLog', namespace: 'io.kaleyra.calllog', fields: [call_id] })
    const registered = await fetch(`${subjects()}/${subject}/versions`, {
      method: 'POST',
      headers: contentType,
      body: JSON.stringify({ schema }),
    })
    const config = `${reach.registryUrl}/config/${subject}`
    const level = await fetch(config, { method: 'PUT', headers: contentType, body: '{"compatibility":"BACKWARD"}' })
    expect([registered.status, level.status]).toEqual([200, 200])

    const connector = await runOnce(name)

    expectRefused(connector, 'REGISTRY_REJECTED', /registry’s reason/)
    expect(connector.stderr).toMatch(/refuses the schema under subject \S+-value \(409\)\. It says: "[^"]+/)
    const versions = await fetch(`${subjects()}/${subject}/versions`)
    expect(await versions.json()).toEqual([1])
    await expectNothingWritten(name)
  })

  test('a schema that is not there while registry.register is false: what is missing is told', async () => {
    const name = uniqueName('unregistered')
    const connector = await runOnce(name, { registry: { register: false } })

    expectRefused(connector, 'REGISTRY_REJECTED', /registry\.register: true/)
    expect(connector.stderr).toContain(`not registered under subject ${name}.call-logs-value`)
    expect((await fetch(`${subjects()}/${name}.call-logs-value/versions`)).status).toBe(404)
    await expectNothingWritten(name)
  })
})

describe('the topics', () => {
  test('absent, and createTopics.enabled is false: the command that creates the first is told, none is created', async () => {
    const name = uniqueName('notopics')
    const connector = await runOnce(name, { kafka: { createTopics: { enabled: false, partitions: 3, replicationFactor: 1 } } })

    expectRefused(connector, 'TOPIC_MISSING', /kafka-topics\.sh .*--create/)
    expect(connector.stderr).toContain(
      `kafka-topics.sh --bootstrap-server ${reach.brokers[0]} --create --topic ${name}.call-logs --partitions 3 --replication-factor 1`,
    )
    expect((await admin.listTopics()).filter(topic => topic.startsWith(name))).toEqual([])
  })

  test('a ledger that is not compacted: the command that mends it is told', async () => {
    const name = uniqueName('deleting')
    await newTopic(reach, `${name}.ledger`, 8)
    const connector = await runOnce(name)

    expectRefused(connector, 'TOPIC_MISCONFIGURED', /kafka-configs\.sh .*--alter/)
    expect(connector.stderr).toContain(`--entity-name ${name}.ledger --add-config cleanup.policy=compact`)
    await expectNothingWritten(name)
  })

  test('an events topic that was created anew under its ledger: refused, the ledger stays as it was', async () => {
    const name = uniqueName('anew')
    expect((await runOnce(name)).exit.code).toBe(0)
    const before = await booksOf(reach, name, simulator.world)
    await admin.deleteTopics({ topics: [`${name}.call-logs`] })

    const connector = await runOnce(name)

    expectRefused(connector, 'LEDGER_MISMATCH', /--first-start/)
    expect(connector.stderr).toContain(`topic ${name}.call-logs, partition `)
    expect(before).toMatchObject({ missing: [], untrue: [], wrong: [] })
    expect(await checkpointIn(reach, `${name}.ledger`)).toEqual(before.checkpoint)
    expect(await consumeAll(reach, `${name}.call-logs`, { deadlineMs: 60_000 })).toEqual([])
  })

  test('the ledger of another connector: both names are told, and neither ledger nor topics are touched', async () => {
    const [owner, thief] = [uniqueName('owner'), uniqueName('thief')]
    expect((await runOnce(owner)).exit.code).toBe(0)
    const before = await consumeAll(reach, `${owner}.ledger`, { deadlineMs: 60_000 })

    const connector = await runOnce(thief, { kafka: { topics: { events: `${thief}.call-logs`, ledger: `${owner}.ledger` } } })

    expectRefused(connector, 'LEDGER_MISMATCH', /restore `name`/)
    expect(connector.stderr).toContain(`belongs to the connector "${owner}", not "${thief}"`)
    expect(await consumeAll(reach, `${owner}.ledger`, { deadlineMs: 60_000 })).toEqual(before)
    expect(await consumeAll(reach, `${thief}.call-logs`, { deadlineMs: 60_000 })).toEqual([])
  })
})
