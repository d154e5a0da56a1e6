/**
 * OAUTHBEARER from end to end: a real authorization server that signs its tokens, and a real broker that judges them by its own validator and
 * wants a new login every few seconds.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { runCommand } from '../support/command.ts'
import { Connector, settingsFor } from '../support/connector.ts'
import { freePort } from '../support/platform/free-port.ts'
import { type Platform, startOwnPlatform } from '../support/platform/platform.ts'
import { platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { until } from '../support/platform/until.ts'
import { settledWorld } from '../support/settled-world.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'
import { AUDIENCE, CLIENT_ID, signingKey, startTokenServer, type TokenServer } from '../support/token-server.ts'
import { verdictOn } from '../support/verdict.ts'

const SECRET = 'client-secret: 100% of it'
const clean = { missing: [], repeated: [], stale: [], extra: [], clean: true }
/** kafkajs logs in again ten seconds before the end: here after three. */
const sessionMs = 13_000

let kafka: Platform
let simulator: Simulator
let tokens: TokenServer
let folder: string

beforeAll(async () => {
  const key = signingKey()
  const logins = { jwks: key.jwks, audience: AUDIENCE, sessionMs }
  folder = await mkdtemp(join(tmpdir(), 'call-log-source-'))
  tokens = await startTokenServer({ clientSecret: SECRET, key })
  simulator = await startSimulator({ world: settledWorld({ seed: 6, history: 300, historyMs: 3_600_000, badRowShare: 0 }) })
  kafka = await startOwnPlatform({ logins, log: line => process.stderr.write(`[own platform] ${line}\n`) })
}, platformStartMs)
afterAll(async () => {
  await Promise.all([kafka?.stop(), simulator?.close(), tokens?.[Symbol.asyncDispose]()])
  await rm(folder, { recursive: true, force: true })
})
beforeEach(() => {
  Object.assign(tokens, { clientSecret: SECRET, lifetimeS: 3_600, audience: AUDIENCE, instead: null })
})

function settings(name: string, login: object = {}, more: Record<string, unknown> = {}): Record<string, unknown> {
  const { tokenEndpoint } = tokens
  const sasl = { mechanism: 'oauthbearer', tokenEndpoint, clientId: CLIENT_ID, clientSecret: SECRET, scope: 'kafka', ...login }
  const log = { level: 'trace' }
  return settingsFor(simulator, kafka, name, { kafka: { brokers: kafka.loginBrokers, sasl }, log, ...more })
}

function expectNoSecrets(text: string, secrets: readonly string[] = [SECRET]): void {
  for (const secret of secrets) {
    expect(text).not.toContain(secret)
    expect(text).not.toContain(encodeURIComponent(secret))
  }
  for (const token of tokens.given) expect(text).not.toContain(token)
}

/** One line that says what and where, one that says what to do. */
function expectRefused({ exit, stderr, output }: Awaited<ReturnType<typeof Connector.runOnce>>, code: string): string {
  expect(exit, output.slice(-2_000)).toEqual({ code: 4, signal: null })
  expect(stderr).toMatch(new RegExp(`^call-log-source: ${code}: [^\n]+\n( {2}because: [^\n]+\n)? {2}remedy: [^\n]+\n$`))
  expectNoSecrets(output)
  return stderr.split('\n')[0] ?? ''
}

test('a run publishes what it should with one token, and shows neither it nor the secret', async () => {
  const name = uniqueName('oauth')
  const before = tokens.given.length

  const connector = await Connector.runOnce(settings(name))

  expect(connector.exit, connector.output.slice(-2_000)).toEqual({ code: 0, signal: null })
  expect(await verdictOn(kafka, `${name}.call-logs`, simulator.world)).toMatchObject(clean)
  expect(tokens.given.length - before).toBe(1)
  expect(tokens.asked.at(-1)?.form).toEqual({ grant_type: 'client_credentials', scope: 'kafka' })
  expectNoSecrets(connector.output)
})

test('connections outlive their tokens, also over a change of the secret, and nothing is opened anew for it', async () => {
  const name = uniqueName('outlive')
  const rotated = 'another-secret-0123456789'
  const file = join(folder, 'client-secret')
  await writeFile(file, `${SECRET}\n`)
  tokens.lifetimeS = 20
  const polling = { startFrom: '1d', settle: '1s', schedule: [{ name: 'hot', every: '10s', span: '1d' }] }
  await using connector = await Connector.start(settings(name, { clientSecret: `\${file:${file}}` }, { polling }))
  await connector.untilEvent('window.read', line => line.schedule === 'hot')
  const given = (count: number) => async () => (tokens.given.length >= count ? true : undefined)
  await until({ what: 'the first token is renewed', deadlineMs: 30_000 }, given(tokens.given.length + 1))
  tokens.clientSecret = rotated
  await writeFile(file, rotated)
  await until({ what: 'every token is another one', deadlineMs: 60_000 }, given(tokens.given.length + 3))
  const call = simulator.world.calls[123]?.id ?? ''
  simulator.world.change(call, { credits: '7.25' })
  await connector.untilEvent('window.read', line => Number(line.updated) > 0)
  connector.kill('SIGTERM')

  expect(await connector.exited, connector.output.slice(-2_000)).toEqual({ code: 0, signal: null })
  expect(await verdictOn(kafka, `${name}.call-logs`, simulator.world)).toMatchObject(clean)
  const opened = connector.lines.filter(({ event }) => event === 'producer.reopened')
  expect(opened.map(({ reason }) => reason)).toEqual(['start'])
  expect(connector.lines.filter(({ level }) => level === 'error')).toEqual([])
  expectNoSecrets(connector.output, [SECRET, rotated])
})

test('a secret that is wrong ends the run at once, in the authorization server’s words', async () => {
  const wrong = 'wrong-secret-0123456789'
  const connector = await Connector.runOnce(settings(uniqueName('wrong'), { clientSecret: wrong }))

  const line = expectRefused(connector, 'KAFKA_UNAUTHORIZED')
  expect(line).toContain(
    `the token endpoint ${tokens.tokenEndpoint} answered 401 (invalid_client: Client authentication failed); check clientId, clientSecret and scope in kafka.sasl`,
  )
  expectNoSecrets(connector.output, [wrong])
})

test('a token that the broker refuses ends the run at once, in the broker’s words', async () => {
  tokens.audience = 'somebody-else'
  const connector = await Connector.runOnce(settings(uniqueName('audience')))

  const line = expectRefused(connector, 'KAFKA_UNAUTHORIZED')
  expect(line).toMatch(
    /the broker \S+ refuses the token \(\{"status":"invalid_token"\}\); check that the broker trusts the issuer/,
  )
})

test('a token endpoint that answers with a page is asked again until the deadline, then named', async () => {
  tokens.instead = response => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>welcome</html>')
  const before = tokens.asked.length
  const connector = await Connector.runOnce(settings(uniqueName('page')))

  const line = expectRefused(connector, 'KAFKA_UNREACHABLE')
  expect(line).toContain(
    `the token endpoint ${tokens.tokenEndpoint} answered without an access token; check kafka.sasl.tokenEndpoint`,
  )
  expect(tokens.asked.length - before).toBeGreaterThan(5)
})

test('check says which of its steps lacks a token, and why', async () => {
  const check = async (login: object) => {
    const ended = await runCommand(settings(uniqueName('check'), login), ['check', '--json'])
    expectNoSecrets(ended.stdout + ended.stderr)
    const { checks }: { checks: { name: string; state: string; found: string }[] } = JSON.parse(ended.stdout)
    return { code: ended.code, kafka: checks.find(({ name }) => name === 'kafka') }
  }
  const tokenEndpoint = `http://127.0.0.1:${await freePort()}/token`

  const [fine, closed] = [await check({}), await check({ tokenEndpoint })]

  expect(fine).toMatchObject({ code: 0, kafka: { state: 'ok' } })
  expect(closed).toMatchObject({ code: 1, kafka: { state: 'failed' } })
  expect(closed.kafka?.found).toContain(`the token endpoint ${tokenEndpoint} could not be reached: ECONNREFUSED`)
})
