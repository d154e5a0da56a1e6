/**
 * The API at the speed of a file server, for benchmarks of the client: every row is rendered once, into one buffer ordered by start, so a page
 * is a slice of it and costs no work per row. Honest about windows, pages and totals; knows no changes and no faults. Run it in a process of
 * its own, since a benchmark measures the client's process only:
 *
 *   node test/support/simulator/prerendered.ts --calls 500000 --port 0      prints {"url":…,"sid":…,"apiKey":…} as one line
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Command } from 'commander'
import { incorrectKey, incorrectStart } from './api.ts'
import { readAsk, readBody, sliceOf } from './ask.ts'
import type { CallVersion, SimulatedCall } from './call.ts'
import { Dice } from './dice.ts'
import { generateCall, usualHabits } from './generate.ts'
import { sendJson } from './misbehave.ts'
import { usualOptions } from './options.ts'
import { ioShape, renderRow } from './row.ts'

export interface PrerenderedSettings {
  readonly calls: number
  /** Ceiling and default of a page; default 1000. */
  readonly pageSize?: number
  /** Starts are spread evenly over `[from, until)`, epoch milliseconds; default the 24 hours before now. */
  readonly from?: number
  readonly until?: number
  readonly order?: 'newest' | 'oldest'
  readonly seed?: number
  readonly port?: number
}

export interface Prerendered {
  readonly url: string
  readonly sid: string
  readonly apiKey: string
  readonly calls: number
  /** Bytes of all rows. */
  readonly bytes: number
  readonly from: number
  readonly until: number
  close(): Promise<void>
}

/** All rows as text, each followed by a comma; row `i` is `bytes[ends[i-1], ends[i])`. Order is that of the answers. */
interface Rendered {
  readonly bytes: Buffer
  readonly ends: Float64Array
  /** Whole seconds since 1970, ascending or descending like the rows. */
  readonly seconds: Uint32Array
}

const sid = 'HXAP1690000001IN'
const apiKey = 'A0123456789abcdef0123456789abcdef3'

export async function startPrerendered(settings: PrerenderedSettings): Promise<Prerendered> {
  const { calls, pageSize = 1000, until = Date.now(), from = until - 86_400_000, order = 'oldest', seed = 1, port = 0 } = settings
  const rendered = render(calls, from, until, order, new Dice(seed))
  const options = {
    ...usualOptions,
    styles: ['post-form', 'get-query', 'get-body'] as const,
    defaultLimit: pageSize,
    maxLimit: pageSize,
  }
  const server = createServer((request, response) => {
    // Rejects only when the client left in mid-request.
    answer(request, response, rendered, order, options).catch(() => response.destroy())
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sid,
    apiKey,
    calls,
    bytes: rendered.bytes.length,
    from,
    until,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function render(calls: number, from: number, until: number, order: 'newest' | 'oldest', dice: Dice): Rendered {
  const habits = { ...usualHabits, changeShare: 0, secondLegShare: 0, lateShare: 0 }
  const ends = new Float64Array(calls)
  const seconds = new Uint32Array(calls)
  let bytes = Buffer.allocUnsafe(Math.max(1024, calls * 420))
  let used = 0
  for (let i = 0; i < calls; i++) {
    const place = order === 'oldest' ? i : calls - 1 - i
    const second = Math.floor((from + ((until - from) * place) / calls) / 1000)
    const call = generateCall(dice, second * 1000, habits)[0] as SimulatedCall
    const text = `${JSON.stringify(renderRow(call, (call.versions[0] as CallVersion).facts, ioShape))},`
    if (used + text.length > bytes.length) bytes = Buffer.concat([bytes], Math.ceil(bytes.length * 1.5))
    used += bytes.write(text, used, 'latin1')
    ends[i] = used
    seconds[i] = second
  }
  return { bytes: bytes.subarray(0, used), ends, seconds }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  rows: Rendered,
  order: string,
  options: typeof usualOptions,
): Promise<void> {
  const body = await readBody(request)
  const url = new URL(request.url ?? '/', 'http://127.0.0.1')
  if (url.pathname !== `/v1/${sid}/voice/call-logs`) return void response.writeHead(404).end()
  const ask = readAsk(request.method ?? 'GET', url, request.headers, body, options)
  const nowMs = Date.now()
  const { from, until } = { from: ask.from ?? nowMs, until: ask.until ?? nowMs }
  const bad = request.headers['api-key'] !== apiKey ? incorrectKey : incorrectStart
  if (bad === incorrectKey || from === 'malformed' || until === 'malformed') return void sendJson(response, 200, bad)

  const [low, high] = rangeOf(rows.seconds, Math.ceil(from / 1000), Math.floor(until / 1000), order)
  const { first, count, echo } = sliceOf(ask, options)
  const begin = Math.min(high, low + first)
  const end = Math.min(high, begin + count)
  const head = '{"status":200,"code":"RBC103","message":"Request successfully executed!","data":['
  const tail = `],"error":{},"total":${high - low},"offset":${echo.offset},"limit":${echo.limit},"page":${echo.page}}`
  const startByte = begin === 0 ? 0 : (rows.ends[begin - 1] ?? 0)
  // Without the last row's comma.
  const page = end > begin ? rows.bytes.subarray(startByte, (rows.ends[end - 1] ?? 0) - 1) : Buffer.alloc(0)
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': head.length + page.length + tail.length })
  response.cork()
  response.write(head)
  if (page.length > 0) response.write(page)
  response.end(tail)
}

/** Rows whose start lies between two seconds, both included, as `[low, high)`. */
function rangeOf(seconds: Uint32Array, from: number, until: number, order: string): [number, number] {
  const firstWhere = (is: (second: number) => boolean): number => {
    let low = 0
    let high = seconds.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (is(seconds[middle] as number)) high = middle
      else low = middle + 1
    }
    return low
  }
  const [low, high] =
    order === 'oldest'
      ? [firstWhere(second => second >= from), firstWhere(second => second > until)]
      : [firstWhere(second => second <= until), firstWhere(second => second < from)]
  return [low, Math.max(low, high)]
}

if (import.meta.main) {
  const number = (text: string) => Number(text)
  const given = new Command('prerendered')
    .requiredOption('--calls <number>', 'rows to render', number)
    .option('--page-size <rows>', 'most rows a page', number, 1000)
    .option('--from <ms>', 'first start, epoch milliseconds', number)
    .option('--until <ms>', 'end of starts, epoch milliseconds', number)
    .option('--order <order>', 'oldest or newest first', 'oldest')
    .option('--seed <number>', 'seed', number, 1)
    .option('--port <number>', 'port, 0 for any free one', number, 0)
    .parse()
    .opts<PrerenderedSettings>()
  const prerendered = await startPrerendered(given)
  console.log(JSON.stringify(prerendered))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void prerendered.close())
}
