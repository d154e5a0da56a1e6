/** The README's ways of reading the topic, run as they stand there on what a connector published: what they show is the truth, all of it, and no more. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { message } from './contracts/publisher.ts'
import { foreignProducer } from './kafka/foreign-producer.ts'
import { Connector, settingsFor } from './support/connector.ts'
import { type ConsumedRecord, consumeAll } from './support/independent-consumer.ts'
import { kcatEnvironment } from './support/kcat.ts'
import { runKafkaTool } from './support/platform/kafka-tool.ts'
import type { Reach } from './support/platform/platform.ts'
import { platform, platformStartMs, uniqueName } from './support/platform/shared.ts'
import { until } from './support/platform/until.ts'
import { Program } from './support/program.ts'
import { pythonWith } from './support/python.ts'
import { readmeBlock, withOther } from './support/readme.ts'
import { settledWorld } from './support/settled-world.ts'
import { judge, type PublishedRecord } from './support/simulator/judge.ts'
import { startSimulator } from './support/simulator/server.ts'
import { published } from './support/verdict.ts'

const root = join(import.meta.dirname, '..')
/** What the README's blocks name, which is what docker-compose.yml starts. */
const written = { brokers: '127.0.0.1:9092', registry: 'http://127.0.0.1:8081/apis/ccompat/v7', topic: 'demo.call-logs' }
const deadlineMs = 60_000
/** For a test that may have to fetch its program first. */
const fetchMs = platformStartMs

const topic = `${uniqueName('consuming')}.call-logs`
/** Costs that calls get between two reads, and how a reader is to show them. */
const changes = [
  { credits: '9.75', shown: '9.750000', id: '' },
  { credits: '0', shown: '0.000000', id: '' },
  { credits: '1234567.000001', shown: '1234567.000001', id: '' },
]
let reach: Reach
let consumed: ConsumedRecord[]
let records: PublishedRecord[]
let folder: string

beforeAll(async () => {
  reach = await platform()
  folder = await mkdtemp(join(tmpdir(), 'call-log-source-'))
  const world = settledWorld({ seed: 6, history: 300, historyMs: 3 * 3_600_000, badRowShare: 0 })
  await using simulator = await startSimulator({ world })
  const run = () => Connector.runOnce(settingsFor(simulator, reach, topic.replace('.call-logs', '')))
  const first = await run()
  await rollBack()
  const charged = world.calls.filter(({ versions }) => Number(versions[0]?.facts.credits) > 0)
  for (const [index, change] of changes.entries()) {
    change.id = charged[100 + index]?.id ?? ''
    world.change(change.id, { credits: change.credits })
  }
  const second = await run()
  expect([first.exit.code, second.exit.code], second.output.slice(-2_000)).toEqual([0, 0])

  consumed = await consumeAll(reach, topic, { deadlineMs })
  records = await published(reach, consumed)
  expect(judge(world, records)).toMatchObject({ clean: true })
  expect(records).toHaveLength(300 + changes.length)
}, fetchMs)
afterAll(() => rm(folder, { recursive: true, force: true }))

/** One record on each partition that nobody is to see, decodable like any other, between what was published and what will be. */
async function rollBack(): Promise<void> {
  const [record] = await consumeAll(reach, topic, { deadlineMs })
  const producer = await foreignProducer(reach.brokers, uniqueName('rolled-back'))
  const transaction = await producer.begin()
  await transaction.send(
    topic,
    [0, 1, 2].map(partition => ({ ...message(partition, 'rolled back', ''), value: record?.value ?? null })),
  )
  await transaction.abort()
  await producer.close()
}

const atHand = (block: string, ...names: (keyof typeof written)[]): string => {
  const actual = { brokers: reach.brokers.join(','), registry: reach.registryUrl, topic }
  return withOther(block, Object.fromEntries(names.map(name => [written[name], actual[name]])))
}

const headersOf = ({ headers }: ConsumedRecord, is: string): string =>
  Object.entries(headers)
    .map(([name, value]) => `${name}${is}${value}`)
    .join(',')

test('Kafka’s console consumer', async () => {
  const words = atHand(readmeBlock("Kafka's console consumer"), 'topic').replaceAll('\\\n', ' ').trim().split(/\s+/)
  const [tool, args] = [words.slice(0, 6), words.slice(8)]
  expect(tool.join(' ')).toBe('docker compose exec -T kafka /opt/kafka/bin/kafka-console-consumer.sh')
  expect(words.slice(6, 8)).toEqual(['--bootstrap-server', written.brokers])

  const { output, ended } = await runKafkaTool(reach, 'kafka-console-consumer', args)
  const [printed, { code }] = await Promise.all([text(output), ended])

  const line = (record: ConsumedRecord) =>
    [
      `CreateTime:${record.timestampMs}`,
      `Partition:${record.partition}`,
      `Offset:${record.offset}`,
      headersOf(record, ':'),
      record.key,
    ].join('\t')
  expect(printed.trim().split('\n').sort()).toEqual(consumed.map(line).sort())
  expect(code).toBe(0)
})

test(
  'kcat, which sees the rolled-back records, too, when it is not told to read what is committed',
  async () => {
    const env = await kcatEnvironment()
    const command = atHand(readmeBlock('kcat'), 'brokers', 'topic')
    const kcat = (line: string) => new Program('sh', ['-c', line], { env }).ended()

    const committed = await kcat(command)
    const everything = await kcat(withOther(command, { read_committed: 'read_uncommitted' }))

    const line = (record: ConsumedRecord) =>
      `${record.partition}@${record.offset} ${record.timestampMs} ${record.key} ${headersOf(record, '=')}`
    expect(committed.lines.toSorted(), committed.stderr).toEqual(consumed.map(line).sort())
    expect(committed.code).toBe(0)
    const beyond = everything.lines.filter(line => !committed.lines.includes(line))
    expect(beyond.map(line => line.replace(/\d+ \d+/, '…')).sort()).toEqual([0, 1, 2].map(p => `${p}@… rolled back `))
  },
  fetchMs,
)

test(
  'Python: a table of the newest version of each call, which reading everything once more does not change',
  async () => {
    const block = atHand(readmeBlock('Python'), 'brokers', 'registry', 'topic')
    const python = await pythonWith(/pip install '([^']+)'/.exec(block)?.[1] ?? '')
    const run = async (program: string, group: string) => {
      await writeFile(join(folder, 'calls.py'), program)
      const running = new Program(python, ['calls.py'], { cwd: folder, env: { ...process.env, PYTHONUNBUFFERED: '1' } })
      await running.printed(records.length, deadlineMs)
      await until({ what: `${group} has committed what it read`, deadlineMs }, () => hasCommitted(group))
      return await running.interrupt()
    }

    const first = await run(block, 'calls-to-sqlite')
    const table = readTable()
    keepAsNewer(changes[0]?.id ?? '')
    const again = await run(withOther(block, { 'calls-to-sqlite': 'another-group' }), 'another-group')

    const line = ({ callId, revision, content: { cost, changed_fields } }: PublishedRecord) =>
      `${callId} ${revision} ${cost ?? 'None'} ${(changed_fields as string[]).join(',')}`
    expect(first.lines.toSorted(), first.stderr).toEqual(records.map(line).sort())
    expect(table).toEqual(newestRows())
    expect(first.lines).toEqual(expect.arrayContaining(changes.map(({ id, shown }) => `${id} 2 ${shown} cost`)))
    expect(again.lines, again.stderr).toHaveLength(records.length)
    const [id = '', newer] = [changes[0]?.id, { revision: 3, status: 'newer than the topic' }]
    expect(readTable()).toEqual(new Map(table).set(id, { ...table.get(id), ...newer }))
    expect([first.code, again.code]).toEqual([0, 0])
  },
  fetchMs,
)

test('kafkajs, in the versions that the connector itself is tested with', async () => {
  const block = atHand(readmeBlock('kafkajs'), 'brokers', 'registry', 'topic')
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const packages = /npm install (.+)/.exec(block)?.[1]?.split(' ') ?? []
  await writeFile(join(folder, 'calls.mjs'), block)
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))

  const program = new Program(process.execPath, ['calls.mjs'], { cwd: folder })
  await program.printed(records.length, deadlineMs)
  const { code, lines, stderr } = await program.interrupt()

  expect(packages).toEqual(['kafkajs', '@kafkajs/confluent-schema-registry', 'avsc'].map(name => `${name}@${dependencies[name]}`))
  expect(lines.length, stderr).toBe(records.length)
  expect(byVersion(lines.map(line => JSON.parse(line)))).toEqual(byVersion(records.map(({ content }) => content)))
  expect(code).toBe(0)
})

const byVersion = (contents: readonly Readonly<Record<string, unknown>>[]) =>
  new Map(contents.map(content => [`${content.call_id}#${content.revision}`, { ...content }]))

/** Whether the group has committed beyond every record; undefined as long as it has not. */
async function hasCommitted(group: string): Promise<true | undefined> {
  const admin = new kafkajs.Kafka({ brokers: reach.brokers, logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  const [{ partitions } = { partitions: [] }] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
  await admin.disconnect()
  const committed = new Map(partitions.map(({ partition, offset }) => [partition, Number(offset)]))
  return consumed.every(({ partition, offset }) => offset < (committed.get(partition) ?? 0)) || undefined
}

/** As if a later version had been read before: no older one may replace it. */
function keepAsNewer(callId: string): void {
  const db = new DatabaseSync(join(folder, 'calls.db'))
  db.prepare("UPDATE calls SET revision = 3, status = 'newer than the topic' WHERE call_id = ?").run(callId)
  db.close()
}

/** The Python block's table, by call. */
function readTable(): Map<string, Record<string, unknown>> {
  const db = new DatabaseSync(join(folder, 'calls.db'), { readOnly: true })
  const rows = db.prepare('SELECT * FROM calls').all()
  db.close()
  return new Map(rows.map(row => [String(row.call_id), { ...row }]))
}

function newestRows(): Map<string, Record<string, unknown>> {
  const newest = new Map<string, Record<string, unknown>>()
  for (const { callId, revision, content } of records.toSorted((a, b) => a.revision - b.revision)) {
    const { account, event_time, status, cost } = content
    const instant = new Date(Number(event_time)).toISOString().replace('.000Z', '+00:00')
    newest.set(callId, { account, call_id: callId, revision, event_time: instant, status, cost })
  }
  return newest
}
