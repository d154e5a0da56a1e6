/** The control channel over real sockets. */
import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/host/clock.ts'
import type { Answer, Order } from '../../src/model/order.ts'
import { type ControlAddress, type ControlOptions, startControl } from '../../src/server/control.ts'
import { ask, type Question } from '../../src/server/control-client.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const token = 'a-token-of-24-characters'
const report = { name: 'kaleyra', build: '0.1.0', state: 'running', accounts: [] }
const done: Answer = { outcome: 'done', text: 'as told' }

let folder: string
let path: string
let given: [string, Order][]
const open: { close(): Promise<void> }[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'control-'))
  path = join(folder, 'kaleyra.sock')
  given = []
})
afterEach(async () => {
  await Promise.all(open.splice(0).map(control => control.close()))
  await rm(folder, { recursive: true })
})

async function start(overrides: Partial<ControlOptions> = {}, suffix = '4711') {
  const control = await startControl({
    address: { kind: 'socket', path, suffix },
    accounts: ['main', 'other'],
    status: () => report,
    give: async (account, order) => {
      given.push([account, order])
      return done
    },
    clock: systemClock,
    log: { error: () => undefined },
    ...overrides,
  })
  open.push(control)
  return control
}

const tcp = (): ControlAddress => ({ kind: 'tcp', host: '127.0.0.1', port: 0, token })
const onSocket = async (question: Question) => await ask({ kind: 'socket', path }, question)
const post = async (order: string, body: object) => {
  const [reply] = await onSocket({ method: 'POST', path: `/${order}`, body })
  return reply?.kind === 'answer' ? [reply.status, reply.body] : reply
}

describe('orders', () => {
  test('go to every account, or to the one named', async () => {
    await start()

    const all = await post('pause', {})
    await post('resume', { account: 'other' })

    const text = 'as told'
    expect(all).toEqual([
      200,
      {
        version: 1,
        order: 'pause',
        accounts: [
          { account: 'main', outcome: 'done', text },
          { account: 'other', outcome: 'done', text },
        ],
      },
    ])
    expect(given).toEqual([
      ['main', { kind: 'pause' }],
      ['other', { kind: 'pause' }],
      ['other', { kind: 'resume' }],
    ])
  })

  test('a backfill names its range in UTC', async () => {
    await start()

    await post('backfill', { account: 'main', from: '2026-03-09T00:00:00Z', until: '2026-03-10T00:00:00Z' })

    const window = { fromMs: Date.parse('2026-03-09T00:00:00Z'), untilMs: Date.parse('2026-03-10T00:00:00Z') }
    expect(given).toEqual([['main', { kind: 'backfill', window }]])
  })

  test.each<[string, object, string]>([
    ['backfill', {}, 'from and until are instants in UTC, such as 2026-01-02T03:04:05Z'],
    ['backfill', { from: 'yesterday', until: 1 }, 'from and until are instants in UTC, such as 2026-01-02T03:04:05Z'],
    ['pause', { account: 'nobody' }, 'no such account; there are main, other'],
    ['pause', { account: ['main'] }, 'no such account; there are main, other'],
    ['pause', { accounts: 'main' }, '/pause takes account only'],
    ['resume', { from: '2026-03-09T00:00:00Z' }, '/resume takes account only'],
    ['pause', ['main'], 'a JSON object is taken'],
  ])('%s %j is refused and given to nobody', async (order, body, error) => {
    await start()

    expect(await post(order, body)).toEqual([400, { error }])
    expect(given).toEqual([])
  })

  test('one that an account refuses is a conflict, with the account’s own words', async () => {
    await start({ give: async account => (account === 'main' ? { outcome: 'refused', text: 'stands by' } : done) })

    expect(await post('pause', {})).toEqual([409, expect.objectContaining({ order: 'pause' })])
  })

  test('one that is not durable in time is neither confirmed nor denied', async () => {
    const clock = new VirtualClock()
    const give: ControlOptions['give'] = (_account, _order, signal) =>
      new Promise(resolve => signal.addEventListener('abort', () => resolve({ outcome: 'unknown', text: 'not yet' })))
    await start({ clock, give })

    expect(await post('pause', { account: 'main' })).toEqual([504, expect.anything()])
    expect(clock.sleeps).toEqual([20_000])
  })

  test('a body beyond 4 KB and one that is no JSON are refused', async () => {
    const { address } = await start({ address: tcp() })
    const send = async (body: string) =>
      (
        await fetch(`${address}/pause`, {
          method: 'POST',
          body,
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        })
      ).status

    expect([await send(JSON.stringify({ account: 'x'.repeat(5_000) })), await send('{"account":')]).toEqual([413, 400])
    expect(given).toEqual([])
  })
})

test('status is the same document as /status', async () => {
  await start()

  expect(await onSocket({ method: 'GET', path: '/status' })).toMatchObject([
    { kind: 'answer', status: 200, body: { version: 1, ...report } },
  ])
})

describe('the socket', () => {
  test('can be opened by its owner only, and nothing else is left in its folder', async () => {
    await start()

    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(folder)).toEqual(['kaleyra.sock'])
  })

  test('that a dead process left is replaced', async () => {
    await promisify(execFile)(process.execPath, [
      '-e',
      `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
    ]).catch(() => undefined)
    const left = (await stat(path)).isSocket()

    const control = await start()

    expect([left, control.address]).toEqual([true, path])
    expect(await post('pause', {})).toMatchObject([200, {}])
  })

  test('of a living instance is left alone: the second one stands beside it, and commands reach both', async () => {
    const first = await start()
    const second = await start({ status: () => ({ ...report, name: 'second' }) }, '4712')

    const replies = await onSocket({ method: 'GET', path: '/status' })

    expect([first.address, second.address]).toEqual([path, `${path}.4712`])
    expect(replies.map(reply => reply.kind === 'answer' && reply.body)).toMatchObject([{ name: 'kaleyra' }, { name: 'second' }])
  })

  test('goes with its instance', async () => {
    const control = await start()
    await control.close()

    expect(await readdir(folder)).toEqual([])
    expect(await onSocket({ method: 'GET', path: '/status' })).toEqual([{ kind: 'absent', where: path }])
  })

  test('is not put over a file, and the file stays', async () => {
    await writeFile(path, 'mine')

    await expect(start()).rejects.toMatchObject({ code: 'PORT_UNAVAILABLE', message: expect.stringContaining('is no socket') })
    expect((await stat(path)).isFile()).toBe(true)
  })

  test('is not put where a link leads', async () => {
    await symlink(join(folder, 'elsewhere'), path)

    await expect(start()).rejects.toMatchObject({ message: expect.stringContaining('is no socket') })
  })

  test('with a path that no system takes is refused with the bound', async () => {
    const long = join(folder, 'x'.repeat(100))

    await expect(start({ address: { kind: 'socket', path: long, suffix: '1' } })).rejects.toMatchObject({
      message: expect.stringContaining('is longer than 94 bytes'),
    })
  })

  test('in a folder that cannot be written is refused by name', async () => {
    const missing = join(folder, 'missing', 'a.sock')

    await expect(start({ address: { kind: 'socket', path: missing, suffix: '1' } })).rejects.toMatchObject({
      code: 'PORT_UNAVAILABLE',
      message: expect.stringMatching(/cannot be opened \(ENOENT\); set control\.socket/),
    })
  })

  test('of something else than a connector is told as such', async () => {
    const server = createServer(socket => void socket.resume().end('SSH-2.0\r\n')).listen(path)
    await chmod(folder, 0o700)

    const replies = await onSocket({ method: 'GET', path: '/status' })
    await new Promise(resolve => server.close(resolve))

    expect(replies).toMatchObject([{ kind: 'failed' }])
  })
})

describe('over TCP', () => {
  test.each([
    ['none', {}],
    ['another', { authorization: 'Bearer another-token-of-24-ch' }],
    ['a part of it', { authorization: `Bearer ${token.slice(0, -1)}` }],
    ['the bare one', { authorization: token }],
  ])('with %s of the token nothing is told and nothing done', async (_, headers) => {
    const { address } = await start({ address: tcp() })

    const answers = [await fetch(`${address}/status`, { headers }), await fetch(`${address}/pause`, { method: 'POST', headers })]

    expect(answers.map(({ status }) => status)).toEqual([401, 401])
    expect(await answers[0]?.text()).not.toContain('kaleyra')
    expect(given).toEqual([])
  })

  test('with the token orders are taken', async () => {
    const { address } = await start({ address: tcp() })
    const { hostname: host, port } = new URL(address)

    const replies = await ask({ kind: 'tcp', host, port: Number(port), token }, { method: 'POST', path: '/resume', body: {} })

    expect(replies).toMatchObject([{ kind: 'answer', status: 200 }])
  })

  test('a taken port is refused by name', async () => {
    const { address } = await start({ address: tcp() })
    const port = Number(new URL(address).port)

    await expect(start({ address: { kind: 'tcp', host: '127.0.0.1', port, token } })).rejects.toMatchObject({
      code: 'PORT_UNAVAILABLE',
      message: expect.stringContaining(`127.0.0.1:${port} (EADDRINUSE)`),
    })
  })
})
