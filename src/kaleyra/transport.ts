/**
 * One HTTP exchange: a question to the account's call-log address in one of three styles, the whole answer within one deadline and one bound,
 * nothing judged.
 * undici's own timers are coarse, so an AbortSignal is the deadline for headers and body together. Redirects are never followed: the
 * key would go with them. HTTPS_PROXY and NO_PROXY are honoured by undici's agent; plain http (loopback) never goes through a proxy.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { type Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { ConnectorError } from '../errors.ts'
import type { RequestStyle } from '../model/dialect.ts'
import type { Clock } from '../ports.ts'
import { tooLarge, transportError } from './transport-errors.ts'

export interface TransportOptions {
  readonly sid: string
  readonly apiKey: string
  /** The key at the moment of a request, where it may change; else `apiKey`. */
  readonly keyNow?: () => string
  /** Scheme and host, `https://api.kaleyra.io`; a path on it is dropped. */
  readonly origin: string
  /** For the whole answer, headers and body, in milliseconds. */
  readonly timeoutMs: number
}

/** An answer as it came, before any verdict. */
export interface RawAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Our wall clock when the headers arrived, epoch milliseconds. */
  readonly receivedMs: number
}

/** The fields of a question and how they travel. */
export interface Question {
  readonly style: RequestStyle
  readonly fields: URLSearchParams
  /** For the header of this name; `null` leaves it out. */
  readonly limit: number | null
}

export interface Transport {
  /**
   * Asks. `onSent` is called when the request is written to a connection. Throws `API_UNAVAILABLE` (DNS, TLS, resets,
   * deadline), `API_MALFORMED` (not HTTP, a length that does not fit, compressed), `API_TOO_LARGE`, and `STOPPED` when `signal` aborts.
   */
  ask(question: Question, signal: AbortSignal, onSent: () => void): Promise<RawAnswer>
  /** Drops every connection; requests in flight fail with `STOPPED`. May be called twice. */
  close(): Promise<void>
}

/** A page of 100 rows is about 50 KB; whatever is this large is no page. */
export const MAX_BODY_BYTES = 32 * 1_024 * 1_024
const CONNECT_TIMEOUT_MS = 5_000

export function createTransport(options: TransportOptions, clock: Clock): Transport {
  const { apiKey, keyNow = () => apiKey, timeoutMs } = options
  const origin = new URL(options.origin)
  const url = new URL(`/v1/${encodeURIComponent(options.sid)}/voice/call-logs`, origin.origin)
  if (!/^[\x21-\x7e]+$/.test(apiKey) || options.sid === '') {
    throw new ConnectorError(
      'SETTINGS_INVALID',
      'sid and apiKey must not be empty, and apiKey must be printable ASCII without spaces',
    )
  }
  const agent = new EnvHttpProxyAgent({
    connections: 8,
    // Later than the deadline, which is exact; these only catch what it cannot reach.
    headersTimeout: timeoutMs + 5_000,
    bodyTimeout: timeoutMs + 5_000,
    connectTimeout: CONNECT_TIMEOUT_MS,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    keepAliveTimeout: 10_000,
    maxResponseSize: MAX_BODY_BYTES,
    allowH2: false,
    httpProxy: '',
  })

  async function exchange({ style, fields, limit }: Question, signal: AbortSignal, onSent: () => void): Promise<RawAnswer> {
    const text = fields.toString()
    const address = style === 'get-query' ? new URL(`?${text}`, url) : url
    const answer = await request(address, {
      method: style === 'post-form' ? 'POST' : 'GET',
      headers: {
        'api-key': keyNow(),
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
        'accept-encoding': 'identity',
        ...(limit !== null && { limit: String(limit) }),
      },
      // undici sends the Content-Length itself, for a GET too; node:http does not, and the server sees garbage.
      body: style === 'get-query' ? null : text,
      signal,
      dispatcher: agent.compose(tellingWhenSent(onSent)),
    })
    const receivedMs = clock.now()
    const encoding = answer.headers['content-encoding'] ?? 'identity'
    const refusal =
      Number(answer.headers['content-length'] ?? 0) > MAX_BODY_BYTES
        ? tooLarge(url.host)
        : encoding !== 'identity' && encoding !== ''
          ? new ConnectorError('API_MALFORMED', `${url.host} answered in an encoding that was not asked for`)
          : null
    if (refusal !== null) {
      // A body nobody reads still reports its own end as an error.
      answer.body.on('error', () => {}).destroy()
      throw refusal
    }
    const chunks: Buffer[] = []
    for await (const chunk of answer.body) chunks.push(chunk)
    return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks).toString('utf8'), receivedMs }
  }

  return {
    async ask(question, signal, onSent) {
      const deadline = AbortSignal.timeout(timeoutMs)
      const controller = new AbortController()
      const givenUp = Promise.withResolvers<never>()
      const abort = () => {
        controller.abort()
        givenUp.reject(new Error('given up'))
      }
      signal.addEventListener('abort', abort, { once: true })
      deadline.addEventListener('abort', abort, { once: true })
      try {
        if (signal.aborted) throw new ConnectorError('STOPPED', `the request to ${url.host} was stopped`)
        // undici hears the signal only once it is connected, which takes five seconds to fail where nobody finishes the handshake.
        return await Promise.race([exchange(question, controller.signal, onSent), givenUp.promise])
      } catch (error) {
        if (signal.aborted) throw new ConnectorError('STOPPED', `the request to ${url.host} was stopped`)
        if (deadline.aborted) {
          throw new ConnectorError('API_UNAVAILABLE', `${url.host} gave no complete answer within ${timeoutMs} ms`)
        }
        throw transportError(error, url.host)
      } finally {
        signal.removeEventListener('abort', abort)
        deadline.removeEventListener('abort', abort)
      }
    },
    async close() {
      await agent.destroy()
    },
  }
}

function tellingWhenSent(onSent: () => void): Dispatcher.DispatcherComposeInterceptor {
  return dispatch => (options, handler) =>
    dispatch(options, {
      onRequestStart(controller, context) {
        onSent()
        handler.onRequestStart?.(controller, context)
      },
      onRequestUpgrade: (...upgrade) => handler.onRequestUpgrade?.(...upgrade),
      onResponseStart: (...start) => handler.onResponseStart?.(...start),
      onResponseData: (...part) => handler.onResponseData?.(...part),
      onResponseEnd: (...end) => handler.onResponseEnd?.(...end),
      onResponseError: (...failure) => handler.onResponseError?.(...failure),
    })
}
