/**
 * What monitoring and orchestration ask over HTTP. Read-only, no knowledge of its own: everything shown comes from functions it is given.
 * `/live` looks at nothing remote, because restarting us heals no other system.
 */
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { ConnectorError } from '../errors.ts'

export interface EndpointsOptions {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** The metrics page; may take as long as the client waits. */
  readonly metricsText: () => Promise<string>
  readonly contentType: string
  readonly ready: () => boolean
  readonly status: () => StatusReport
  readonly log: { error(fields: object, message: string): void }
}

/** What `/status` shows, next to `version: 1`. Must be plain JSON. */
export interface StatusReport {
  readonly name: string
  readonly build: string
  readonly state: string
  /** When this was true, by our clock. */
  readonly at?: string
  readonly accounts: readonly Readonly<Record<string, unknown>>[]
}

export interface Endpoints {
  /** Where it really listens, `http://127.0.0.1:9464`. */
  readonly address: string
  /** Stops listening and cuts what is still open, waiting for nobody. May be called twice. */
  close(): Promise<void>
}

const PATHS = ['/metrics', '/live', '/ready', '/status']
const MAX_CONNECTIONS = 64
const REQUEST_TIMEOUT_MS = 10_000

/**
 * Serves GET and HEAD of `/metrics`, `/live`, `/ready` (200, else 503) and `/status` (JSON, `version` 1). Other methods get 405, other
 * paths 404. Throws `PORT_UNAVAILABLE` when it cannot listen.
 */
export async function startEndpoints(options: EndpointsOptions): Promise<Endpoints> {
  const { host, port, metricsText, contentType, ready, status, log } = options
  // Close cuts every connection, so that neither a scraper that keeps alive nor one that never reads delays a stop.
  const app = fastify({ forceCloseConnections: true, requestTimeout: REQUEST_TIMEOUT_MS, bodyLimit: 1024 })
  app.server.maxConnections = MAX_CONNECTIONS

  app.addHook('onRequest', refuseOtherMethods)
  app.get('/metrics', async (_request, reply) => reply.type(contentType).send(await metricsText()))
  app.get('/live', async (_request, reply) => text(reply, 200, 'live'))
  app.get('/ready', async (_request, reply) => (ready() ? text(reply, 200, 'ready') : text(reply, 503, 'not ready')))
  app.get('/status', async (_request, reply) => reply.header('cache-control', 'no-store').send({ version: 1, ...status() }))
  app.setNotFoundHandler((_request, reply) => text(reply, 404, `not found; there are ${PATHS.join(' ')}`))
  app.setErrorHandler((error, request, reply) => {
    log.error(
      { event: 'endpoint.failed', path: pathOf(request), error: error instanceof Error ? error.message : typeof error },
      'an endpoint failed',
    )
    return text(reply, 500, 'internal error')
  })

  try {
    const address = await app.listen({ host, port })
    return { address, close: () => app.close() }
  } catch (cause) {
    await app.close()
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown reason'
    throw new ConnectorError('PORT_UNAVAILABLE', `cannot listen on ${host}:${port} (${code}): ${remedyOf(code)}`, { cause })
  }
}

async function refuseOtherMethods(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
  if (request.method === 'GET' || request.method === 'HEAD' || !PATHS.includes(pathOf(request))) return undefined
  return text(reply.header('allow', 'GET, HEAD'), 405, 'read-only: GET or HEAD')
}

function text(reply: FastifyReply, status: number, line: string): FastifyReply {
  return reply.code(status).type('text/plain; charset=utf-8').header('cache-control', 'no-store').send(`${line}\n`)
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? ''
}

function remedyOf(code: string): string {
  if (code === 'EADDRINUSE') return 'another program listens there; stop it, choose another http.port, or 0 for any free one'
  if (code === 'EACCES') return 'ports below 1024 need a right of the system; choose a higher http.port'
  return 'http.host must be an address of this machine, 127.0.0.1 or 0.0.0.0 for instance'
}
