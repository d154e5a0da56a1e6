/**
 * `npm run soak:owners -- --for 10m --kills 20`: two instances of one connector on three brokers, over calls that come, come late and change.
 * Again and again one of them is killed (-9), stopped (-STOP) or cut off from Kafka, and with `--brokers` a broker is killed as well. At the
 * end a calm `run --once` reads what is left, an independent read_committed consumer is held against the truth, and `audit --topic` must say
 * proven equal. Writes what it saw to `owners-results.md`.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import { durationMs, durationText } from '../../src/model/units.ts'
import { durationOption } from '../support/duration-option.ts'
import { startPlatform } from '../support/platform/platform.ts'
import { Dice } from '../support/simulator/dice.ts'
import { startSimulator } from '../support/simulator/server.ts'
import { verdictLine, Witness } from '../support/witness.ts'
import { audited } from './audited.ts'
import { Instance, type Kind } from './instance.ts'

const options = new Command('owners')
  .description('Two instances, random kills for a while, then a verdict.')
  .option('--for <duration>', 'how long, such as 10m', durationOption)
  .option('--kills <number>', 'how many, spread over the time', Number, 20)
  .option('--brokers', 'kill brokers, too')
  .option('--seed <number>', 'the same seed makes the same calls and the same plan of kills', Number, 1)
  .parse()
  .opts<{ for?: number; kills: number; brokers?: boolean; seed: number }>()
const runMs = options.for ?? durationMs('10m')
const DEADLINE_MS = 300_000
const print = (line: string) => process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)

const platform = await startPlatform({ brokers: 3, log: print })
const simulator = await startSimulator({
  world: {
    seed: options.seed,
    history: 5_000,
    historyMs: 2 * 3_600_000,
    livePerSecond: 5,
    lateShare: 0.1,
    lateMs: [2_000, 120_000],
    changeShare: 0.3,
    changeMs: [3_000, 120_000],
    badRowShare: 0.01,
  },
  seed: options.seed,
})
const name = `owners-${Date.now().toString(36)}`
const instances = await Promise.all(['a', 'b'].map(label => Instance.create(label, { platform, simulator, name })))
const done: Record<Kind | 'broker', number> = { kill: 0, stop: 0, cut: 0, broker: 0 }
let takeovers = 0

/** One misfortune from its beginning to its end; both instances are back after it. */
async function strike(dice: Dice, lengthMs: number): Promise<void> {
  if (options.brokers === true && dice.chance(0.3)) {
    const broker = platform.broker(dice.whole(1, 3))
    print(`broker ${broker.address} is killed`)
    done.broker += 1
    await broker.kill()
    await sleep(lengthMs / 2)
    await broker.start()
    return
  }
  const owner = instances.find(({ owns }) => owns)
  const victim = dice.chance(0.8) && owner !== undefined ? owner : dice.pick(instances)
  const kind = dice.pick(['kill', 'stop', 'cut'] as const)
  done[kind] += 1
  const wasOwner = victim.owns
  print(`instance ${victim.label}${wasOwner ? ', the owner,' : ''}: ${kind}`)
  await victim.suffer(kind, lengthMs)
  if (wasOwner && instances.some(other => other !== victim && other.owns)) takeovers += 1
}

async function soak(): Promise<boolean> {
  const [first] = instances
  await first?.start()
  await first?.untilOwner(DEADLINE_MS)
  await instances[1]?.start()
  let [newestMs, longestMs] = [performance.now(), 0]
  const witness = await Witness.follow(platform, `${name}.call-logs`, () => {
    const nowMs = performance.now()
    longestMs = Math.max(longestMs, nowMs - newestMs)
    newestMs = nowMs
  })
  const dice = new Dice(options.seed)
  const slotMs = runMs / options.kills
  for (let kill = 0; kill < options.kills; kill += 1) {
    const slotEndsMs = performance.now() + slotMs
    await strike(dice, dice.whole(Math.min(12_000, slotMs / 2), Math.min(90_000, slotMs * 0.8)))
    await sleep(Math.max(0, slotEndsMs - performance.now()))
  }
  const codes = await Promise.all(instances.map(instance => instance.stop()))
  // Audited later, the API must show what the last read saw.
  const settledMs = simulator.rest()
  const calm = await first?.runOnce()
  const verdict = await witness.verdict(simulator.world, { settledBefore: settledMs, until: settledMs - 10_000 }, DEADLINE_MS)
  const audit = await audited(first?.settings ?? {})
  const restarts = instances.reduce((sum, { starts }) => sum + starts, 0)
  const text = [
    '# Two instances',
    '',
    `\`npm run soak:owners -- --for ${durationText(runMs)} --kills ${options.kills}${options.brokers === true ? ' --brokers' : ''} --seed ${options.seed}\`, Node ${process.version}, three brokers on ${platform.kind}; ${new Date().toISOString().slice(0, 10)}.`,
    '',
    '| measure | value |',
    '| --- | --- |',
    `| verdict of an independent consumer | ${verdictLine(verdict)} |`,
    `| published | ${witness.records.length.toLocaleString('en-US')} records of ${simulator.status().visible.toLocaleString('en-US')} calls |`,
    `| kill -9, stopped for a while, cut off from Kafka, brokers killed | ${done.kill}, ${done.stop}, ${done.cut}, ${done.broker} |`,
    `| starts of instances, accounts taken over by the other | ${restarts}, ${takeovers} |`,
    `| longest pause in publishing, as a reader saw it | ${(longestMs / 1_000).toFixed(1)} s |`,
    `| exit codes: both stopped by SIGTERM, then a calm \`run --once\` | ${codes.join(', ')}; ${calm} |`,
    `| \`audit --topic\` | ${audit} |`,
    '',
  ].join('\n')
  print(text)
  await writeFile(join(import.meta.dirname, 'owners-results.md'), text)
  return verdict.clean && codes.every(code => code === 0) && calm === 0 && audit.startsWith('exit 0')
}

try {
  process.exitCode = (await soak()) ? 0 : 1
} finally {
  await Promise.all(instances.map(instance => instance.close()))
  await simulator.close()
  await platform.stop()
}
