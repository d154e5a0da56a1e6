import { createServer, request } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { ConnectorError } from '../../src/errors.ts'
import type { Dialect } from '../../src/model/dialect.ts'
import { type Endpoints, type EndpointsOptions, startEndpoints } from '../../src/server/endpoints.ts'
import { StatusBoard } from '../../src/server/status-board.ts'

const logged: object[] = []
const open: Endpoints[] = []
afterEach(async () => {
  logged.length = 0
  for (const endpoints of open.splice(0)) await endpoints.close()
})

async function start(over: Partial<EndpointsOptions> = {}): Promise<Endpoints> {
  const endpoints = await startEndpoints({
    host: '127.0.0.1',
    port: 0,
    metricsText: async () => '# HELP up Up.\n# TYPE up gauge\nup 1\n',
    contentType: 'text/plain; version=0.0.4; charset=utf-8',
    ready: () => true,
    status: () => ({ name: 'kaleyra', build: '0.1.0', state: 'running', accounts: [{ account: 'main', state: 'running' }] }),
    log: { error: fields => void logged.push(fields) },
    ...over,
  })
  open.push(endpoints)
  return endpoints
}
const get = async (endpoints: Endpoints, path: string, method = 'GET') => fetch(`${endpoints.address}${path}`, { method })

describe('the pages', () => {
  test('/metrics is the text it is given, with its content type', async () => {
    const answer = await get(await start(), '/metrics')

    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
    expect(await answer.text()).toBe('# HELP up Up.\n# TYPE up gauge\nup 1\n')
  })

  test('/live answers whatever else is wrong', async () => {
    const endpoints = await start({ ready: () => false, metricsText: () => Promise.reject(new Error('broken')) })

    expect((await get(endpoints, '/live')).status).toBe(200)
  })

  test('/ready follows what it is told at the moment', async () => {
    let ready = false
    const endpoints = await start({ ready: () => ready })

    const before = await get(endpoints, '/ready')
    ready = true
    const after = await get(endpoints, '/ready')

    expect([before.status, await before.text(), after.status, await after.text()]).toEqual([503, 'not ready\n', 200, 'ready\n'])
  })

  test('/status is versioned JSON that nobody caches', async () => {
    const answer = await get(await start(), '/status')

    expect(await answer.json()).toEqual({
      version: 1,
      name: 'kaleyra',
      build: '0.1.0',
      state: 'running',
      accounts: [{ account: 'main', state: 'running' }],
    })
    expect([answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([
      'application/json; charset=utf-8',
      'no-store',
    ])
  })

  test('/status shows what the board knows of each account, its dialect and until when the API asked to stay away', async () => {
    const nowMs = Date.parse('2026-03-10T12:00:00Z')
    const board = new StatusBoard(['main'], () => nowMs)
    const dialect: Dialect = {
      style: 'post-form',
      provedBy: 'limit_echoed',
      limitIn: 'both',
      largestLimit: null,
      page: 'index',
      offset: 'unknown',
      total: 'all',
      instants: 'z',
      probedAtMs: nowMs - 1_000,
    }
    board.follow('main', { dialect: () => dialect, notBeforeMs: () => nowMs + 30_000, skewMs: () => -1_400 })

    const answer = await get(await start({ status: () => board.report('kaleyra', '0.1.0') }), '/status')

    const { probedAtMs: _, ...spoken } = dialect
    expect(await answer.json()).toMatchObject({
      accounts: [
        {
          account: 'main',
          dialect: { ...spoken, probedAt: '2026-03-10T11:59:59.000Z' },
          notBefore: '2026-03-10T12:00:30.000Z',
          clockSkewSeconds: -1,
        },
      ],
    })
  })

  test('do not tell what serves them', async () => {
    const answer = await get(await start(), '/live')

    expect([answer.headers.get('server'), answer.headers.get('x-powered-by')]).toEqual([null, null])
  })
})

describe('anything else', () => {
  test.each(['/metrics', '/live', '/ready', '/status'])('HEAD %s has no body', async path => {
    const answer = await get(await start(), path, 'HEAD')

    expect([answer.status, await answer.text()]).toEqual([200, ''])
  })

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND'])('%s is refused, with a body or without', async method => {
    const endpoints = await start()

    const bare = await fetch(`${endpoints.address}/status?x=1`, { method })
    const full = await fetch(`${endpoints.address}/metrics`, {
      method,
      body: 'x'.repeat(5_000),
      headers: { 'content-type': 'text/odd' },
    })

    expect([bare.status, bare.headers.get('allow'), full.status]).toEqual([405, 'GET, HEAD', 405])
  })

  test.each(['/', '/metrics/', '/STATUS', '/status/../etc', '/%2e%2e/etc', '/admin'])('%s is not found', async path => {
    expect((await get(await start(), path)).status).toBe(404)
  })

  test('a page that fails says nothing of why to the outside, and the log does', async () => {
    const answer = await get(await start({ metricsText: () => Promise.reject(new Error('the reason')) }), '/metrics')

    expect([answer.status, await answer.text()]).toEqual([500, 'internal error\n'])
    expect(logged).toEqual([{ event: 'endpoint.failed', path: '/metrics', error: 'the reason' }])
  })
})

describe('listening', () => {
  test('on port 0 picks a free one and tells which', async () => {
    const [first, second] = [await start(), await start()]

    expect([first.address, second.address]).toEqual([
      expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      expect.not.stringMatching(`^${first.address}$`),
    ])
  })

  test('on a taken port fails naming host and port and what to do', async () => {
    const { address } = await start()
    const port = Number(new URL(address).port)

    const error = await start({ port }).catch((caught: unknown) => caught)

    expect(error).toBeInstanceOf(ConnectorError)
    expect(error).toMatchObject({ code: 'PORT_UNAVAILABLE', message: expect.stringContaining(`127.0.0.1:${port} (EADDRINUSE)`) })
    expect(error).toMatchObject({ message: expect.stringContaining('http.port') })
  })

  test('on an address of another machine fails with a word on http.host', async () => {
    const error = await start({ host: '192.0.2.1' }).catch((caught: unknown) => caught)

    expect(error).toMatchObject({ code: 'PORT_UNAVAILABLE', message: expect.stringContaining('http.host') })
  })
})

describe('closing', () => {
  test('cuts idle, hanging and half-sent requests and frees the port', async () => {
    const asked = Promise.withResolvers<void>()
    const endpoints = await start({
      metricsText: () => {
        asked.resolve()
        return new Promise(() => undefined)
      },
    })
    const port = Number(new URL(endpoints.address).port)
    const idle = connect(port, '127.0.0.1')
    const half = connect(port, '127.0.0.1', () => void half.write('GET /live HTTP/1.1\r\nHost: x\r\n'))
    const cut = [idle, half].map(socket => new Promise(resolve => socket.on('error', () => undefined).on('close', resolve)))
    const hanging = new Promise(resolve => request(`${endpoints.address}/metrics`).on('error', resolve).end())
    await asked.promise

    await endpoints.close()

    expect(await hanging).toBeInstanceOf(Error)
    await Promise.all(cut)
    const next = createServer()
    await new Promise<void>(resolve => next.listen(port, '127.0.0.1', resolve))
    await new Promise(resolve => next.close(resolve))
  })

  test('may be asked for twice', async () => {
    const endpoints = await start()

    await expect(Promise.all([endpoints.close(), endpoints.close()])).resolves.toHaveLength(2)
  })
})
