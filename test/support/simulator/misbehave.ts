/** Answers a request with a fault, down to the socket. Bodies are as treacherous as they can be: an error that looks like an empty page, an error with rows. */
import type { ServerResponse } from 'node:http'
import { incorrectKey, incorrectStart, refusal } from './api.ts'
import { type Ask, sliceOf } from './ask.ts'
import type { FaultKind } from './faults.ts'
import type { SimulatorOptions } from './options.ts'

/** Resolves to the HTTP status sent, 0 when none was. `honest` gives the body that the API would have sent in good health. */
export async function misbehave(
  kind: FaultKind,
  response: ServerResponse,
  asked: { readonly ask: Ask; readonly honest: () => unknown; readonly origin: string },
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
    case 'html':
      return send(response, 200, 'text/html', '<!doctype html><title>Maintenance</title><p>We will be back soon.')
    case 'http500':
      return send(response, 500, 'text/html', '<h1>Internal Server Error</h1>')
    case 'http503':
      return send(response, 503, 'text/html', '<h1>Service Unavailable</h1>')
    case 'http429':
      return send(response, 429, 'text/plain', 'Too Many Requests')
    case 'redirect':
      response.setHeader('Location', `${asked.origin}/elsewhere`)
      return send(response, 302, 'text/html', '<a href="/elsewhere">Found</a>')
    case 'rbc001':
      return sendJson(response, options.authStatus, incorrectKey)
    case 'rbc3004':
      return sendJson(response, options.badTimeStatus, incorrectStart)
    case 'empty200':
      // An honest empty page to whoever reads only the HTTP status, `status`, `data` and `total`.
      return sendJson(response, 200, { status: 200, ...incorrectKey, total: 0, ...sliceOf(asked.ask, options).echo })
    case 'error-with-data':
      return sendJson(response, 200, withError(asked.honest()))
    case 'garbage':
      return send(response, 200, 'application/json', '{"status":200,"code":"RBC103","data":[{"call_id":"75\u0000,]}')
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
