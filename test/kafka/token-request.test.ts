import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { ConnectorError } from '../../src/errors.ts'
import { requestToken } from '../../src/kafka/token-request.ts'
import { certificate } from '../support/certificates.ts'
import { freePort } from '../support/platform/free-port.ts'
import { until } from '../support/platform/until.ts'
import { answerJson, CLIENT_ID, startTokenServer, type TokenServer } from '../support/token-server.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const SECRET = 'a secret: 100% of+it~/ä'
const clientId = CLIENT_ID

const servers: TokenServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]()
})

async function start(instead: ((response: ServerResponse) => void) | null = null): Promise<TokenServer> {
  const server = await startTokenServer({ clientSecret: SECRET })
  server.instead = instead
  servers.push(server)
  return server
}

/** Time stands still: only what a server does decides. */
const ask = (
  { tokenEndpoint }: { readonly tokenEndpoint: string },
  scope?: string,
  clock = new VirtualClock({ mode: 'manual' }),
) => requestToken({ login: { tokenEndpoint, clientId, clientSecret: SECRET, ...(scope !== undefined && { scope }) }, clock })

async function failure(asking: Promise<unknown>): Promise<ConnectorError> {
  const error: unknown = await asking.catch((caught: unknown) => caught)
  if (!(error instanceof ConnectorError)) throw new Error('no ConnectorError', { cause: error })
  const said = `${error.message} ${error.cause}`
  for (const form of [SECRET, encodeURIComponent(SECRET), Buffer.from(SECRET).toString('base64')])
    expect(said).not.toContain(form)
  return error
}

describe('a token is asked for', () => {
  test('by a form with the grant and the scope, and by Basic authorization with id and secret form-encoded', async () => {
    const server = await start()

    const token = await ask(server, 'kafka:write logs')

    expect(token).toEqual({ value: server.given[0], lifetimeMs: 3_600_000 })
    expect(server.asked).toHaveLength(1)
    expect(server.asked[0]).toMatchObject({
      method: 'POST',
      path: '/realms/tests/token',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      form: { grant_type: 'client_credentials', scope: 'kafka:write logs' },
    })
    const sent = Buffer.from(String(server.asked[0]?.headers.authorization).replace('Basic ', ''), 'base64').toString()
    expect(sent).toBe('connector+of%3A+the+tests:a+secret%3A+100%25+of%2Bit~%2F%C3%A4')
  })

  test('without a scope when none is set', async () => {
    const server = await start()

    await ask(server)

    expect(server.asked[0]?.form).toEqual({ grant_type: 'client_credentials' })
  })

  test.each([
    [{ expires_in: '300' }, 300_000],
    [{}, 0],
    [{ expires_in: -1 }, 0],
    [{ expires_in: 'soon' }, 0],
  ])('and lives as long as the server says: %j', async (more, lifetimeMs) => {
    const server = await start(response => answerJson(response, 200, { access_token: 'abc.def', token_type: 'bearer', ...more }))

    expect(await ask(server)).toEqual({ value: 'abc.def', lifetimeMs })
  })
})

describe('a server that refuses is told apart from one that has no time:', () => {
  const html = (response: ServerResponse) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>welcome</html>')
  const refusal = (status: number, error: string) => (response: ServerResponse) =>
    answerJson(response, status, { error, error_description: `no ${SECRET} \u0007here` })

  test.each<[string, (response: ServerResponse) => void, string, RegExp]>([
    [
      'credentials',
      refusal(401, 'invalid_client'),
      'KAFKA_UNAUTHORIZED',
      /answered 401 \(invalid_client: no \*\*\* here\); check clientId, clientSecret and scope/,
    ],
    ['a scope', refusal(400, 'invalid_scope'), 'KAFKA_UNAUTHORIZED', /answered 400 \(invalid_scope: .*scope in kafka\.sasl$/],
    [
      'an address',
      response => response.writeHead(404).end('no such page'),
      'KAFKA_UNAUTHORIZED',
      /answered 404; check kafka\.sasl\.tokenEndpoint$/,
    ],
    [
      'another kind of token',
      response => answerJson(response, 200, { access_token: 'a', token_type: 'mac' }),
      'KAFKA_UNAUTHORIZED',
      /no bearer tokens/,
    ],
    [
      'a token that is none',
      response => answerJson(response, 200, { access_token: 'a\u0001b' }),
      'KAFKA_UNAUTHORIZED',
      /characters that Kafka does not take/,
    ],
    ['too many requests', refusal(429, 'slow_down'), 'KAFKA_UNREACHABLE', /answered 429 \(slow_down/],
    [
      'out of order',
      response => response.writeHead(503).end('<html>maintenance</html>'),
      'KAFKA_UNREACHABLE',
      /answered 503; check kafka\.sasl\.tokenEndpoint/,
    ],
    ['a page for people', html, 'KAFKA_UNREACHABLE', /answered without an access token/],
    ['a list', response => response.writeHead(200).end('[1,2]'), 'KAFKA_UNREACHABLE', /answered without an access token/],
    [
      'a huge body',
      response => response.writeHead(200).end('x'.repeat(70_000)),
      'KAFKA_UNREACHABLE',
      /answered with more than 64 KB/,
    ],
    [
      'half a body',
      response => response.writeHead(200, { 'content-length': '100' }).write('{"acc', () => response.destroy()),
      'KAFKA_UNREACHABLE',
      /could not be reached: ECONNRESET/,
    ],
  ])('%s', async (_, instead, code, message) => {
    const server = await start(instead)

    const error = await failure(ask(server))

    expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)])
    expect(error.message).toContain(`the token endpoint ${server.tokenEndpoint} `)
    expect(error.message).not.toMatch(/\n|html/)
  })

  test('a redirect is not followed, so the secret stays here', async () => {
    const elsewhere = await start()
    const server = await start(response => response.writeHead(307, { location: elsewhere.tokenEndpoint }).end())

    const error = await failure(ask(server))

    expect([error.code, error.message]).toEqual([
      'KAFKA_UNAUTHORIZED',
      expect.stringContaining('set kafka.sasl.tokenEndpoint to the final one'),
    ])
    expect(elsewhere.asked).toEqual([])
  })

  test.each<[string, (response: ServerResponse) => void]>([
    ['silent', () => {}],
    ['trickling', response => response.writeHead(200).write('{"access_token":')],
  ])('a %s server meets the deadline of eight seconds', async (_, instead) => {
    const clock = new VirtualClock({ mode: 'manual' })
    const server = await start(instead)
    const asking = failure(ask(server, undefined, clock))
    await until({ what: 'the server is asked', deadlineMs: 10_000 }, async () => (server.asked.length > 0 ? true : undefined))

    await clock.advance(8_000)

    expect((await asking).message).toContain('gave no complete answer within 8 s')
    expect(clock.asleep).toBe(0)
  })

  test('nobody at the address', async () => {
    const error = await failure(ask({ tokenEndpoint: `http://127.0.0.1:${await freePort()}/token` }))

    expect([error.code, error.message]).toEqual([
      'KAFKA_UNREACHABLE',
      expect.stringContaining('could not be reached: ECONNREFUSED'),
    ])
  })

  test('a certificate that nobody vouches for', async () => {
    const nowMs = Date.now()
    const own = certificate({ name: 'id', fromMs: nowMs - 86_400_000, untilMs: nowMs + 86_400_000 })
    const server = await startTokenServer({ clientSecret: SECRET, certificate: own })
    servers.push(server)

    const error = await failure(ask(server))

    expect([error.code, error.message]).toEqual(['KAFKA_UNREACHABLE', expect.stringContaining('NODE_EXTRA_CA_CERTS')])
    expect(server.asked).toEqual([])
  })
})

test('HTTPS goes through HTTPS_PROXY, which sees neither id nor secret', async () => {
  const seen: string[] = []
  const proxy = createServer().on('connect', (request, socket) => {
    seen.push(`${request.url} ${JSON.stringify(request.headers)}`)
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  const login = { tokenEndpoint: 'https://id.example.invalid/token', clientId, clientSecret: SECRET }
  const proxyEnv = { HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` }

  const error = await failure(requestToken({ login, clock: new VirtualClock({ mode: 'manual' }), proxyEnv }))
  await new Promise(resolve => proxy.close(resolve))

  expect(error.code).toBe('KAFKA_UNREACHABLE')
  expect(seen).toHaveLength(1)
  expect(seen[0]).toMatch(/^id\.example\.invalid:443 /)
  expect(seen[0]).not.toMatch(/authorization/i)
})
