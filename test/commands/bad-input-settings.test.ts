/** Wrong settings and arguments: told in full, in one report, with exit code 2, before anything outside is touched. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'

const main = join(import.meta.dirname, '../../src/main.ts')
const API_KEY = 'A9876543210fedcba9876543210fedcb3'
const SID = 'HXAP1690000009IN'

/** Stands for the brokers, the registry and the API alike, and counts whoever knocks. */
let outside: Server
let port: number
let knocks = 0
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'call-log-source-'))
  outside = createServer(socket => {
    knocks += 1
    socket.destroy()
  })
  await new Promise<void>(resolve => outside.listen(0, '127.0.0.1', resolve))
  port = (outside.address() as AddressInfo).port
})
afterAll(async () => {
  outside.close()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(() => {
  knocks = 0
})

interface Ended {
  readonly code: number | string | null | undefined
  readonly stdout: string
  readonly stderr: string
}

function command(...args: string[]): Promise<Ended> {
  const env = { ...process.env, NODE_ENV: 'production' }
  return new Promise(resolve => {
    execFile(process.execPath, [main, ...args], { env, timeout: 30_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    )
  })
}

async function runWith(settings: string, ...args: string[]): Promise<Ended> {
  const file = join(folder, 'settings.yaml')
  await writeFile(file, settings)
  return command('run', '--config', file, ...args)
}

const sound = (more: object = {}) =>
  JSON.stringify({
    name: 'bad-input',
    accounts: [{ id: 'main', sid: SID, apiKey: API_KEY, url: `http://127.0.0.1:${port}` }],
    kafka: { brokers: [`127.0.0.1:${port}`] },
    registry: { url: `http://127.0.0.1:${port}` },
    http: { port: 0 },
    ...more,
  })

function expectRefused({ code, stdout, stderr }: Ended, errorCode: string): void {
  expect({ code, stdout, knocks }, stderr).toEqual({ code: 2, stdout: '', knocks: 0 })
  expect(stderr).toMatch(new RegExp(`^call-log-source: ${errorCode}: `))
  expect(stderr).not.toMatch(/^ {4}at /m)
  expect(stderr).not.toContain(API_KEY)
  expect(stderr).not.toContain(SID)
}

test('without --config the option is named', async () => {
  const ended = await command('run', '--once')

  expectRefused(ended, 'ARGUMENTS_INVALID')
  expect(ended.stderr).toMatch(/--config <file>.*\n {2}remedy: see --help\n$/)
})

test('an unknown option, command or argument is named, at any depth', async () => {
  for (const args of [
    ['run', '--config', 'a', '--twice'],
    ['runs'],
    ['config', 'schema', '--twice'],
    ['run', '--config', 'a', 'twice'],
  ]) {
    const ended = await command(...args)

    expectRefused(ended, 'ARGUMENTS_INVALID')
    expect(ended.stderr).toMatch(/twice|runs/)
  }
})

test('a settings file that does not exist is named', async () => {
  const ended = await command('run', '--config', join(folder, 'nowhere.yaml'), '--once')

  expectRefused(ended, 'SETTINGS_INVALID')
  expect(ended.stderr).toContain(`${join(folder, 'nowhere.yaml')} does not exist`)
})

test('a syntax error is told with line and column, and without the line itself', async () => {
  const ended = await runWith(`name: x\naccounts:\n  - id: main\n    apiKey: "${API_KEY}\n`)

  expectRefused(ended, 'SETTINGS_INVALID')
  expect(ended.stderr).toMatch(/settings\.yaml:\d+:\d+: /)
})

test('every missing, wrong and unknown setting is in one report', async () => {
  const ended = await runWith(`
accounts:
  - id: main
    sid: ${SID}
    url: http://api.example.net
    timezone: Asia/Kolkata
api: { pageSize: 0, timeout: soon }
polling: { schedule: [{ name: hot, every: 60s, span: 10s }] }
records: { privacy: { from_number: hmac } }
kafka: { brokers: [127.0.0.1:${port}], sasl: { mechanism: oauthbearer } }
registry: { url: "http://127.0.0.1:${port}", auth: { username: me } }
colour: blue
`)

  expectRefused(ended, 'SETTINGS_INVALID')
  const named = [
    /\bname\b.*must/,
    /accounts\[0\]\.apiKey.*must/,
    /accounts\[0\]\.url.*https/,
    /accounts\[0\]\.timezone.*unknown setting/,
    /api\.pageSize.*1 to 1000/,
    /api\.timeout.*duration/,
    /polling\.schedule\[0\]\.span/,
    /records\.hmacKey.*must be given/,
    /kafka\.sasl\.tokenEndpoint.*required.*URL/,
    /registry\.auth\.password.*username and password/,
    /colour.*unknown setting/,
  ]
  const lines = ended.stderr.split('\n')
  for (const setting of named)
    expect(
      lines.some(line => setting.test(line)),
      `${setting} in\n${ended.stderr}`,
    ).toBe(true)
})

test('an environment variable that is not set, and a secret file that is not there, are named', async () => {
  const account = { id: 'main', sid: `\${NO_SUCH_VARIABLE}`, apiKey: `\${file:${join(folder, 'no-such-secret')}}` }
  const ended = await runWith(sound({ accounts: [account] }))

  expectRefused(ended, 'SETTINGS_INVALID')
  expect(ended.stderr).toContain('NO_SUCH_VARIABLE')
  expect(ended.stderr).toContain('no-such-secret')
})

test('--schedule without --once is refused, because a running connector needs all of its schedules', async () => {
  const ended = await runWith(sound(), '--schedule', 'hot')

  expect(ended.code).toBe(2)
  expect(ended.stderr).toContain('ARGUMENTS_INVALID: --schedule goes with --once')
})

test('a --schedule that the settings do not have is named', async () => {
  const ended = await runWith(sound(), '--once', '--schedule', 'hot,tepid')

  expectRefused(ended, 'ARGUMENTS_INVALID')
  expect(ended.stderr).toContain('--schedule: "tepid" is not in polling.schedule')
})

test('a --schedule without a name, as from an empty variable, does not read all of them', async () => {
  for (const names of ['', ',', 'hot,']) {
    const ended = await runWith(sound(), '--once', '--schedule', names)

    expectRefused(ended, 'ARGUMENTS_INVALID')
    expect(ended.stderr).toContain('--schedule: give one or more, separated by commas')
  }
})

test('a port in use is named with what to do, and the process ends', async () => {
  const ended = await runWith(sound({ http: { port } }), '--once')

  expectRefused(ended, 'PORT_UNAVAILABLE')
  expect(ended.stderr).toContain(`cannot listen on 127.0.0.1:${port} (EADDRINUSE)`)
  expect(ended.stderr).toMatch(/\n {2}remedy: .*http\.port\n$/)
})
