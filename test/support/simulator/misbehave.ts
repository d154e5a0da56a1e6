/** Answers a request with a fault, down to the socket. Bodies are as treacherous as they can be: an error that looks like an empty page, an error with rows. */
import type { ServerResponse } from 'node:http'
import { incorrectKey, incorrectStart, refusal } from './api.ts'
import { type Ask, sliceOf } from './ask.ts'
import type { FaultKind } from './faults.ts'
import type { SimulatorOptions } from './options.ts'

/** What a fault is an answer to. `honest` gives the body that the API would have sent in good health. */
export interface Asked {
  readonly ask: Ask
  readonly honest: () => unknown
  readonly origin: string
}

/** An answer that is whole on the wire, whatever it says. */
export interface Words {
  readonly status: number
  readonly type: string
  readonly text: string
  readonly location?: string
}

/** Resolves to the HTTP status sent, 0 when none was. */
export async function misbehave(
  kind: FaultKind,
  response: ServerResponse,
  asked: Asked,
  options: SimulatorOptions,
): Promise<number> {
  switch (kind) {
    case 'hang':
      // The socket stays open until somebody closes it.
      return 0
    case 'reset':
      // RST: the peer sees ECONNRESET, not an end.
      response.socket?.resetAndDestroy()
      return 0
    case 'truncate':
      return truncate(response, Buffer.from(JSON.stringify(asked.honest())))
    case 'oversize':
      return oversize(response, options.oversizeBytes)
    default: {
      const { status, type, text, location } = wordsOf(kind, asked, options)
      if (location !== undefined) response.setHeader('Location', location)
      return send(response, status, type, text)
    }
  }
}

/** Faults that only the wire can show. */
export type WireFault = 'hang' | 'reset' | 'truncate' | 'oversize'

/** What every other fault says. */
export function wordsOf(kind: Exclude<FaultKind, WireFault>, asked: Asked, options: SimulatorOptions): Words {
  const html = (status: number, text: string): Words => ({ status, type: 'text/html', text })
  const json = (status: number, body: unknown): Words => ({ status, type: 'application/json', text: JSON.stringify(body) })
  switch (kind) {
    case 'html':
      return html(200, '<!doctype html><title>Maintenance</title><p>We will be back soon.')
    case 'http500':
      return html(500, '<h1>Internal Server Error</h1>')
    case 'http503':
      return html(503, '<h1>Service Unavailable</h1>')
    case 'http429':
      return { status: 429, type: 'text/plain', text: 'Too Many Requests' }
    case 'redirect':
      return { ...html(302, '<a href="/elsewhere">Found</a>'), location: `${asked.origin}/elsewhere` }
    case 'rbc001':
      return json(options.authStatus, incorrectKey)
    case 'rbc3004':
      return json(options.badTimeStatus, incorrectStart)
    case 'empty200':
      // An honest empty page to whoever reads only the HTTP status, `status`, `data` and `total`.
      return json(200, { status: 200, ...incorrectKey, total: 0, ...sliceOf(asked.ask, options).echo })
    case 'error-with-data':
      return json(200, withError(asked.honest()))
    case 'garbage':
      return { status: 200, type: 'application/json', text: '{"status":200,"code":"RBC103","data":[{"call_id":"75\u0000,]}' }
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown): number {
  return send(response, status, 'application/json', JSON.stringify(body))
}

function send(response: ServerResponse, status: number, type: string, text: string): number {
  const bytes = Buffer.from(text)
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': bytes.length }).end(bytes)
  return status
}

/** The rows stay; the rest of the envelope says that they cannot be trusted. */
function withError(envelope: unknown): object {
  const { data, ...rest } = envelope as { data: unknown }
  return { ...rest, ...refusal('RBC5000', 'Internal error.'), data }
}

/** Promises the whole body, sends half of it, ends the connection. */
function truncate(response: ServerResponse, body: Buffer): number {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length })
  response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.socket?.end())
  return 200
}

/** Valid JSON with one endless string; stops as soon as the reader has had enough. */
async function oversize(response: ServerResponse, bytes: number): Promise<number> {
  const chunk = Buffer.alloc(65_536, 'a')
  const moved = (event: 'drain' | 'close') => new Promise<void>(resolve => response.once(event, resolve))
  const closed = moved('close')
  response.writeHead(200, { 'Content-Type': 'application/json' })
  response.write('{"status":200,"code":"RBC103","message":"","data":[{"call_id":"')
  for (let sent = 0; sent < bytes && !response.destroyed; sent += chunk.length) {
    if (!response.write(chunk)) await Promise.race([moved('drain'), closed])
  }
  if (!response.destroyed) response.end('"}],"error":{},"total":1}')
  return 200
}
