/**
 * `npm run demo`: Kafka, a schema registry, a simulated API with live calls, late ones, changing ones and some 429, and the connector between
 * them; what a consumer gets, a running line, and at the end the verdict of an independent read_committed consumer against the truth.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import { Connector, settingsFor } from '../connector.ts'
import { durationOption } from '../duration-option.ts'
import { type Platform, startPlatform } from '../platform/platform.ts'
import { type Simulator, startSimulator } from '../simulator/server.ts'
import { verdictLine, Witness } from '../witness.ts'
import { eventLine, runningLine, type StatusReply } from './lines.ts'

const SHOWN_AT_FIRST = 15
/** Rows may come this long after the end was called; then something is wrong. */
const LAST_READ_MS = 60_000

const options = new Command('demo')
  .description('Shows the connector at work, with everything it needs started here. Ctrl-C ends it with a verdict.')
  .option('--for <duration>', 'stop by itself after this long, such as 30s; exit 0 only if the verdict is clean', durationOption)
  .option('--seed <number>', 'the same seed makes the same calls', Number, 1)
  .parse()
  .opts<{ for?: number; seed: number }>()

const print = (line: string) => process.stdout.write(`${line}\n`)
const over = new AbortController()
const interrupted = new Promise<void>(resolve => {
  process.once('SIGINT', () => {
    over.abort()
    resolve()
  })
})

/** Some of everything, soon enough to be seen within half a minute. */
function startApi(seed: number): Promise<Simulator> {
  return startSimulator({
    world: {
      seed,
      history: 1_500,
      historyMs: 3_600_000,
      livePerSecond: 4,
      lateShare: 0.1,
      lateMs: [2_000, 15_000],
      changeShare: 0.2,
      changeMs: [3_000, 15_000],
      badRowShare: 0,
    },
    seed,
    options: { requestsPerSecond: 10, burst: 5, faultShares: { http429: 0.03 } },
  })
}

async function show(platform: Platform, simulator: Simulator): Promise<boolean> {
  const name = `demo-${Date.now().toString(36)}`
  const topic = `${name}.call-logs`
  const settings = settingsFor(simulator, platform, name, {
    api: { pageSize: 100, requestsPerSecond: 8, burst: 1 },
    polling: {
      startFrom: '3h',
      schedule: [
        { name: 'hot', every: '10s', span: '10m' },
        { name: 'warm', every: '20s', span: '3h' },
      ],
    },
    log: { level: 'info' },
  })
  await using connector = await Connector.start(settings)
  const address = await connector.address()
  print(`metrics at ${address}/metrics, state at ${address}/status`)
  await connector.untilEvent('recalled')

  let shown = 0
  const witness = await Witness.follow(platform, topic, (record, content) => {
    shown += 1
    if (shown <= SHOWN_AT_FIRST || record.headers.change === 'UPDATED') print(eventLine(record, content))
    else if (shown === SHOWN_AT_FIRST + 1) print('  … from here on only updates are shown')
  })

  const ticking = tick(`${address}/status`)
  await Promise.race([
    interrupted,
    connector.exited,
    ...(options.for === undefined ? [] : [sleep(options.for, undefined, { ref: false })]),
  ])
  over.abort()
  await ticking

  const endMs = Date.now()
  print('ending: one more complete read, then the verdict of an independent read_committed consumer')
  await connector.untilEvent(
    'window.read',
    line => line.schedule === 'hot' && Date.parse(String(line.time)) > endMs + 10_000,
    LAST_READ_MS,
  )
  connector.kill('SIGTERM')
  const exit = await connector.exited

  const verdict = await witness.verdict(simulator.world, { settledBefore: endMs, until: endMs }, LAST_READ_MS)
  print(
    `published ${witness.records.length} records of ${simulator.status().visible} calls; the connector ended with ${exit.code}`,
  )
  print(`verdict: ${verdictLine(verdict)}`)
  return verdict.clean && exit.code === 0
}

const status = async (url: string): Promise<StatusReply> => (await (await fetch(url)).json()) as StatusReply

/** The running line, every other second until the end is called. */
async function tick(url: string): Promise<void> {
  while (!over.signal.aborted) {
    const reply = await status(url).catch(() => null)
    if (reply !== null) print(runningLine(reply))
    await sleep(2_000, undefined, { signal: over.signal }).catch(() => undefined)
  }
}

const platform = await startPlatform({ log: print })
const simulator = await startApi(options.seed)
try {
  process.exitCode = (await show(platform, simulator)) ? 0 : 1
} finally {
  await simulator.close()
  await platform.stop()
}
