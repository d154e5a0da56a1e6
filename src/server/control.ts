/**
 * The control channel: who may talk to it may pause accounts, so it listens on a socket that only the owner can open, or over TCP for callers
 * who show a token. Answers an order only when it is durable, and within a deadline.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { ConnectorError } from '../errors.ts'
import type { Answer, Order } from '../model/order.ts'
import { instantIn } from '../model/window.ts'
import type { Clock } from '../ports.ts'
import { placeSocket } from './control-socket.ts'
import type { StatusReport } from './endpoints.ts'

export type ControlAddress =
  | {
      readonly kind: 'socket'
      readonly path: string /** Behind the path when another instance has it. */
      readonly suffix: string
    }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly token: string }

export interface ControlOptions {
  readonly address: ControlAddress
  readonly accounts: readonly string[]
  readonly status: () => StatusReport
  /** Resolves when the order is durable or refused, at the latest when the signal aborts. */
  readonly give: (account: string, order: Order, signal: AbortSignal) => Promise<Answer>
  readonly clock: Clock
  readonly log: { error(fields: object, message: string): void }
}

export interface Control {
  /** The path of the socket, or `http://host:port`. */
  readonly address: string
  /** Stops listening and cuts what is open. May be called twice. */
  close(): Promise<void>
}

/** A transaction may take long while brokers change; longer than this is told as `unknown`. */
export const ORDER_DEADLINE_MS = 20_000
const MAX_BODY_BYTES = 4_096
const MAX_CONNECTIONS = 16
const REQUEST_TIMEOUT_MS = 10_000

/**
 * Serves `GET /status`, and `POST /pause`, `/resume` and `/backfill` with `{account?, from, until}`, the last two for `/backfill` only: 200 when every
 * account concerned did it, 409 when one refused, 504 when an outcome is not known yet. Throws `PORT_UNAVAILABLE`.
 */
export async function startControl(options: ControlOptions): Promise<Control> {
  const { address, status, log } = options
  const app = fastify({ forceCloseConnections: true, requestTimeout: REQUEST_TIMEOUT_MS, bodyLimit: MAX_BODY_BYTES })
  app.server.maxConnections = MAX_CONNECTIONS
  if (address.kind === 'tcp') app.addHook('onRequest', tokenCheck(address.token))
  app.get('/status', async (_request, reply) => told(reply, 200, { version: 1, ...status() }))
  for (const kind of ['pause', 'resume', 'backfill'] as const)
    app.post(`/${kind}`, async (request, reply) => {
      const wanted = wantedIn(kind, request.body, options.accounts)
      if ('fault' in wanted) return told(reply, 400, { error: wanted.fault })
      return carryOut(options, wanted, reply)
    })
  app.setNotFoundHandler((_request, reply) =>
    told(reply, 404, { error: 'there are GET /status, POST /pause, POST /resume and POST /backfill' }),
  )
  app.setErrorHandler((error, request, reply) => {
    const code = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500
    if (code >= 400 && code < 500)
      return told(reply, code, { error: 'the request cannot be understood: JSON of at most 4 KB is taken' })
    const reason = error instanceof Error ? error.message : typeof error
    log.error({ event: 'control.failed', path: request.url.split('?', 1)[0], error: reason }, 'an order failed')
    return told(reply, 500, { error: 'internal error' })
  })
  return await listen(app, address)
}

async function listen(app: FastifyInstance, address: ControlAddress): Promise<Control> {
  try {
    if (address.kind === 'socket') {
      const { path, remove } = await placeSocket(address.path, address.suffix, at => app.listen({ path: at }))
      return { address: path, close: async () => void (await Promise.all([app.close(), remove()])) }
    }
    return { address: await app.listen({ host: address.host, port: address.port }), close: async () => void (await app.close()) }
  } catch (cause) {
    await app.close()
    if (cause instanceof ConnectorError) throw cause
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown reason'
    const where = address.kind === 'tcp' ? `${address.host}:${address.port}` : address.path
    throw new ConnectorError('PORT_UNAVAILABLE', `the control channel cannot listen on ${where} (${code}); set control.port`, {
      cause,
    })
  }
}

interface Wanted {
  readonly order: Order
  readonly accounts: readonly string[]
}

async function carryOut(
  { give, clock }: ControlOptions,
  { order, accounts }: Wanted,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const [deadline, answered] = [new AbortController(), new AbortController()]
  clock.sleep(ORDER_DEADLINE_MS, answered.signal).then(
    () => deadline.abort(),
    () => undefined,
  )
  const answers = await Promise.all(
    accounts.map(async account => ({ account, ...(await give(account, order, deadline.signal)) })),
  ).finally(() => answered.abort())
  const is = (outcome: Answer['outcome']) => answers.some(answer => answer.outcome === outcome)
  const code = is('unknown') ? 504 : is('refused') ? 409 : 200
  return told(reply, code, { version: 1, order: order.kind, accounts: answers })
}

/** What a body asks for, or what is wrong with it. */
function wantedIn(kind: Order['kind'], body: unknown, known: readonly string[]): Wanted | { readonly fault: string } {
  if (body !== undefined && body !== null && (typeof body !== 'object' || Array.isArray(body)))
    return { fault: 'a JSON object is taken' }
  const given: Readonly<Record<string, unknown>> = { ...body }
  const { account, from, until } = given
  const names = kind === 'backfill' ? ['account', 'from', 'until'] : ['account']
  if (Object.keys(given).some(name => !names.includes(name))) return { fault: `/${kind} takes ${names.join(', ')} only` }
  if (account !== undefined && !known.some(label => label === account))
    return { fault: `no such account; there are ${known.join(', ')}` }
  const accounts = known.filter(label => account === undefined || label === account)
  if (kind !== 'backfill') return { order: { kind }, accounts }
  const [fromMs, untilMs] = [instantIn(from), instantIn(until)]
  if (fromMs === null || untilMs === null) return { fault: 'from and until are instants in UTC, such as 2026-01-02T03:04:05Z' }
  return { order: { kind, window: { fromMs, untilMs } }, accounts }
}

/** Digests are compared, so that neither content nor length of the token can be learnt from the time it takes. */
function tokenCheck(token: string): (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply | undefined> {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const expected = digest(`Bearer ${token}`)
  return async (request, reply) => {
    if (timingSafeEqual(digest(request.headers.authorization ?? ''), expected)) return undefined
    return told(reply.header('www-authenticate', 'Bearer'), 401, { error: 'the token of control.token is required' })
  }
}

function told(reply: FastifyReply, status: number, body: object): FastifyReply {
  return reply.code(status).header('cache-control', 'no-store').send(body)
}
