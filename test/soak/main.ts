/**
 * `npm run soak -- --for 10m`: the connector on a real Kafka against an API that shows every fault at once while calls come, come late and
 * change. At the end a calm `run --once` reads what is left, and an independent read_committed consumer is held against the truth. Fails unless
 * the verdict is clean, no request came before the API allowed it, and memory stayed flat. Writes what it saw to `results.md`.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import { durationMs, durationText } from '../../src/model/units.ts'
import { Connector, settingsFor } from '../support/connector.ts'
import { durationOption } from '../support/duration-option.ts'
import { type Platform, startPlatform } from '../support/platform/platform.ts'
import type { FaultKind } from '../support/simulator/faults.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'
import { verdictLine, Witness } from '../support/witness.ts'

/** Of each request; a third of all goes wrong. What fails an account is rarer, or it would hardly read. */
const FAULTS: Readonly<Record<FaultKind, number>> = {
  reset: 0.04,
  truncate: 0.04,
  html: 0.04,
  http500: 0.04,
  http503: 0.04,
  garbage: 0.04,
  'error-with-data': 0.04,
  http429: 0.03,
  empty200: 0.01,
  rbc001: 0.01,
  rbc3004: 0.005,
  redirect: 0.003,
  oversize: 0.001,
  hang: 0.003,
}
const RATE = 10
const BURST = 2
const SAMPLE_MS = 5_000
/** The median of the last third of the run may be this much above that of the second. */
const FLAT = 1.15
const DEADLINE_MS = 120_000

const options = new Command('soak')
  .description('Every fault at once for a while, then a verdict.')
  .option('--for <duration>', 'how long, such as 10m', durationOption)
  .option('--seed <number>', 'the same seed makes the same calls and faults', Number, 1)
  .parse()
  .opts<{ for?: number; seed: number }>()
const soakMs = options.for ?? durationMs('10m')

const print = (line: string) => process.stdout.write(`${line}\n`)

function startApi(): Promise<Simulator> {
  return startSimulator({
    world: {
      seed: options.seed,
      history: 2_000,
      historyMs: 3 * 3_600_000,
      livePerSecond: 3,
      lateShare: 0.1,
      lateMs: [2_000, 300_000],
      changeShare: 0.3,
      changeMs: [3_000, 300_000],
      badRowShare: 0.01,
    },
    seed: options.seed,
    options: { requestsPerSecond: RATE * 1.5, burst: 5, faultShares: FAULTS, oversizeBytes: 40 * 2 ** 20 },
  })
}

/** One number of a metrics page. */
const sampleOf = (page: string, name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1])

function outcomesOn(page: string): string {
  const samples = page.matchAll(/^call_log_source_requests_total\{account="main",outcome="(\w+)"\} (\d+)$/gm)
  return [...samples].map(([, outcome, count]) => `${outcome} ${count}`).join(', ')
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

interface Watched {
  /** Resident bytes, every five seconds. */
  readonly memory: readonly number[]
  readonly outcomes: string
}

/** Follows a running connector until the time is over. Throws when it ends before. */
async function watch(connector: Connector): Promise<Watched> {
  const address = await connector.address()
  const memory: number[] = []
  const endMs = performance.now() + soakMs
  let page = ''
  while (performance.now() < endMs) {
    const ended = await Promise.race([connector.exited, sleep(Math.min(SAMPLE_MS, Math.max(0, endMs - performance.now())), null)])
    if (ended !== null) throw new Error(`the connector ended with ${ended.code}:\n${connector.stderr}`)
    page = await (await fetch(`${address}/metrics`)).text()
    memory.push(sampleOf(page, 'process_resident_memory_bytes'))
    print(`${outcomesOn(page)}; ${Math.round((memory.at(-1) ?? 0) / 2 ** 20)} MiB`)
  }
  return { memory, outcomes: outcomesOn(page) }
}

async function soak(platform: Platform, simulator: Simulator): Promise<boolean> {
  const name = `soak-${Date.now().toString(36)}`
  const settings = settingsFor(simulator, platform, name, {
    api: { pageSize: 100, requestsPerSecond: RATE, burst: BURST, timeout: '2s' },
    polling: {
      startFrom: '4h',
      retryFailed: '2s',
      schedule: [
        { name: 'hot', every: '10s', span: '10m' },
        { name: 'warm', every: '60s', span: '4h' },
      ],
    },
    log: { level: 'warn' },
  })
  const connector = await Connector.start({ ...settings, log: { level: 'info' } })
  await connector.untilEvent('recalled', undefined, DEADLINE_MS)
  const witness = await Witness.follow(platform, `${name}.call-logs`)
  const { memory, outcomes } = await watch(connector)
  connector.kill('SIGTERM')
  const { code } = await connector.exited
  await connector[Symbol.asyncDispose]()
  const faults = Object.entries(simulator.book.counts.faults).map(([kind, count]) => `${kind} ${count}`)
  const { requests, early } = simulator.book.counts
  const busiest = simulator.book.mostWithin(1_000)

  simulator.clearFaults()
  const settledMs = Date.now()
  const calm = await Connector.runOnce(settings)
  const verdict = await witness.verdict(simulator.world, { settledBefore: settledMs, until: settledMs - 10_000 }, DEADLINE_MS)

  const third = Math.floor(memory.length / 3)
  const [before, after] = [median(memory.slice(third, 2 * third)), median(memory.slice(2 * third))].map(bytes => bytes / 2 ** 20)
  const isFlat = (after ?? 0) <= (before ?? 0) * FLAT
  const text = [
    '# Soak',
    '',
    `\`npm run soak -- --for ${durationText(soakMs)} --seed ${options.seed}\`, Node ${process.version}, Kafka on ${platform.kind}; ${new Date().toISOString().slice(0, 10)}.`,
    '',
    '| measure | value |',
    '| --- | --- |',
    `| verdict of an independent consumer | ${verdictLine(verdict)} |`,
    `| published | ${witness.records.length.toLocaleString('en-US')} records of ${simulator.status().visible.toLocaleString('en-US')} calls |`,
    `| requests | ${requests.toLocaleString('en-US')}, of them before the API allowed it: ${early}; the busiest second: ${busiest} at ${RATE}/s and a burst of ${BURST} |`,
    `| outcomes | ${outcomes} |`,
    `| faults served | ${faults.join(', ')} |`,
    `| resident memory, median of the second and the last third | ${before?.toFixed(0)} and ${after?.toFixed(0)} MiB |`,
    `| exit codes: stopped by SIGTERM, then a calm \`run --once\` | ${code}, ${calm.exit.code} |`,
    '',
  ].join('\n')
  print(text)
  await writeFile(join(import.meta.dirname, 'results.md'), text)
  return verdict.clean && early === 0 && isFlat && code === 0 && calm.exit.code === 0
}

const platform = await startPlatform({ log: print })
const simulator = await startApi()
try {
  process.exitCode = (await soak(platform, simulator)) ? 0 : 1
} finally {
  await simulator.close()
  await platform.stop()
}
