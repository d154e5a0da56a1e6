/**
 * `npm run bench`: the whole pipeline against a pre-rendered local API, on a real Kafka, until a read_committed consumer has every record;
 * then the same range again; after that, how long five million calls take to recall (`recall.ts`) and, in virtual time, what a day costs in
 * requests (`day.ts`). Prints what it measured with the machine it
 * was measured on, and writes it to `results.md`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Command } from 'commander'
import { Seen } from '../../src/ledger/seen.ts'
import { callLog, sighting } from '../support/calls.ts'
import { Connector, settingsFor } from '../support/connector.ts'
import { consumeAll, countWithPerfTest } from '../support/independent-consumer.ts'
import type { LogLine } from '../support/log-watch.ts'
import { type Platform, startPlatform } from '../support/platform/platform.ts'
import { daySection, measureDay } from './day.ts'
import { recallSection } from './recall.ts'
import { machineText, type Section, sectionText, versionText, whole, writeSection } from './results.ts'

const { calls, compression } = new Command('bench')
  .option('--calls <number>', 'unique calls', Number, 500_000)
  .option('--compression <codec>', 'kafka.compression', 'none')
  .parse()
  .opts<{ calls: number; compression: string }>()

/** As `npm start` and the container start it: a smaller young generation and slower heap growth, for a third more CPU in collecting. */
const NODE_FLAGS = ['--max-semi-space-size=8', '--heap-growing-percent=50']
const PAGE_SIZE = 1_000
const DEADLINE_MS = 600_000

interface Api {
  readonly url: string
  readonly sid: string
  readonly apiKey: string
  stop(): Promise<void>
}

/** In a process of its own, so that only the connector is measured. */
async function startApi(): Promise<Api> {
  const script = join(import.meta.dirname, '../support/simulator/prerendered.ts')
  const child = spawn(process.execPath, [script, '--calls', String(calls), '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const { url, sid, apiKey }: Omit<Api, 'stop'> = JSON.parse(line)
  const stop = async () => {
    child.kill('SIGTERM')
    await once(child, 'close')
  }
  return { url, sid, apiKey, stop }
}

interface Read {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly rssMib: number
  readonly rows: number
  readonly requests: number
  readonly published: number
}

/** One `run --once`, timed from the moment the ledger was recalled; `done` may end later than the process. */
async function read(settings: object, done: () => Promise<unknown>): Promise<Read> {
  const connector = await Connector.start(settings, ['--once'], NODE_FLAGS)
  const startedMs = Date.parse(String((await connector.untilEvent('recalled')).time))
  const consumed = done()
  const exit = await connector.exited
  await connector[Symbol.asyncDispose]()
  if (exit.code !== 0) throw new Error(`the connector ended with ${exit.code}:\n${connector.output.slice(-2_000)}`)
  const stopped = connector.lines.find(line => line.event === 'stopped')
  await consumed
  const endMs = Math.max(Date.now(), Date.parse(String(stopped?.time)))
  const sum = (field: string) => windows(connector.lines).reduce((total, line) => total + Number(line[field]), 0)
  return {
    seconds: (endMs - startedMs) / 1_000,
    cpuSeconds: Number(stopped?.cpuSeconds),
    rssMib: Number(stopped?.maxRssBytes) / 2 ** 20,
    rows: sum('rows'),
    requests: sum('requests'),
    published: sum('new') + sum('updated'),
  }
}

const windows = (lines: readonly LogLine[]) => lines.filter(line => line.event === 'window.read')

function bytesPerSeenCall(): number {
  const seen = new Seen(5_000_000)
  const nowMs = Date.now()
  for (let index = 0; index < calls; index += 1) seen.add(sighting({ ...callLog(), call_id: `call-${index}` }).print, nowMs, 0)
  return seen.bytes / seen.size
}

async function bench(platform: Platform, api: Api): Promise<Section['rows']> {
  const name = `bench-${Date.now().toString(36)}`
  const topic = `${name}.call-logs`
  const settings = settingsFor(api, platform, name, {
    api: { pageSize: PAGE_SIZE, requestsPerSecond: 1_000, burst: 1_000 },
    polling: { startFrom: '6d', maxRowsPerRead: 50_000 },
    kafka: { createTopics: { enabled: true, partitions: 6, replicationFactor: 1 }, compression },
    log: { level: 'debug' },
  })
  const first = await read(settings, () => countWithPerfTest(platform, topic, calls, DEADLINE_MS))
  const keys = new Set(
    (await consumeAll(platform, topic, { values: false, deadlineMs: DEADLINE_MS })).map(({ key }) => String(key)),
  )
  if (keys.size !== calls || first.published !== calls)
    throw new Error(`${calls} calls, ${first.published} published, ${keys.size} keys on the topic`)
  const again = await read(settings, () => Promise.resolve())
  const row = (measure: string, value: string) => [measure, value] as const
  return [
    row('unique calls/s until a read_committed consumer has them all', whole(calls / first.seconds)),
    row('CPU seconds of the connector per million unique calls', ((first.cpuSeconds / calls) * 1e6).toFixed(1)),
    row('peak RSS while reading them', `${whole(first.rssMib)} MiB`),
    row(
      'requests per unique call',
      `${(first.requests / calls).toFixed(5)} (${whole(first.requests)} requests of up to ${PAGE_SIZE} rows)`,
    ),
    row(
      'second read: rows/s recognised as repeats',
      `${whole(again.rows / again.seconds)} (published again: ${again.published})`,
    ),
    row('second read: CPU seconds per million rows', ((again.cpuSeconds / again.rows) * 1e6).toFixed(1)),
    row('memory per seen call', `${bytesPerSeenCall().toFixed(1)} bytes`),
  ]
}

const platform = await startPlatform({ log: line => process.stdout.write(`${line}\n`) })
const api = await startApi()
try {
  const throughput: Section = {
    title: 'Throughput',
    about:
      `\`npm run bench -- --calls ${calls} --compression ${compression}\`, ${await versionText()}, Node ${process.version} with \`${NODE_FLAGS.join(' ')}\`, ` +
      `${machineText()}, shared by connector, API, broker (${platform.kind}), registry and consumer.`,
    rows: await bench(platform, api),
  }
  const recall = await recallSection(platform)
  const day = await daySection(await measureDay())
  for (const section of [throughput, recall, day]) {
    process.stdout.write(sectionText(section))
    await writeSection(section)
  }
} finally {
  await api.stop()
  await platform.stop()
}
