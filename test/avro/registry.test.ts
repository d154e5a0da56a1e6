import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { lookUpSchema, type RegistryOptions, resolveSchemaId } from '../../src/avro/registry.ts'
import { readCallLogSchema } from '../../src/avro/schema.ts'
import { ConnectorError } from '../../src/errors.ts'
import type { Clock } from '../../src/ports.ts'

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
}
/** Does not wait between tries, so that a test of them takes no time; the deadline still does. */
const hurried: Clock = { ...clock, sleep: (ms, signal) => clock.sleep(ms >= 5_000 ? ms : 0, signal) }

interface Call {
  readonly line: string
  readonly authorization: string | undefined
  readonly body: string
}
type Answer = { readonly status: number; readonly body: unknown } | 'hang' | 'reset'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** A registry that answers as told and remembers what it was asked. */
async function fakeRegistry(answer: (line: string, call: number) => Answer): Promise<{ url: string; calls: Call[] }> {
  const calls: Call[] = []
  const server = createServer(async (request: IncomingMessage, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const line = `${request.method} ${request.url}`
    calls.push({ line, authorization: request.headers.authorization, body })
    const given = answer(line, calls.length)
    if (given === 'hang') return
    if (given === 'reset') return void request.socket.destroy()
    response.writeHead(given.status, { 'content-type': 'application/vnd.schemaregistry.v1+json' })
    response.end(typeof given.body === 'string' ? given.body : JSON.stringify(given.body))
  })
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls }
}

const ok = (body: unknown): Answer => ({ status: 200, body })
const noLevel: Answer = {
  status: 404,
  body: { error_code: 40408, message: "Subject 'calls-value' does not have subject-level compatibility configured" },
}
const healthy = (line: string): Answer => (line.startsWith('GET /config') ? noLevel : ok({ id: 42 }))

const options = (url: string, over: Partial<RegistryOptions> = {}): RegistryOptions => ({
  url,
  auth: {},
  subject: 'calls-value',
  register: true,
  ...over,
})
const resolve = (url: string, over: Partial<RegistryOptions> = {}, signal = new AbortController().signal) =>
  resolveSchemaId(options(url, over), hurried, signal)

async function refusal(promise: Promise<number>): Promise<ConnectorError> {
  const outcome = await promise.catch((error: unknown) => error)
  if (outcome instanceof ConnectorError) return outcome
  throw new Error('no ConnectorError', { cause: outcome })
}

describe('registering', () => {
  test('posts the schema with its docs and changes no setting of the registry', async () => {
    const { url, calls } = await fakeRegistry(healthy)

    expect(await resolve(url)).toBe(42)
    expect(calls.map(call => call.line)).toEqual(['GET /config/calls-value', 'POST /subjects/calls-value/versions'])
    expect(JSON.parse(calls[1]?.body ?? '')).toEqual({ schema: readCallLogSchema().json })
  })

  test.each(['NONE', 'FULL', 'FORWARD_TRANSITIVE', 'FULL_TRANSITIVE', 'BACKWARD'])(
    'leaves a subject at the level %s that the operator has set',
    async level => {
      const { url, calls } = await fakeRegistry(line =>
        ok(line.startsWith('GET /config') ? { compatibilityLevel: level } : { id: 7 }),
      )

      expect(await resolve(url)).toBe(7)
      expect(calls.filter(call => call.line.startsWith('PUT'))).toEqual([])
    },
  )

  test('works under a path and with a subject that needs encoding', async () => {
    const { url, calls } = await fakeRegistry(line => (line.includes('/config/') ? noLevel : ok({ id: 3 })))

    expect(await resolve(`${url}/apis/ccompat/v7/`, { subject: 'a/b c-value' })).toBe(3)
    expect(calls[1]?.line).toBe('POST /apis/ccompat/v7/subjects/a%2Fb%20c-value/versions')
  })

  test.each([
    [{ username: 'writer', password: 's3cret-pass' }, `Basic ${Buffer.from('writer:s3cret-pass').toString('base64')}`],
    [{ bearerToken: 't0ken-value' }, 'Bearer t0ken-value'],
    [{}, undefined],
  ])('sends the credentials it is given', async (auth, header) => {
    const { url, calls } = await fakeRegistry(healthy)

    await resolve(url, { auth })

    expect(calls.map(call => call.authorization)).toEqual([header, header])
  })
})

test('goes through the proxy it is given', async () => {
  const proxy = await fakeRegistry(line => (line.includes('/config/') ? noLevel : ok({ id: 11 })))

  expect(await resolve('http://registry.example:8081', { proxyEnv: { HTTP_PROXY: proxy.url } })).toBe(11)
  expect(proxy.calls[0]?.line).toBe('GET http://registry.example:8081/config/calls-value')
})

describe('looking up', () => {
  test('finds the id of exactly this schema without writing', async () => {
    const { url, calls } = await fakeRegistry(() => ok({ subject: 'calls-value', version: 2, id: 9 }))

    expect(await resolve(url, { register: false })).toBe(9)
    expect(calls.map(call => call.line)).toEqual(['POST /subjects/calls-value'])
  })

  test('says what is missing, where, and how to register it', async () => {
    const { url } = await fakeRegistry(() => ({ status: 404, body: { error_code: 40403, message: 'Schema not found' } }))

    const error = await refusal(resolve(url, { register: false }))

    expect(error.code).toBe('REGISTRY_REJECTED')
    expect(error.message).toContain('not registered under subject calls-value')
    expect(error.message).toContain('Schema not found')
    expect(error.message).toContain(`POST ${url}/subjects/calls-value/versions`)
  })
})

describe('a refusal', () => {
  test('of an incompatible schema carries the reason of the registry and is not tried again', async () => {
    const reason = "Schema being registered is incompatible with an earlier schema for subject 'calls-value'"
    const { url, calls } = await fakeRegistry(line =>
      line.startsWith('GET') ? noLevel : { status: 409, body: { error_code: 409, message: reason } },
    )

    const error = await refusal(resolve(url))

    expect([error.code, error.message.includes(reason), calls.length]).toEqual(['REGISTRY_REJECTED', true, 2])
    expect(error.cause).toBeInstanceOf(Error)
  })

  test('of an invalid schema (422) is rejected too', async () => {
    const { url } = await fakeRegistry(line =>
      line.startsWith('GET') ? noLevel : { status: 422, body: { error_code: 42201, message: 'Invalid schema' } },
    )

    const error = await refusal(resolve(url))

    expect([error.code, error.message.includes('Invalid schema')]).toEqual(['REGISTRY_REJECTED', true])
  })

  test.each([401, 403])('of the credentials (%d) is not tried again and names none of them', async status => {
    const { url, calls } = await fakeRegistry(() => ({ status, body: { error_code: status * 100 + 1, message: 'no' } }))

    const error = await refusal(resolve(url, { auth: { username: 'writer', password: 's3cret-pass' } }))

    expect([error.code, calls.length]).toEqual(['REGISTRY_REJECTED', 1])
    expect(error.message).toContain('registry.auth')
    expect(JSON.stringify([error.message, error.cause, String(error.cause)])).not.toMatch(/s3cret-pass|writer/)
  })

  test('comes for an address where something else answers', async () => {
    const page = await fakeRegistry(() => ok('<html>welcome</html>'))
    const nothing = await fakeRegistry(() => ({ status: 404, body: '<html>not here</html>' }))

    const errors = [
      await refusal(resolve(page.url)),
      await refusal(resolve(nothing.url)),
      await refusal(resolve(nothing.url, { register: false })),
    ]

    expect(errors.map(error => error.code)).toEqual(Array(3).fill('REGISTRY_REJECTED'))
    expect(errors.map(error => error.message.includes('as a schema registry'))).toEqual([true, true, true])
  })

  test('comes for an address with credentials in it, without repeating them', async () => {
    const error = await refusal(resolve('http://writer:s3cret-pass@localhost:8081'))

    expect([error.code, error.message.includes('s3cret-pass')]).toEqual(['REGISTRY_REJECTED', false])
  })

  test('comes for an unknown compatibility level, since nothing would be registered', async () => {
    const { url, calls } = await fakeRegistry(() => ok({ compatibilityLevel: 'SIDEWAYS' }))

    const error = await refusal(resolve(url))

    expect([error.code, calls.length]).toEqual(['REGISTRY_REJECTED', 1])
  })
})

describe('a passing fault', () => {
  test.each<[string, Answer]>([
    ['503', { status: 503, body: { error_code: 50302, message: 'leader not known' } }],
    ['503 from a proxy', { status: 503, body: '<html>busy</html>' }],
    ['a reset connection', 'reset'],
  ])('%s on the write is tried again, and then it works', async (_name, fault) => {
    let writes = 0
    const { url } = await fakeRegistry(line => {
      if (line.startsWith('GET')) return noLevel
      writes += 1
      return writes < 3 ? fault : ok({ id: 5 })
    })

    expect(await resolve(url)).toBe(5)
    expect(writes).toBe(3)
  })

  test('is given up after three tries, naming the host and what to check', async () => {
    const { url, calls } = await fakeRegistry(() => ({ status: 503, body: { message: 'leader not known' } }))

    const error = await refusal(resolve(url))

    expect([error.code, calls.length]).toEqual(['REGISTRY_UNREACHABLE', 3])
    expect(error.message).toContain(new URL(url).host)
    expect(error.message).toContain('leader not known')
    expect(error.message).toContain('Check registry.url')
  })

  test('that nobody listens is an unreachable registry', async () => {
    const { url } = await fakeRegistry(healthy)
    for (const server of servers.splice(0)) await new Promise(resolve => server.close(resolve))

    const error = await refusal(resolve(url))

    expect([error.code, error.message.includes('could not be reached')]).toEqual(['REGISTRY_UNREACHABLE', true])
  })

  test.each(['GET', 'POST'])('that it never answers a %s ends at the deadline, with the connection', async method => {
    const { url } = await fakeRegistry(line => (line.startsWith(method) ? 'hang' : noLevel))
    const server = servers.at(-1)

    const error = await refusal(resolveSchemaId(options(url, { timeoutMs: 100 }), clock, new AbortController().signal))
    const open = await new Promise<number>(resolve =>
      server?.close(() => server.getConnections((_error, count) => resolve(count))),
    )

    expect([error.code, error.message.includes('within 100 ms'), open]).toEqual(['REGISTRY_UNREACHABLE', true, 0])
  })
})

test('a stop ends the wait at once', async () => {
  const stop = new AbortController()
  const { url } = await fakeRegistry(() => {
    stop.abort()
    return 'hang'
  })

  expect((await refusal(resolve(url, {}, stop.signal))).code).toBe('STOPPED')
})

describe('looking only', () => {
  const absent = (message: string): Answer => ({ status: 404, body: { error_code: 40403, message } })
  const lookUp = (url: string, over: Partial<RegistryOptions> = {}) =>
    lookUpSchema(options(url, over), hurried, new AbortController().signal)
  const registering = ({ line }: Call) =>
    !/^(POST \/subjects\/calls-value|GET \/subjects\/calls-value\/versions\/latest|POST \/compatibility\/.*)$/.test(line)

  test('a schema that is registered is told with its id', async () => {
    const { url, calls } = await fakeRegistry(() => ok({ id: 42 }))

    expect(await lookUp(url)).toEqual({ kind: 'registered', id: 42 })
    expect(calls.map(({ line }) => line)).toEqual(['POST /subjects/calls-value'])
  })

  test('a subject without any schema is told', async () => {
    const { url, calls } = await fakeRegistry(() => absent('Subject not found'))

    expect(await lookUp(url)).toEqual({ kind: 'none' })
    expect(calls.filter(registering)).toEqual([])
  })

  test.each([
    [{ is_compatible: true }, { kind: 'compatible' }],
    [{ is_compatible: false }, { kind: 'incompatible', reasons: '' }],
    [
      { is_compatible: false, messages: ['READER_FIELD_MISSING_DEFAULT_VALUE:\n call_id', 'TYPE_MISMATCH'] },
      { kind: 'incompatible', reasons: 'READER_FIELD_MISSING_DEFAULT_VALUE: call_id TYPE_MISMATCH' },
    ],
  ])('with other schemas there, the verdict %j is passed on', async (verdict, standing) => {
    const { url, calls } = await fakeRegistry(line =>
      line.startsWith('POST /compatibility') ? ok(verdict) : line.startsWith('GET') ? ok({ id: 7 }) : absent('Schema not found'),
    )

    expect(await lookUp(url, { auth: { bearerToken: 't0ken' } })).toEqual(standing)
    expect(calls.map(({ line }) => line)).toEqual([
      'POST /subjects/calls-value',
      'GET /subjects/calls-value/versions/latest',
      'POST /compatibility/subjects/calls-value/versions/latest?verbose=true',
    ])
    expect(new Set(calls.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer t0ken']))
    expect(JSON.parse(calls[2]?.body ?? '').schema).toBe(readCallLogSchema().json)
  })

  test('what answers 404 without a reason of its own is no registry', async () => {
    const { url } = await fakeRegistry(() => ({ status: 404, body: 'nothing here' }))

    await expect(lookUp(url)).rejects.toMatchObject({ code: 'REGISTRY_REJECTED' })
  })

  test('a registry that never answers is given up', async () => {
    const { url } = await fakeRegistry(() => 'hang')

    await expect(lookUp(url, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' })
  })
})
