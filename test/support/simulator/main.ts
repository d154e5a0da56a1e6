/** `npm run simulator`: the API on its own, for people and for tests in other processes. Stops on SIGINT or SIGTERM. */
import { Command, InvalidArgumentError } from 'commander'
import { faultKinds } from './faults.ts'
import { ioShape, legacyShape } from './row.ts'
import { startSimulator } from './server.ts'

const number = (text: string) => {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0)) throw new InvalidArgumentError('a number from 0 up is expected')
  return value
}
const share = (text: string) => {
  const value = number(text)
  if (value > 1) throw new InvalidArgumentError('a share is between 0 and 1')
  return value
}

const program = new Command('simulator')
  .description('Simulates the Kaleyra.io Call Log Pull API.')
  .option('--host <address>', 'address to listen on; 0.0.0.0 in a container', '127.0.0.1')
  .option('--port <number>', 'port to listen on, 0 for any free one', number, 8090)
  .option('--seed <number>', 'the same seed gives the same calls and faults', number, 1)
  .option('--history <rows>', 'calls that exist already', number, 5000)
  .option('--hours <number>', 'over how many hours back', number, 24)
  .option('--live <perSecond>', 'calls starting per second', number, 2)
  .option('--late <share>', 'share of calls published minutes to hours late', share, 0.05)
  .option('--change <share>', 'share of calls that change later', share, 0.1)
  .option('--bad <share>', 'share of rows without an id', share, 0)
  .option('--throttle <share>', 'share of requests answered 429', share, 0)
  .option('--faults <share>', 'share of requests with some other fault', share, 0)
  .option('--rate <perSecond>', 'requests per second the API allows, 0 for no limit', number, 0)
  .option('--max-limit <rows>', 'most rows a page', number, 1000)
  .option('--legacy', 'rows shaped like the legacy log: other keys, naive times in Asia/Kolkata')
  .option('--sid <text>', 'account id', 'HXAP1690000001IN')
  .option('--api-key <text>', 'key to be sent as api-key', 'A0123456789abcdef0123456789abcdef3')
  .parse()
const given = program.opts<{
  host: string
  port: number
  seed: number
  history: number
  hours: number
  live: number
  late: number
  change: number
  bad: number
  throttle: number
  faults: number
  rate: number
  maxLimit: number
  legacy?: true
  sid: string
  apiKey: string
}>()

// Faults that end the account are left to scripts: at random they would only stop a demonstration.
const passing = faultKinds.filter(kind => !['http429', 'rbc001', 'rbc3004', 'oversize', 'redirect'].includes(kind))
const simulator = await startSimulator({
  world: {
    seed: given.seed,
    history: given.history,
    historyMs: given.hours * 3_600_000,
    livePerSecond: given.live,
    lateShare: given.late,
    changeShare: given.change,
    badRowShare: given.bad,
    shape: given.legacy ? legacyShape : ioShape,
  },
  seed: given.seed,
  port: given.port,
  host: given.host,
  sid: given.sid,
  apiKey: given.apiKey,
  options: {
    maxLimit: given.maxLimit,
    requestsPerSecond: given.rate > 0 ? given.rate : null,
    faultShares: {
      http429: given.throttle,
      ...Object.fromEntries(passing.map(kind => [kind, given.faults / passing.length])),
    },
  },
})

const { url, path, sid, apiKey } = simulator
const instant = (ms: number) => new Date(ms).toISOString().replace(/\.\d+/, '')
console.log(`url      ${url}
sid      ${sid}
api-key  ${apiKey}
truth    ${url}/__truth
options  curl -X POST ${url}/__options -d '{"order":"oldest"}'

curl -X POST ${url}${path} -H 'api-key: ${apiKey}' -H 'limit: 10' \\
  --data-urlencode start_time=${instant(Date.now() - 3_600_000)} --data-urlencode end_time=${instant(Date.now())}`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void simulator.close())
