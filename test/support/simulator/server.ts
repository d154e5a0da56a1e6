/**
 * The Call Log Pull API of the vendor's page on a real local HTTP server, backed by a world that knows the truth. What the page leaves open is
 * an option, what can go wrong is a fault, and every request is kept, so that a test can say afterwards what the client did.
 *
 *   request ─▶ limiter ─▶ fault? ─▶ key and SID ─▶ times ─▶ select ─▶ slice ─▶ envelope
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CallLogApi } from './api.ts'
import { readAsk, readBody } from './ask.ts'
import { Dice } from './dice.ts'
import { type DueFault, FaultPlan, type ScriptedFault } from './faults.ts'
import { Limiter } from './limiter.ts'
import { misbehave, sendJson } from './misbehave.ts'
import { changeOptions, type SimulatorOptions, usualOptions } from './options.ts'
import { RequestBook } from './requests.ts'
import { testimonyOf } from './truth.ts'
import { World, type WorldSettings } from './world.ts'

export interface SimulatorSettings {
  /** A world made before, or what to make one from. */
  readonly world: World | WorldSettings
  /** Seeds faults and shuffles; default 1. */
  readonly seed?: number
  readonly options?: Partial<SimulatorOptions>
  /** Default 0, any free port. */
  readonly port?: number
  /** Default 127.0.0.1; in a container 0.0.0.0. */
  readonly host?: string
  readonly sid?: string
  readonly apiKey?: string
}

export class Simulator {
  readonly world: World
  readonly options: SimulatorOptions
  readonly sid: string
  readonly apiKey: string
  readonly book = new RequestBook()
  private readonly faults: FaultPlan
  private readonly api: CallLogApi
  private readonly limiter = new Limiter()
  private restsFromMs = Number.POSITIVE_INFINITY
  // A rejection here is a mistake in the simulator or in a test's rewrite: unhandled on purpose, so that it ends the run.
  private readonly server = createServer((request, response) => void this.serve(request, response))

  constructor(settings: SimulatorSettings) {
    const dice = new Dice(settings.seed ?? 1)
    this.world = settings.world instanceof World ? settings.world : new World(settings.world)
    this.options = { ...structuredClone(usualOptions), ...settings.options }
    this.sid = settings.sid ?? 'HXAP1690000001IN'
    this.apiKey = settings.apiKey ?? 'A0123456789abcdef0123456789abcdef3'
    this.faults = new FaultPlan(dice.fork('faults'))
    this.api = new CallLogApi(this.world, this.options, dice.fork('shuffles'))
    this.server.keepAliveTimeout = 60_000
  }

  /** The origin, `http://127.0.0.1:8090`. */
  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  get path(): string {
    return `/v1/${this.sid}/voice/call-logs`
  }

  /** The newest 100,000 requests, oldest first. */
  get requests() {
    return this.book.requests
  }

  /** Scripts a fault for the next requests, behind those scripted before. */
  next(fault: ScriptedFault): void {
    this.faults.add(fault)
  }

  /** Scripted faults that have not happened yet. */
  get pendingFaults(): number {
    return this.faults.pending
  }

  clearFaults(): void {
    this.faults.clear()
    this.options.faultShares = {}
  }

  /** From now on nothing is shown that was not shown by now: what is read can be compared with what was read. */
  rest(): number {
    this.restsFromMs = this.world.now()
    return this.restsFromMs
  }

  listen(port: number, host = '127.0.0.1'): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject)
      this.server.listen(port, host, resolve)
    })
  }

  /** Cuts every connection, hanging ones too. May be called twice. */
  close(): Promise<void> {
    return new Promise(resolve => {
      this.server.close(() => resolve())
      this.server.closeAllConnections()
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Counts for people and for tests in other processes. */
  status() {
    const truth = this.world.truthAt()
    return {
      now: truth.atMs,
      calls: this.world.calls.length,
      visible: truth.calls.length,
      versions: truth.calls.reduce((sum, call) => sum + call.versions.length, 0),
      badRows: truth.badRows.length,
      ...this.book.counts,
    }
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request).catch(() => null)
    // The client left in mid-request.
    if (body === null) return
    const { world, options, book } = this
    const nowMs = world.now()
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    response.sendDate = false
    response.setHeader('Date', new Date(nowMs + options.skewMs).toUTCString())
    const owner = /^\/v1\/([^/]+)\/voice\/call-logs$/.exec(url.pathname)?.[1]
    if (owner === undefined) return this.serveAside(url.pathname, request, response, body)

    const ask = readAsk(request.method ?? 'GET', url, request.headers, body, options)
    const waitSeconds = this.limiter.refusal(nowMs, options)
    const fault: DueFault | null =
      waitSeconds === null ? this.faults.due(options.faultShares) : { kind: 'http429', retryAfterSeconds: waitSeconds }
    const entry = book.note(nowMs, ask, waitSeconds === null ? (fault?.kind ?? null) : null)
    for (const [name, value] of Object.entries(this.limiter.headers(options))) response.setHeader(name, value)
    const key = owner === this.sid && request.headers['api-key'] === this.apiKey ? 'known' : 'unknown'
    const honest = () => this.api.answer(ask, key, Math.min(nowMs, this.restsFromMs), book.counts.requests)
    if (fault !== null) {
      if (fault.retryAfterSeconds !== null) this.promiseRetry(response, fault.retryAfterSeconds, nowMs)
      entry.status = await misbehave(fault.kind, response, { ask, honest: () => honest().body, origin: this.url }, options)
      return
    }
    const answer = honest()
    entry.status = answer.status
    entry.rows = answer.rows
    book.counts.rowsServed += answer.rows
    sendJson(response, answer.status, answer.body)
  }

  /** Everything that is not the API. */
  private serveAside(path: string, request: IncomingMessage, response: ServerResponse, body: string): void {
    if (path === '/__truth') return void sendJson(response, 200, this.status())
    if (path === '/__truth/calls') return void sendJson(response, 200, testimonyOf(this.world.truthAt()))
    if (path === '/__options' && request.method === 'POST') {
      try {
        changeOptions(this.options, JSON.parse(body))
        sendJson(response, 200, this.options)
      } catch (error) {
        sendJson(response, 400, { message: error instanceof Error ? error.message : 'not understood' })
      }
      return
    }
    this.book.noteStray(path, request.headers['api-key'] !== undefined)
    sendJson(response, 404, { message: 'Not Found' })
  }

  /** Also remembers the promise: a request before its end is counted as `early`. */
  private promiseRetry(response: ServerResponse, seconds: number, nowMs: number): void {
    if (this.options.retryAfter === 'absent') return
    // An HTTP date has no fraction: rounded up, so that it never says earlier than the limiter means.
    const untilMs = Math.ceil((nowMs + seconds * 1000) / 1000) * 1000
    const asDate = this.options.retryAfter === 'date'
    this.book.promise(asDate ? untilMs : nowMs + seconds * 1000)
    response.setHeader('Retry-After', asDate ? new Date(untilMs + this.options.skewMs).toUTCString() : String(seconds))
  }
}

/** Starts listening, on loopback unless told otherwise; the caller closes it. */
export async function startSimulator(settings: SimulatorSettings): Promise<Simulator> {
  const simulator = new Simulator(settings)
  await simulator.listen(settings.port ?? 0, settings.host)
  return simulator
}
