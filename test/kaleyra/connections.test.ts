/**
 * What a broken connection comes to, over real sockets and real TLS: names, certificates, resets, half answers, answers that never end. Always
 * a coded error after a bounded number of tries and within the deadline, nothing covered, nothing told.
 */
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../src/errors.ts'
import { type Certificate, certificate } from '../support/certificates.ts'
import { API_KEY, json, SID, success } from './fixture.ts'
import { type Open, outcomeOf, PHONE, SECRETS } from './outcome.ts'

const LEAK = `${SID} ${API_KEY} ${PHONE}`
const GOOD = JSON.stringify(success([]))

/** A peer on bare sockets: told of every request when its head and form have come. */
function speaking(answer: (socket: Socket) => void): Open {
  return async (clock, good) => {
    let left = good
    const server = createServer(socket => {
      socket.on('error', () => {})
      let asked = ''
      socket.on('data', text => {
        asked += String(text)
        if (!/\r\n\r\n.*page=/s.test(asked)) return
        asked = ''
        left -= 1
        if (left < 0) answer(socket)
        else
          socket.write(
            `HTTP/1.1 200 OK\r\ndate: ${new Date(clock.now()).toUTCString()}\r\ncontent-length: ${GOOD.length}\r\n\r\n${GOOD}`,
          )
      })
    })
    return listening(server)
  }
}

async function listening(server: Server, scheme = 'http') {
  const sockets = new Set<Socket>()
  server.on('connection', socket => sockets.add(socket))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise(resolve => {
        for (const socket of sockets) socket.destroy()
        server.close(resolve)
      }),
  }
}

const sending =
  (text: string, then: 'end' | 'reset' | 'stay' = 'end') =>
  (socket: Socket) =>
    void socket.write(text, () => (then === 'end' ? socket.end() : then === 'reset' ? socket.resetAndDestroy() : null))
const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'
const begun = `{"code":"RBC103","message":"${LEAK}","data":[{"from":"${PHONE}"`

const broken: readonly (readonly [string, Open, ErrorCode, RegExp])[] = [
  ['a reset before the answer', speaking(socket => socket.resetAndDestroy()), 'API_UNAVAILABLE', /connection/],
  ['an end before the answer', speaking(socket => socket.end()), 'API_UNAVAILABLE', /closed before the answer was complete/],
  ['a reset within the headers', speaking(sending(head, 'reset')), 'API_UNAVAILABLE', /connection/],
  [
    'a reset within the body',
    speaking(sending(`${head}content-length: 900\r\n\r\n${begun}`, 'reset')),
    'API_UNAVAILABLE',
    /connection/,
  ],
  [
    'a body shorter than announced',
    speaking(sending(`${head}content-length: 900\r\n\r\n${begun}`)),
    'API_UNAVAILABLE',
    /closed before/,
  ],
  [
    'a chunked body without its end',
    speaking(sending(`${head}transfer-encoding: chunked\r\n\r\n${begun.length.toString(16)}\r\n${begun}\r\n`)),
    'API_UNAVAILABLE',
    /closed before/,
  ],
  [
    'a body that only the end of the connection ends, too early',
    speaking(sending(`${head}\r\n${begun}`)),
    'API_MALFORMED',
    /no JSON object/,
  ],
  ['no HTTP', speaking(sending(`SSH-2.0 ${LEAK}\r\n\r\n`)), 'API_MALFORMED', /did not answer with valid HTTP/],
  [
    'a chunk without a size',
    speaking(sending(`${head}transfer-encoding: chunked\r\n\r\n${LEAK}\r\n`)),
    'API_MALFORMED',
    /valid HTTP/,
  ],
  [
    'two lengths',
    speaking(sending(`${head}content-length: 1\r\ncontent-length: 2\r\n\r\n{}`)),
    'API_MALFORMED',
    /another length/,
  ],
  ['headers without end', speaking(sending(`${head}x: ${LEAK.repeat(2_000)}`, 'stay')), 'API_MALFORMED', /valid HTTP/],
  [
    'an upgrade nobody asked for',
    speaking(sending('HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n')),
    'API_UNAVAILABLE',
    /connection/,
  ],
]

const late: readonly (readonly [string, Open])[] = [
  ['no answer', speaking(() => {})],
  ['headers without end, slowly', speaking(socket => drip(socket, head, 'x'))],
  ['a body that stalls', speaking(sending(`${head}content-length: 900\r\n\r\n${begun}`, 'stay'))],
  [
    'a body that drips, a byte every few milliseconds',
    speaking(socket => drip(socket, `${head}content-length: 900000\r\n\r\n`, ' ')),
  ],
  ['an early hint and nothing after it', speaking(sending('HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n', 'stay'))],
]

function drip(socket: Socket, first: string, more: string): void {
  socket.write(first)
  const timer = setInterval(() => socket.write(more), 5)
  socket.on('close', () => clearInterval(timer))
}

describe.concurrent('a connection', () => {
  test.for(broken)('with %s', async ([, open, code, says], { expect }) => {
    const outcome = await outcomeOf(open)

    expect(outcome).toMatchObject({ code, decision: 'retry', tries: 5, ended: code, slots: 0, published: 0 })
    expect(outcome.message).toMatch(says)
    expect(outcome.message).toContain(code === 'API_MALFORMED' && /no JSON/.test(outcome.message) ? 'the API' : '127.0.0.1:')
    for (const secret of SECRETS) expect(outcome.shown).not.toContain(secret)
  })

  test.for(late)('with %s ends at the deadline', async ([, open], { expect }) => {
    const outcome = await outcomeOf(open, 60)

    expect(outcome).toMatchObject({ code: 'API_UNAVAILABLE', decision: 'retry', tries: 5, ended: 'API_UNAVAILABLE', slots: 0 })
    expect(outcome.message).toMatch(/^127\.0\.0\.1:\d+ gave no complete answer within 60 ms$/)
    for (const secret of SECRETS) expect(outcome.shown).not.toContain(secret)
  })

  test('that is refused, or has no address, says so', async ({ expect }) => {
    const gone = await listening(createServer())
    await gone.close()
    const refused = await outcomeOf(async () => gone)
    const nameless = await outcomeOf(async () => ({ origin: 'https://nobody.invalid', close: async () => {} }))

    expect(refused).toMatchObject({ code: 'API_UNAVAILABLE', decision: 'retry', tries: 5, ended: 'API_UNAVAILABLE' })
    expect(refused.message).toMatch(/^127\.0\.0\.1:\d+ could not be reached: connection refused/)
    expect(nameless).toMatchObject({ code: 'API_UNAVAILABLE', decision: 'retry', tries: 5, ended: 'API_UNAVAILABLE' })
    expect(nameless.message).toMatch(/^nobody\.invalid could not be reached: .*DNS/)
  })

  test('that never finishes its handshake ends at the deadline', async ({ expect }) => {
    const outcome = await outcomeOf(() => listening(createServer(), 'https'), 60)

    expect(outcome).toMatchObject({ code: 'API_UNAVAILABLE', tries: 5 })
    expect(outcome.message).toMatch(/gave no complete answer within 60 ms$/)
  })
})

describe('a certificate', () => {
  const now = Date.now()
  const year = 365 * 86_400_000
  const valid = { fromMs: now - year, untilMs: now + year }
  const authority = certificate({ name: 'authority', ...valid, isAuthority: true })
  const stranger = certificate({ name: 'stranger', ...valid, isAuthority: true })
  const trusted = getCACertificates('default')
  beforeAll(() => setDefaultCACertificates([...trusted, authority.cert]))
  afterAll(() => setDefaultCACertificates(trusted))

  /** An API that would answer well, if only it were trusted. */
  const showing =
    ({ cert, key }: Certificate): Open =>
    async clock => {
      const server = createTlsServer({ cert, key }, (_, response) => {
        response.setHeader('date', new Date(clock.now()).toUTCString())
        json(response, success([]))
      })
      return listening(server, 'https')
    }

  test('that is good is the only one that is read', async () => {
    const outcome = await outcomeOf(showing(certificate({ name: 'api', ...valid, issuer: authority })))

    expect(outcome.ended).toBe('covered')
  })

  test.for([
    ['has expired', { fromMs: now - year, untilMs: now - 60_000, issuer: authority }, /certificate has expired/],
    ['is not valid yet', { fromMs: now + year, untilMs: now + 2 * year, issuer: authority }, /certificate is not valid yet/],
    [
      'is for another name',
      { ...valid, issuer: authority, hosts: ['DNS:elsewhere.example'] },
      /for another name; check accounts/,
    ],
    ['vouches for itself', valid, /nobody this machine trusts.*NODE_EXTRA_CA_CERTS/],
    ['is vouched for by a stranger', { ...valid, issuer: stranger }, /nobody this machine trusts.*NODE_EXTRA_CA_CERTS/],
  ] as const)('that %s is refused before the key is sent', async ([, options, says]) => {
    const outcome = await outcomeOf(showing(certificate({ name: 'api', ...options })))

    expect(outcome).toMatchObject({ code: 'API_UNAVAILABLE', decision: 'retry', tries: 5, ended: 'API_UNAVAILABLE', slots: 0 })
    expect(outcome.message).toMatch(says)
    for (const secret of SECRETS) expect(outcome.shown).not.toContain(secret)
  })
})
