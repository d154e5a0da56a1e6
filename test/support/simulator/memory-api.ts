/**
 * The simulated API without HTTP, in virtual time: the same reading of questions, faults, limits and answers as the server's, behind the
 * connector's own `Transport`. Every process has a line of its own, which knows what that process was told, so that a test can hold it to that.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { ConnectorError } from '../../../src/errors.ts'
import type { Question, RawAnswer, Transport } from '../../../src/kaleyra/transport.ts'
import type { Clock, Source } from '../../../src/ports.ts'
import { CallLogApi, within } from './api.ts'
import { type Ask, readAsk, sliceOf } from './ask.ts'
import type { SimulatedCall } from './call.ts'
import type { Dice } from './dice.ts'
import { type DueFault, FaultPlan, type ScriptedFault } from './faults.ts'
import { Limiter } from './limiter.ts'
import { type WireFault, wordsOf } from './misbehave.ts'
import { type SimulatorOptions, usualOptions } from './options.ts'
import { RequestBook } from './requests.ts'
import type { World } from './world.ts'

export interface MemoryApiSettings {
  readonly world: World
  readonly dice: Dice
  readonly options: Partial<SimulatorOptions>
}

/** The API of one account. */
export class MemoryApi {
  readonly world: World
  readonly options: SimulatorOptions
  private readonly api: CallLogApi
  private readonly limiter = new Limiter()
  private readonly faults: FaultPlan
  private turns = 0

  constructor({ world, dice, options }: MemoryApiSettings) {
    this.world = world
    this.options = { ...structuredClone(usualOptions), ...options }
    this.faults = new FaultPlan(dice.fork('faults'))
    this.api = new CallLogApi(world, this.options, dice.fork('shuffles'))
  }

  /** Scripts a fault for the next requests, behind those scripted before. */
  next(fault: ScriptedFault): void {
    this.faults.add(fault)
  }

  clearFaults(): void {
    this.faults.clear()
    this.options.faultShares = {}
  }

  /** As the request arrives. `without` are calls that this answer must not know of. */
  serve(ask: Ask, without: ReadonlySet<SimulatedCall>): Served {
    const { options, world } = this
    const nowMs = world.now()
    this.turns += 1
    const waitSeconds = this.limiter.refusal(nowMs, options)
    const fault: DueFault | null =
      waitSeconds === null ? this.faults.due(options.faultShares) : { kind: 'http429', retryAfterSeconds: waitSeconds }
    const headers: IncomingHttpHeaders = { date: new Date(nowMs + options.skewMs).toUTCString() }
    for (const [name, value] of Object.entries(this.limiter.headers(options))) headers[name.toLowerCase()] = value
    const honest = () => this.api.answer(ask, 'known', nowMs, this.turns, without)
    if (fault === null) {
      const { status, body } = honest()
      return { fault, headers, untilMs: 0, words: { status, text: JSON.stringify(body) } }
    }
    const untilMs = fault.retryAfterSeconds === null ? 0 : this.promise(headers, fault.retryAfterSeconds, nowMs)
    const { kind } = fault
    if (kind === 'hang' || kind === 'reset' || kind === 'truncate' || kind === 'oversize')
      return { fault, headers, untilMs: 0, words: null }
    return { fault, headers, untilMs, words: wordsOf(kind, { ask, honest: () => honest().body, origin: 'http://api' }, options) }
  }

  /** Writes Retry-After; until when its reader must stay away, epoch milliseconds. */
  private promise(headers: IncomingHttpHeaders, seconds: number, nowMs: number): number {
    const { retryAfter, skewMs } = this.options
    if (retryAfter === 'absent') return 0
    const untilMs = retryAfter === 'date' ? Math.ceil((nowMs + seconds * 1_000) / 1_000) * 1_000 : nowMs + seconds * 1_000
    headers['retry-after'] = retryAfter === 'date' ? new Date(untilMs + skewMs).toUTCString() : String(seconds)
    return untilMs
  }
}

interface Served {
  readonly fault: DueFault | null
  readonly headers: IncomingHttpHeaders
  readonly untilMs: number
  /** `null` when there is no whole answer. */
  readonly words: { readonly status: number; readonly text: string } | null
}

export interface LineSettings {
  readonly api: MemoryApi
  /** That of the process. */
  readonly clock: Clock
  readonly timeoutMs: number
  readonly latencyMs: () => number
  /** Whether a row leaves page 1 of this read just as another one comes, behind it, so that a row between them slides past the reader. */
  readonly slides: () => boolean
  readonly note: (line: () => string) => void
}

/** What wire faults look like to whoever asked. */
const WIRE_FAULTS = {
  hang: ['API_UNAVAILABLE', 'no complete answer in time'],
  reset: ['API_UNAVAILABLE', 'connection reset'],
  truncate: ['API_MALFORMED', 'a body of another length than announced'],
  oversize: ['API_TOO_LARGE', 'more than 32 MiB'],
} as const

/** One process's way to the API. */
export class Line implements Transport {
  readonly book = new RequestBook()
  /** Until when this process must not ask, epoch milliseconds: it was told, or it has read in the ledger what another one was told. */
  quietUntilMs = 0
  private readonly settings: LineSettings
  private slide: Slide | null = null
  private maySlide = true

  constructor(settings: LineSettings) {
    this.settings = settings
  }

  /** The same source, whose reads this line tells from its other questions. */
  watch(source: Source): Source {
    const line = this
    return {
      ...source,
      async *read(window, signal) {
        // Never twice in a row: a row that comes and goes at every read hides others for ever.
        line.slide = line.maySlide && line.settings.slides() ? { came: null, left: null, hasLeft: false } : null
        line.maySlide = line.slide === null
        try {
          yield* source.read(window, signal)
        } finally {
          line.slide = null
        }
      },
    }
  }

  async ask(question: Question, signal: AbortSignal, onSent: () => void): Promise<RawAnswer> {
    const { api, clock, timeoutMs, latencyMs, note } = this.settings
    await clock.sleep(latencyMs(), signal)
    onSent()
    const nowMs = api.world.now()
    const ask = this.readQuestion(question)
    const entry = this.book.note(nowMs, ask, null)
    if (nowMs < this.quietUntilMs) this.book.counts.early += 1
    const { fault, headers, untilMs, words } = api.serve(ask, this.sliding(ask, nowMs))
    entry.status = words?.status ?? 0
    note(() => `asks ${ask.from} ${ask.until} page ${ask.page} offset ${ask.offset}: ${fault?.kind ?? words?.text.length}`)
    await clock.sleep(fault?.kind === 'hang' ? timeoutMs : latencyMs(), signal)
    this.quietUntilMs = Math.max(this.quietUntilMs, untilMs)
    if (words === null) {
      const [code, message] = WIRE_FAULTS[(fault as DueFault).kind as WireFault]
      throw new ConnectorError(code, message)
    }
    return { status: words.status, headers, body: words.text, receivedMs: clock.now() }
  }

  async close(): Promise<void> {}

  private readQuestion({ style, fields, limit }: Question): Ask {
    const text = fields.toString()
    const url = new URL(style === 'get-query' ? `http://api/?${text}` : 'http://api/')
    const headers = { 'content-type': 'application/x-www-form-urlencoded', ...(limit !== null && { limit: String(limit) }) }
    const method = style === 'post-form' ? 'POST' : 'GET'
    return readAsk(method, url, headers, style === 'get-query' ? '' : text, this.settings.api.options)
  }

  /** What this answer does not know of, while a row slides past. */
  private sliding(ask: Ask, nowMs: number): ReadonlySet<SimulatedCall> {
    const { slide } = this
    const { from, until } = ask
    if (slide === null || typeof from !== 'number' || typeof until !== 'number') return NOBODY
    const isFirst = (ask.page ?? 1) === 1 && (ask.offset ?? 0) === 0
    const { world, options } = this.settings.api
    if (slide.came === null || slide.left === null) {
      const there = this.inOrder(world.select(within(from, until, options), nowMs))
      // A single page would be all there is without the row that is still to come.
      if (!isFirst || there.length < sliceOf(ask, options).count + 2) return NOBODY
      ;[slide.left = null, slide.came = null] = [there[0], there.at(-1)]
    } else if (!isFirst) slide.hasLeft = true
    const absent = slide.hasLeft ? slide.left : slide.came
    return absent === null ? NOBODY : new Set([absent])
  }

  /** As pages show them; none where every answer has an order of its own. */
  private inOrder(calls: SimulatedCall[]): SimulatedCall[] {
    const { order } = this.settings.api.options
    if (order === 'shuffled') return []
    if (order === 'by-id') return calls.sort((a, b) => a.rank - b.rank)
    return order === 'newest' ? calls.reverse() : calls
  }
}

const NOBODY: ReadonlySet<SimulatedCall> = new Set()

/** Within one read. */
interface Slide {
  /** The row that is not there yet when page 1 is asked for; `null` until then. */
  came: SimulatedCall | null
  /** The row that is not there any more from page 2 on. */
  left: SimulatedCall | null
  hasLeft: boolean
}
