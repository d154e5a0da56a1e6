/** A real local HTTP server that answers as told, and a source in front of it on a virtual clock. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createKaleyraSource, type KaleyraSourceOptions } from '../../src/kaleyra/source.ts'
import type { Dialect } from '../../src/model/dialect.ts'
import type { Happening, Page } from '../../src/ports.ts'
import { usualDialect } from '../support/usual-dialect.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

export const SID = 'HXEP0123456789US'
export const API_KEY = 'Averysecretkey0123456789'
export const WINDOW = { fromMs: Date.UTC(2026, 0, 15, 10), untilMs: Date.UTC(2026, 0, 15, 11) }

/** As an earlier life may have found it: `total` is known to count everything, so one page with all of it is enough. */
export const countsAll: Dialect = usualDialect({
  style: 'post-form',
  limitIn: 'both',
  largestLimit: null,
  page: 'unknown',
  offset: 'unknown',
  instants: 'z',
})

export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly form: URLSearchParams
  /** Virtual time of arrival. */
  readonly atMs: number
}

export type Reply = (seen: Seen, response: ServerResponse, count: number) => void

export interface Api {
  readonly origin: string
  readonly seen: Seen[]
  readonly clock: VirtualClock
  close(): Promise<void>
}

/** `reply` answers each request; `count` is 1 for the first. */
export async function startApi(reply: Reply, clock = new VirtualClock()): Promise<Api> {
  const seen: Seen[] = []
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const one = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        form: new URLSearchParams(Buffer.concat(chunks).toString()),
        atMs: clock.monotonic(),
      }
      seen.push(one)
      response.sendDate = false
      response.setHeader('date', new Date(clock.now()).toUTCString())
      reply(one, response, seen.length)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    seen,
    clock,
    close: () =>
      new Promise(resolve => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

export function json(response: ServerResponse, body: unknown, status = 200, headers: Record<string, string> = {}): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers })
  response.end(text)
}

export function success(rows: readonly unknown[], more: Record<string, unknown> = {}): unknown {
  return {
    status: 200,
    code: 'RBC103',
    message: 'Request successfully executed!',
    data: rows,
    error: {},
    total: rows.length,
    limit: 100,
    page: 1,
    ...more,
  }
}

export const REJECTED_KEY = {
  code: 'RBC001',
  message: 'Incorrect SID or API key.',
  data: [],
  error: { error: 'Incorrect SID or API key.' },
}

export function row(index: number): Record<string, unknown> {
  return {
    id: `75abcdef-0000-4000-8000-${String(index).padStart(12, '0')}-1`,
    start_time: '2026-01-15T10:00:05Z',
    status: 'ANSWER',
  }
}

export function rows(from: number, until: number): Record<string, unknown>[] {
  return Array.from({ length: until - from }, (_, index) => row(from + index))
}

export function startSource(api: Api, more: Partial<KaleyraSourceOptions> = {}) {
  const notes: Happening[] = []
  const source = createKaleyraSource(
    {
      ...{
        sid: SID,
        apiKey: API_KEY,
        origin: api.origin,
        pageSize: 100,
        requestsPerSecond: 1,
        burst: 1,
        timeoutMs: 5_000,
        optIn: [],
      },
      ...more,
    },
    { clock: api.clock, random: () => 0.5, note: happening => notes.push(happening) },
  )
  return { source, notes }
}

/** Reads a whole window. */
export async function readAll(pages: AsyncIterable<Page>): Promise<Page[]> {
  const all: Page[] = []
  for await (const page of pages) all.push(page)
  return all
}

export const idsOf = (page: Page | undefined): string[] =>
  (page?.rows ?? []).map(({ call, bad }) => call?.call_id ?? bad?.callId ?? '?')
export const never = new AbortController().signal
