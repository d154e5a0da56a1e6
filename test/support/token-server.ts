/**
 * An authorization server for tests: the client credentials grant over real HTTP or HTTPS, and tokens that are signed (ES256), so that Kafka's
 * own validator can judge them by the public key.
 */
import { generateKeyPairSync, sign } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Certificate } from './certificates.ts'

export interface TokenAsked {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly form: Readonly<Record<string, string>>
}

export interface TokenServer extends AsyncDisposable {
  /** Where tokens are asked for. */
  readonly tokenEndpoint: string
  /** Every request, in order. */
  readonly asked: readonly TokenAsked[]
  /** Every token that was given. */
  readonly given: readonly string[]
  clientSecret: string
  /** Of the tokens, in seconds. */
  lifetimeS: number
  /** Of the tokens; what Kafka expects unless a test says otherwise. */
  audience: string
  /** Answers in its place until it is taken away. */
  instead: ((response: ServerResponse) => void) | null
}

export const CLIENT_ID = 'connector of: the tests'
export const AUDIENCE = 'kafka-under-test'
const kid = 'key-of-the-tests'

export interface SigningKey {
  /** The public half, as a JSON Web Key Set. */
  readonly jwks: string
  sign(claims: object): string
}

export function signingKey(): SigningKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return {
    jwks: JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' }] }),
    sign(claims) {
      const text = `${part({ alg: 'ES256', typ: 'JWT', kid })}.${part(claims)}`
      const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' })
      return `${text}.${signature.toString('base64url')}`
    },
  }
}

export interface TokenServerOptions {
  readonly clientSecret: string
  readonly key?: SigningKey
  readonly lifetimeS?: number
  /** Speaks TLS with it. */
  readonly certificate?: Certificate
}

export async function startTokenServer(options: TokenServerOptions): Promise<TokenServer> {
  const { key = signingKey(), certificate } = options
  const asked: TokenAsked[] = []
  const given: string[] = []
  const answer: RequestListener = async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const { method = '', url = '', headers } = request
    asked.push({ method, path: url, headers, form: Object.fromEntries(new URLSearchParams(body)) })
    if (server.instead !== null) return server.instead(response)
    if (headers.authorization !== basic(CLIENT_ID, server.clientSecret))
      return answerJson(response, 401, { error: 'invalid_client', error_description: 'Client authentication failed' })
    const iat = Math.floor(Date.now() / 1_000)
    const exp = iat + server.lifetimeS
    const value = key.sign({
      iss: 'tests',
      sub: CLIENT_ID,
      aud: server.audience,
      scope: 'kafka',
      jti: String(given.length),
      iat,
      exp,
    })
    given.push(value)
    answerJson(response, 200, { access_token: value, token_type: 'Bearer', expires_in: server.lifetimeS })
  }
  const http = certificate === undefined ? createServer(answer) : createTlsServer(certificate, answer)
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as AddressInfo
  const server: TokenServer = {
    tokenEndpoint: `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${port}/realms/tests/token`,
    asked,
    given,
    clientSecret: options.clientSecret,
    lifetimeS: options.lifetimeS ?? 3_600,
    audience: AUDIENCE,
    instead: null,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections()
      await new Promise(resolve => http.close(resolve))
    },
  }
  return server
}

export function answerJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

/** As RFC 6749 writes it: both halves encoded as in a form. */
function basic(id: string, secret: string): string {
  const encoded = [id, secret].map(text => encodeURIComponent(text).replaceAll('%20', '+'))
  return `Basic ${Buffer.from(encoded.join(':')).toString('base64')}`
}
