/**
 * How long five million remembered calls take to recall from a real broker, how much memory they hold, and for how long at most the program
 * does nothing else meanwhile: while it recalls, and while that memory grows page by page. `npm run bench` runs it along;
 * `node test/bench/recall.ts` runs it alone.
 */
import { randomFillSync } from 'node:crypto'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { systemClock } from '../../src/host/clock.ts'
import { createLedger } from '../../src/ledger/ledger.ts'
import { Seen } from '../../src/ledger/seen.ts'
import { FINGERPRINT_WORDS } from '../../src/model/fingerprint.ts'
import type { StoredEntry } from '../../src/model/sift.ts'
import { ledgerSpec, topicSpec } from '../contracts/publisher.ts'
import { adaptersOn } from '../kafka/real-kafka.ts'
import { identity, noSignal, usualOptions } from '../support/ledger-on-memory.ts'
import { type Platform, startPlatform } from '../support/platform/platform.ts'
import { machineText, type Section, sectionText, versionText, whole, writeSection } from './results.ts'

const CALLS = 5_000_000
/** As many as a transaction of a busy account adds. */
const CALLS_PER_DELTA = 4_000
const NS_PER_MS = 1e6

interface Recall {
  readonly seconds: number
  readonly longestPauseMs: number
  readonly bytesPerCall: number
  readonly rssMib: number
}

/** A ledger of so many calls, and what it takes to read it back. */
async function measureRecall({ brokers }: Platform): Promise<Recall> {
  const name = `recall-${Date.now().toString(36)}`
  const topicNames = { ledgerTopic: `${name}.ledger`, eventsTopic: `${name}.events`, deadLettersTopic: `${name}.dlq` }
  const { topics, reader, publisher } = adaptersOn(brokers, 120_000, 60_000)
  const outputs = [topicNames.eventsTopic, topicNames.deadLettersTopic]
  await topics.ensure([ledgerSpec(topicNames.ledgerTopic), ...outputs.map(topic => topicSpec(topic, 1))], true, noSignal)
  const ledger = () =>
    createLedger(
      {
        publisher: publisher(name, [topicNames.ledgerTopic, ...outputs]),
        reader,
        topics,
        clock: systemClock,
        notBeforeMs: () => 0,
        dialect: () => null,
      },
      { ...usualOptions, identity: { ...identity, ...topicNames }, maxSeen: CALLS },
    )
  await fill(ledger())
  const again = ledger()
  const loop = monitorEventLoopDelay({ resolution: 1 })
  loop.enable()
  const startedMs = performance.now()
  const { seen } = await again.recall(noSignal)
  const seconds = (performance.now() - startedMs) / 1_000
  loop.disable()
  await again.close()
  await topics.close()
  if (seen.size !== CALLS) throw new Error(`${seen.size} of ${CALLS} calls were recalled`)
  const { bytes } = seen as Seen
  return {
    seconds,
    longestPauseMs: loop.max / NS_PER_MS,
    bytesPerCall: bytes / CALLS,
    rssMib: process.memoryUsage.rss() / 2 ** 20,
  }
}

/** Commits calls with ids of chance until the ledger holds `CALLS`. */
async function fill(ledger: ReturnType<typeof createLedger>): Promise<void> {
  const state = await ledger.recall(noSignal)
  for (let left = CALLS; left > 0; left -= CALLS_PER_DELTA) {
    const entries: StoredEntry[] = []
    while (entries.length < CALLS_PER_DELTA) entries.push(state.seen.add(print(), systemClock.now(), state.rules))
    await ledger.commit(state, { rest: [], entries }, noSignal)
  }
  await ledger.close()
}

/** As many as one page brings. */
const CALLS_AT_ONCE = 100

/** The most CPU time that a page of new calls took to be remembered, of `CALLS`, in milliseconds: growing must not be a pause. */
function longestGrowthMs(): number {
  const seen = new Seen(CALLS)
  const nowMs = Date.now()
  let longestUs = 0
  for (let left = CALLS; left > 0; left -= CALLS_AT_ONCE) {
    const page = Array.from({ length: CALLS_AT_ONCE }, print)
    const before = process.threadCpuUsage()
    for (const next of page) seen.add(next, nowMs, 0)
    const { user, system } = process.threadCpuUsage(before)
    longestUs = Math.max(longestUs, user + system)
  }
  return longestUs / 1_000
}

function print(): Uint32Array {
  return randomFillSync(new Uint32Array(FINGERPRINT_WORDS))
}

export async function recallSection(platform: Platform): Promise<Section> {
  const growthMs = longestGrowthMs()
  const recall = await measureRecall(platform)
  return {
    title: 'Recall',
    about:
      `\`node test/bench/recall.ts\`, ${await versionText()}, Node ${process.version}, ${machineText()}, shared with the broker (${platform.kind}). ` +
      `${whole(CALLS)} remembered calls, ${whole(CALLS_PER_DELTA)} to a transaction: look, fence, read back, claim.`,
    rows: [
      ['seconds', recall.seconds.toFixed(1)],
      ['longest pause of the event loop meanwhile', `${whole(recall.longestPauseMs)} ms`],
      ['memory per seen call', `${recall.bytesPerCall.toFixed(1)} bytes`],
      ['RSS afterwards', `${whole(recall.rssMib)} MiB`],
      [`most CPU time for ${CALLS_AT_ONCE} more calls, growing to that many`, `${growthMs.toFixed(1)} ms`],
    ],
  }
}

if (import.meta.main) {
  const platform = await startPlatform({ log: line => process.stdout.write(`${line}\n`) })
  try {
    const section = await recallSection(platform)
    process.stdout.write(sectionText(section))
    await writeSection(section)
  } finally {
    await platform.stop()
  }
}
