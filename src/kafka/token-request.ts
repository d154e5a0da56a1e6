/**
 * One request for an access token: the client credentials grant of OAuth 2.0 (RFC 6749, section 4.4). The client proves itself in the
 * Authorization header, which every authorization server must understand (section 2.3.1). Redirects are never followed: the secret would
 * go with them. Whatever comes back is bounded, and of it only the server's own words about a refusal are ever shown.
 */
import { request as askHttp, Agent as HttpAgent, type IncomingMessage } from 'node:http'
import { request as askHttps, Agent as HttpsAgent } from 'node:https'
import { ConnectorError } from '../errors.ts'
import type { Clock } from '../ports.ts'

/** As the settings name them. */
export interface TokenLogin {
  /** https, or http on this machine; without credentials, query and fragment. */
  readonly tokenEndpoint: string
  readonly clientId: string
  readonly clientSecret: string
  readonly scope?: string
}

export interface AccessToken {
  readonly value: string
  /** From when it was asked for, in milliseconds; 0 when the server does not say. */
  readonly lifetimeMs: number
}

export interface TokenRequest {
  readonly login: TokenLogin
  readonly clock: Clock
  /** HTTPS_PROXY, HTTP_PROXY and NO_PROXY, where they are to be honoured. */
  readonly proxyEnv?: Readonly<Record<string, string | undefined>>
}

interface Answer {
  readonly status: number
  readonly body: string
}

/** For the whole answer. Below what a consumer group waits for its members. */
const DEADLINE_MS = 8_000
const MAX_BODY_BYTES = 65_536
const MAX_REASON_CHARACTERS = 300
/** What may stand in an Authorization header (RFC 6750), and all that Kafka takes. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/
const CHECK = 'check kafka.sasl.tokenEndpoint'

/**
 * Asks once. Throws `KAFKA_UNAUTHORIZED` when the server refuses (credentials, scope, address), and `KAFKA_UNREACHABLE` when it cannot be
 * reached, has no time for us, or answers with no token within eight seconds and 64 KB. Messages name the endpoint, never a secret.
 */
export async function requestToken({ login, clock, proxyEnv }: TokenRequest): Promise<AccessToken> {
  const url = new URL(login.tokenEndpoint)
  const isHttps = url.protocol === 'https:'
  const proxy = proxyEnv === undefined ? {} : { proxyEnv: { ...proxyEnv } }
  const agent = isHttps ? new HttpsAgent(proxy) : new HttpAgent(proxy)
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    ...(login.scope !== undefined && { scope: login.scope }),
  }).toString()
  const headers = {
    authorization: `Basic ${basicOf(login)}`,
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': Buffer.byteLength(body),
    accept: 'application/json',
  }
  const over = new AbortController()
  const answered = Promise.withResolvers<IncomingMessage>()
  const asking = (isHttps ? askHttps : askHttp)(url, { method: 'POST', headers, agent }, answered.resolve)
  asking.on('error', answered.reject).end(body)
  const exchange = async (): Promise<Answer> => {
    const response = await answered.promise
    return { status: response.statusCode ?? 0, body: await bodyOf(response, login) }
  }
  const deadline = async (): Promise<never> => {
    await clock.sleep(DEADLINE_MS, over.signal)
    throw unavailable(login, `gave no complete answer within ${DEADLINE_MS / 1_000} s`)
  }
  const [running, late] = [exchange(), deadline()]
  try {
    return tokenIn(await Promise.race([running, late]), login)
  } catch (error) {
    if (error instanceof ConnectorError) throw error
    throw unavailable(login, `could not be reached: ${reasonOf(error)}`, error)
  } finally {
    for (const loser of [running, late]) loser.catch(() => undefined)
    over.abort()
    asking.destroy()
    agent.destroy()
  }
}

/** Id and secret are encoded as in a form before they are joined, so that a colon in one of them does no harm. */
function basicOf({ clientId, clientSecret }: TokenLogin): string {
  return Buffer.from(`${formEncoded(clientId)}:${formEncoded(clientSecret)}`).toString('base64')
}

/** Leaves `~` and the like alone, as a form allows: servers that forget to decode get the most common secrets right all the same. */
function formEncoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll('%20', '+')
}

async function bodyOf(response: IncomingMessage, login: TokenLogin): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) throw unavailable(login, `answered with more than ${MAX_BODY_BYTES / 1_024} KB`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function tokenIn({ status, body }: Answer, login: TokenLogin): AccessToken {
  const fields = fieldsOf(body)
  if (status === 429 || status === 408 || status >= 500) throw unavailable(login, `answered ${status}${saidIn(fields, login)}`)
  if (status >= 300 && status < 400) {
    const text = 'redirects to another address, to which no secret is sent; set kafka.sasl.tokenEndpoint to the final one'
    throw refused(login, `${text} (${status})`)
  }
  if (status !== 200) {
    const what = fields.has('error') ? 'check clientId, clientSecret and scope in kafka.sasl' : CHECK
    throw refused(login, `answered ${status}${saidIn(fields, login)}; ${what}`)
  }
  const value = fields.get('access_token')
  if (typeof value !== 'string') throw unavailable(login, 'answered without an access token')
  const kind = fields.get('token_type') ?? 'bearer'
  if (String(kind).toLowerCase() !== 'bearer') throw refused(login, `gives no bearer tokens; ${CHECK}`)
  if (!TOKEN.test(value)) throw refused(login, `gave a token with characters that Kafka does not take; ${CHECK}`)
  return { value, lifetimeMs: lifetimeIn(fields) }
}

/** Some servers write the number as text. */
function lifetimeIn(fields: ReadonlyMap<string, unknown>): number {
  const seconds = Number(fields.get('expires_in') ?? 0)
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : 0
}

function fieldsOf(body: string): ReadonlyMap<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(body)
    return new Map(Object.entries(typeof parsed === 'object' && parsed !== null ? parsed : {}))
  } catch {
    return new Map()
  }
}

/** ` (invalid_client: the server's words)`, without our secret should the server repeat it. */
function saidIn(fields: ReadonlyMap<string, unknown>, login: TokenLogin): string {
  const words = [fields.get('error'), fields.get('error_description')].filter(word => typeof word === 'string')
  if (words.length === 0) return ''
  const secrets = [basicOf(login), formEncoded(login.clientSecret), login.clientSecret]
  const clean = secrets.reduce((text, secret) => text.replaceAll(secret, '***'), words.join(': '))
  return ` (${clean.replaceAll(/[^\x21-\x7e]+/g, ' ').slice(0, MAX_REASON_CHARACTERS)})`
}

function refused({ tokenEndpoint }: TokenLogin, what: string): ConnectorError {
  return new ConnectorError('KAFKA_UNAUTHORIZED', `the token endpoint ${tokenEndpoint} ${what}`)
}

function unavailable({ tokenEndpoint }: TokenLogin, what: string, cause?: unknown): ConnectorError {
  return new ConnectorError(
    'KAFKA_UNREACHABLE',
    `the token endpoint ${tokenEndpoint} ${what}; ${CHECK}, the server and the network`,
    {
      cause,
    },
  )
}

/** Node's code for what went wrong. */
function reasonOf(error: unknown): string {
  const first = error instanceof AggregateError ? error.errors[0] : error
  if (!(first instanceof Error)) return 'unknown reason'
  const code = 'code' in first ? String(first.code) : ''
  if (/SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)/.test(code))
    return `nobody this machine trusts vouches for its certificate; name the authority with NODE_EXTRA_CA_CERTS, if it is the right one (${code})`
  return code === '' ? first.message : code
}
