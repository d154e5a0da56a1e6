import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createTransport, MAX_BODY_BYTES } from '../../src/kaleyra/transport.ts'
import type { RequestStyle } from '../../src/model/dialect.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { API_KEY, type Api, json, never, type Reply, SID, startApi, success } from './fixture.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

async function api(reply: Reply): Promise<Api> {
  const started = await startApi(reply)
  closers.push(started.close)
  return started
}

function transportTo(origin: string, timeoutMs = 5_000) {
  const transport = createTransport({ sid: SID, apiKey: API_KEY, origin, timeoutMs }, new VirtualClock())
  closers.push(transport.close)
  return transport
}

const fields = () => new URLSearchParams({ limit: '7', start_time: '2026-01-15T10:00:00Z', page: '1' })
const question = (style: RequestStyle = 'post-form') => ({ style, fields: fields(), limit: 7 })
const post = (origin: string, timeoutMs?: number, signal = never) =>
  transportTo(origin, timeoutMs).ask(question(), signal, () => {})

/** A server that speaks no HTTP of its own: it writes `text` and hangs up. */
async function rawServer(text: string, end: 'close' | 'reset' = 'close'): Promise<string> {
  const server = createTcpServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => (end === 'close' ? socket.end(text) : socket.write(text, () => socket.resetAndDestroy())))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => new Promise(resolve => server.close(resolve)))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('a request', () => {
  test('is a form POST with the key in the header only, and the limit in both places', async () => {
    const { origin, seen } = await api((_, response) => json(response, success([])))
    let sent = 0

    const answer = await transportTo(`${origin}/v1`).ask(question(), never, () => {
      sent += 1
    })

    expect(answer.status).toBe(200)
    expect(sent).toBe(1)
    expect(seen[0]).toMatchObject({ method: 'POST', path: `/v1/${SID}/voice/call-logs` })
    expect(seen[0]?.headers).toMatchObject({
      'api-key': API_KEY,
      limit: '7',
      'content-type': 'application/x-www-form-urlencoded',
    })
    expect(Object.fromEntries(seen[0]?.form ?? [])).toEqual({ limit: '7', start_time: '2026-01-15T10:00:00Z', page: '1' })
  })

  test.each([
    ['get-query', '?limit=7&start_time=2026-01-15T10%3A00%3A00Z&page=1', {}],
    ['get-body', '', { limit: '7', start_time: '2026-01-15T10:00:00Z', page: '1' }],
  ] as const)(
    'in style %s is a GET with the same fields and headers, and can be followed by another',
    async (style, query, form) => {
      const { origin, seen } = await api((_, response) => json(response, success([])))
      const transport = transportTo(origin)

      const answers = [
        await transport.ask(question(style), never, () => {}),
        await transport.ask(question(style), never, () => {}),
      ]

      expect(answers.map(({ status }) => status)).toEqual([200, 200])
      for (const one of seen) {
        expect(one).toMatchObject({ method: 'GET', path: `/v1/${SID}/voice/call-logs${query}` })
        expect(one.headers).toMatchObject({ 'api-key': API_KEY, limit: '7' })
        expect(Object.fromEntries(one.form)).toEqual(form)
      }
      expect(seen).toHaveLength(2)
    },
  )

  test('without a limit for the header sends none', async () => {
    const { origin, seen } = await api((_, response) => json(response, success([])))

    await transportTo(origin).ask({ ...question(), limit: null }, never, () => {})

    expect(seen[0]?.headers).not.toHaveProperty('limit')
  })

  test('does not follow a redirect, so the key stays here', async () => {
    const elsewhere = await api((_, response) => json(response, success([])))
    const { origin } = await api((_, response) => json(response, '', 307, { location: `${elsewhere.origin}/` }))

    const answer = await post(origin)

    expect(answer.status).toBe(307)
    expect(elsewhere.seen).toEqual([])
  })

  test('goes through HTTPS_PROXY, which sees neither key nor SID', async () => {
    const asked: string[] = []
    const proxy = createServer()
    proxy.on('connect', (request, socket) => {
      asked.push(`${request.url} ${JSON.stringify(request.headers)}`)
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    })
    await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
    closers.push(() => new Promise(resolve => proxy.close(resolve)))
    const before = process.env.HTTPS_PROXY
    process.env.HTTPS_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
    try {
      const failed = post('https://api.example.invalid')

      await expect(failed).rejects.toMatchObject({ code: 'API_UNAVAILABLE' })
    } finally {
      if (before === undefined) delete process.env.HTTPS_PROXY
      else process.env.HTTPS_PROXY = before
    }
    expect(asked[0]).toContain('api.example.invalid:443')
    expect(asked.join()).not.toContain(API_KEY)
    expect(asked.join()).not.toContain(SID)
  })
})

describe('an exchange that fails', () => {
  test('a silent server meets the deadline', async () => {
    const { origin } = await api(() => {})

    await expect(post(origin, 60)).rejects.toMatchObject({ code: 'API_UNAVAILABLE', message: expect.stringContaining('60 ms') })
  })

  test('a body that trickles for ever meets the same deadline', async () => {
    const { origin } = await api((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write('{"data":[')
    })

    await expect(post(origin, 60)).rejects.toMatchObject({ code: 'API_UNAVAILABLE' })
  })

  test('a body beyond the bound is dropped, announced or not', async () => {
    const announced = await api((_, response) => {
      response.writeHead(200, { 'content-length': String(MAX_BODY_BYTES + 1) })
      response.write('x')
    })
    const megabyte = Buffer.alloc(1_024 * 1_024, 32)
    const endless = await api((_, response) => {
      const more = () => {
        while (response.writable && response.write(megabyte)) {}
      }
      response.on('error', () => {})
      response.on('drain', more)
      more()
    })

    await expect(post(announced.origin)).rejects.toMatchObject({ code: 'API_TOO_LARGE' })
    await expect(post(endless.origin)).rejects.toMatchObject({ code: 'API_TOO_LARGE' })
  })

  test.each([
    [
      'a connection lost in the middle of the body',
      'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"data":',
      'close',
      'API_UNAVAILABLE',
    ],
    [
      'a connection reset in the middle of the body',
      'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"data":',
      'reset',
      'API_UNAVAILABLE',
    ],
    ['a connection closed without an answer', '', 'close', 'API_UNAVAILABLE'],
    ['an answer that is no HTTP', 'SSH-2.0-server with +919876543210\r\n\r\n', 'close', 'API_MALFORMED'],
    [
      'an answer in an encoding nobody asked for',
      'HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 1\r\n\r\nx',
      'close',
      'API_MALFORMED',
    ],
  ] as const)('%s', async (_what, text, end, code) => {
    const origin = await rawServer(text, end)

    const error: unknown = await post(origin).catch((caught: unknown) => caught)

    expect(error).toMatchObject({ code })
    expect(`${(error as Error).message} ${JSON.stringify((error as Error).cause)}`).not.toContain('9876543210')
  })

  test('a refused connection, an unknown name and a failed TLS handshake say so, without the path', async () => {
    const plain = await api((_, response) => json(response, success([])))
    const gone = await api(() => {})
    await gone.close()
    const messageOf = (origin: string) =>
      post(origin).then(
        () => 'no error',
        (error: Error & { code: string }) => `${error.code}: ${error.message}`,
      )

    const messages = await Promise.all(
      [gone.origin, 'https://nobody.invalid', plain.origin.replace('http:', 'https:')].map(messageOf),
    )

    expect(messages[0]).toMatch(/^API_UNAVAILABLE: 127\.0\.0\.1:\d+ could not be reached: connection refused/)
    expect(messages[1]).toMatch(/^API_UNAVAILABLE: nobody\.invalid could not be reached: .*DNS/)
    expect(messages[2]).toMatch(/^API_UNAVAILABLE: 127\.0\.0\.1:\d+ could not be reached: TLS failed/)
    expect(messages.join()).not.toContain(SID)
    expect(messages.join()).not.toContain(API_KEY)
  })

  test('an abort in the middle ends it with STOPPED', async () => {
    const controller = new AbortController()
    const { origin } = await api((_, response) => {
      response.writeHead(200)
      response.write('{')
      controller.abort()
    })

    await expect(post(origin, 5_000, controller.signal)).rejects.toMatchObject({ code: 'STOPPED' })
    await expect(post(origin, 5_000, controller.signal)).rejects.toMatchObject({ code: 'STOPPED' })
  })

  // Shorter than undici's own patience with a handshake, which is what would end it otherwise.
  test('an abort while the connection is still being made ends it at once', { timeout: 4_000 }, async () => {
    const controller = new AbortController()
    const silent = createTcpServer(socket => {
      closers.push(async () => socket.destroy())
      controller.abort()
    })
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
    const origin = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`

    await expect(post(origin, 60_000, controller.signal)).rejects.toMatchObject({ code: 'STOPPED' })
    silent.close()
  })

  test('closing ends what is in flight with STOPPED', async () => {
    const closed: Promise<void>[] = []
    const { origin } = await api(() => closed.push(transport.close()))
    const transport = transportTo(origin)

    await expect(transport.ask(question(), never, () => {})).rejects.toMatchObject({ code: 'STOPPED' })
    await Promise.all(closed)
  })

  test('a key that no header can hold is refused before anything is sent, and not shown', () => {
    const options = { sid: SID, apiKey: 'secret\nkey', origin: 'https://api.example.invalid', timeoutMs: 1 }

    expect(() => createTransport(options, new VirtualClock())).toThrow(
      expect.objectContaining({ code: 'SETTINGS_INVALID', message: expect.not.stringContaining('secret') }),
    )
  })
})
