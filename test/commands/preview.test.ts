/** `preview` as its users run it, on the simulated API: what it prints is what the simulator knows, once, and nothing of the key or the SID. */
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Ended, runCommand, startCommand } from '../support/command.ts'
import { settledWorld } from '../support/settled-world.ts'
import { legacyShape } from '../support/simulator/row.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'

/** History lies six hours back and spans two. */
const SPAN = ['--since', '9h']
let simulator: Simulator

beforeEach(async () => {
  simulator = await startSimulator({
    world: settledWorld({ seed: 31, history: 300, historyMs: 2 * 3_600_000, badRowShare: 0.02 }),
  })
})
afterEach(() => simulator.close())

const settings = (account: object = {}, api: object = {}) => ({
  accounts: [{ id: 'main', sid: simulator.sid, apiKey: simulator.apiKey, url: simulator.url, ...account }],
  api: { requestsPerSecond: 500, ...api },
})
const preview = (args: readonly string[], given: object = settings()) => runCommand(given, ['preview', ...args])

type Line = Readonly<Record<string, unknown>> & { readonly call_id?: string; readonly bad?: Readonly<Record<string, unknown>> }
const linesOf = ({ stdout }: Ended): Line[] =>
  stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))
const idsOf = (ended: Ended) => linesOf(ended).flatMap(({ call_id }) => call_id ?? [])
const idsIn = (world: Simulator['world']) => world.calls.flatMap(({ id }) => id ?? [])

function expectNoSecrets({ stdout, stderr }: Ended): void {
  expect(stdout + stderr).not.toContain(simulator.apiKey)
  expect(stdout + stderr).not.toContain(simulator.sid)
}

describe('preview', () => {
  test('prints every call of the range once, and the rows that would be dead letters with their reason', async () => {
    const ended = await preview(SPAN, settings({}, { pageSize: 50 }))

    expect(ended.code, ended.stderr).toBe(0)
    expect(idsOf(ended).sort()).toEqual(idsIn(simulator.world).sort())
    const bad = linesOf(ended).flatMap(line => line.bad ?? [])
    expect(bad).toHaveLength(simulator.world.truthAt().badRows.length)
    expect(bad[0]).toMatchObject({ account: 'main', reason: 'no_call_id', detail: expect.any(String), row: expect.any(Object) })
    expect(ended.stderr).toMatch(/^\[.*\): \d+ calls; dead letters: \d+ no_call_id; \d+ requests; complete\n$/)
    expectNoSecrets(ended)
  })

  test('shows instants as ISO text and money as a decimal, under the names of the schema', async () => {
    const startMs = Math.floor(Date.now() / 1_000) * 1_000 - 3_600_000
    const { id } = simulator.world.add({
      startMs,
      endMs: startMs + 30_000,
      credits: '1.250',
      from: '919000000001',
      status: 'ANSWER',
    })

    const [line] = linesOf(await preview(['--since', '2h']))

    expect(line).toMatchObject({
      account: 'main',
      call_id: id,
      start_time: new Date(startMs).toISOString(),
      end_time: new Date(startMs + 30_000).toISOString(),
      cost: '1.25',
      cost_unit: 'credits',
      from_number: '919000000001',
      disposition: 'ANSWERED',
      location: null,
      number_protection: 'PLAIN',
    })
  })

  test('protects numbers as the records will be, in JSON, in the table and in dead letters', async () => {
    const from = '919000000001'
    const startMs = Math.floor(Date.now() / 1_000) * 1_000 - 3_600_000
    simulator.world.add({ startMs, from })
    simulator.world.add({ startMs, from, id: null })
    const masked = { ...settings(), records: { privacy: { from_number: 'mask', to_number: 'drop', bridge_number: 'drop' } } }

    const [json, table] = [await preview(['--since', '2h'], masked), await preview(['--since', '2h', '--table'], masked)]

    const [call, letter] = linesOf(json)
    expect(call).toMatchObject({ to_number: null, number_protection: 'DROPPED', from_number: expect.stringMatching(/^91.*01$/) })
    expect(letter?.bad).toMatchObject({ reason: 'no_call_id' })
    expect(json.stdout + table.stdout).not.toContain(from)
    expect(table.stdout).toContain(String(call?.from_number))
  })

  test('needs neither Kafka nor registry in the settings, and asks a tenth of the rate', async () => {
    const ended = await preview(['--since', '1h'], settings({}, { requestsPerSecond: 40, burst: 10 }))

    expect(ended.code, ended.stderr).toBe(0)
    const [first, second] = simulator.requests
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(240)
  })

  test('sends what narrows it comma-separated, as documented', async () => {
    const narrowing = ['--call-id', 'a-1, b-1', '--status', 'ANSWER,NOANSWER', '--bridge', '918010000001']

    const ended = await preview([...SPAN, ...narrowing], settings({}, { filters: { status: ['BUSY'] } }))

    expect(ended.code, ended.stderr).toBe(0)
    expect(simulator.requests.at(-1)).toMatchObject({
      callIds: new Set(['a-1', 'b-1']),
      statuses: new Set(['ANSWER', 'NOANSWER']),
      bridges: new Set(['918010000001']),
    })
  })

  test('sends one request that is meant to be refused, and none under --no-probe', async () => {
    const malformed = () => simulator.requests.filter(({ from }) => from === 'malformed').length

    const told = await preview([...SPAN, '--no-probe', '--limit', '1'])
    const without = malformed()
    const untold = await preview([...SPAN, '--limit', '1'])

    expect([told.code, untold.code]).toEqual([0, 0])
    expect([without, malformed()]).toEqual([0, 1])
  })

  test('prints exactly the calls named', async () => {
    const named = idsIn(simulator.world).slice(10, 13)

    expect(idsOf(await preview([...SPAN, '--call-id', named.join(',')])).sort()).toEqual(named.sort())
  })

  test('stops at its limit', async () => {
    const ended = await preview([...SPAN, '--limit', '7'], settings({}, { pageSize: 5 }))

    expect(linesOf(ended)).toHaveLength(7)
    expect(ended.stderr).toContain('stopped at --limit')
  })

  test('prints a table of the same calls', async () => {
    const ended = await preview([...SPAN, '--table'])
    const [head, ...rows] = ended.stdout.trimEnd().split('\n')

    expect(head).toMatch(/^start \(UTC\) +direction +from +to +bridge +status +seconds +billed +cost +call_id$/)
    expect(rows).toHaveLength(300)
    for (const id of idsIn(simulator.world)) expect(ended.stdout).toContain(id)
    expect(rows.filter(row => row.startsWith('dead letter: no_call_id'))).toHaveLength(simulator.world.truthAt().badRows.length)
    expect(ended.stdout).not.toContain('\u001b')
    expectNoSecrets(ended)
  })

  test('says what could not be proved complete', async () => {
    simulator.options.total = 'absent'
    let answers = 0
    // A row is missing from each answer, never the same one twice running.
    simulator.options.rewrite = envelope => {
      answers += 1
      return { ...envelope, data: (envelope.data as unknown[]).filter((_, index) => index !== answers % 12) }
    }
    const startMs = Math.floor(Date.now() / 1_000) * 1_000 - 60_000
    for (let call = 0; call < 12; call += 1) simulator.world.add({ startMs })

    const from = new Date(startMs).toISOString()
    const ended = await preview(['--from', from, '--to', new Date(startMs + 1_000).toISOString()])

    expect(ended.code, ended.stderr).toBe(0)
    expect(ended.stderr).toMatch(/not proved complete: \[/)
  })

  test('with several accounts needs to be told which', async () => {
    const { accounts, api } = settings()
    const two = { accounts: [...accounts, { ...accounts[0], id: 'other' }], api }

    const [untold, wrong, told] = await Promise.all([
      preview(['--since', '1h'], two),
      preview(['--account', 'third'], two),
      preview(['--account', 'other', ...SPAN, '--limit', '1'], two),
    ])

    expect([untold, wrong].map(({ code, stderr }) => [code, stderr.split('\n')[0]])).toEqual([
      [2, 'call-log-source: ARGUMENTS_INVALID: --account: must be given, the settings have several accounts: main, other'],
      [2, 'call-log-source: ARGUMENTS_INVALID: --account: "third" is not in the settings: main, other'],
    ])
    expect(linesOf(told)).toMatchObject([{ account: 'other' }])
  })
})

describe('preview refuses', () => {
  test.each([
    [['--since', 'yesterday'], '--since: "yesterday" is no duration'],
    [['--limit', '0'], '--limit: "0" is no whole number'],
    [['--status', 'ANSWER,,BUSY'], '--status: give one or more'],
    [['--rate', '501'], '--rate: "501" is no number above 0 and at most api.requestsPerSecond, 500'],
    [['--table', '--json'], "option '--json' cannot be used with option '--table'"],
    [['--zap'], "unknown option '--zap'"],
  ])('%j', async (args, reason) => {
    const ended = await preview(args)

    expect([ended.code, ended.stdout]).toEqual([2, ''])
    expect(ended.stderr).toMatch(/^call-log-source: ARGUMENTS_INVALID: [^\n]+\n {2}remedy: see --help\n$/)
    expect(ended.stderr).toContain(reason)
    expect(simulator.requests).toEqual([])
  })

  test('a key that the API refuses, with the exit code of the API', async () => {
    const ended = await preview(SPAN, settings({ apiKey: 'wrong-key-0123456789' }))

    expect([ended.code, ended.stdout]).toEqual([3, ''])
    expect(ended.stderr).toMatch(
      /^call-log-source: API_UNAUTHORIZED: [^\n]*RBC001[^\n]*\n {2}remedy: check sid and apiKey[^\n]*\n$/,
    )
    expect(ended.stderr).not.toContain('wrong-key')
    expectNoSecrets(ended)
  })

  test('times of another zone', async () => {
    simulator.world.shape = { ...legacyShape }
    for (let minute = 1; minute < 60; minute += 1)
      simulator.world.add({ startMs: Math.floor(Date.now() / 60_000) * 60_000 - minute * 60_000 })

    const ended = await preview(['--since', '1h'], settings({ timeZone: 'UTC' }))

    expect(ended.code).toBe(3)
    expect(ended.stderr).toMatch(/API_TIME_ZONE.*\+5:30 hours/)
  })
})

describe('preview ends early', () => {
  test('quietly when its reader has seen enough', async () => {
    const { child, ended } = await startCommand(settings({}, { pageSize: 10, requestsPerSecond: 100 }), ['preview', ...SPAN])
    await once(child.stdout!, 'data')
    child.stdout?.destroy()

    const { code, stderr } = await ended

    expect([code, stderr]).toEqual([0, ''])
    expect(simulator.requests.length).toBeLessThan(25)
  })

  test('at a signal, with what it had', async () => {
    const { child, ended } = await startCommand(settings({}, { pageSize: 10, requestsPerSecond: 100 }), ['preview', ...SPAN])
    await once(child.stdout!, 'data')
    child.kill('SIGINT')

    const { code, stdout, stderr } = await ended

    expect(code).toBe(0)
    expect(stdout.trimEnd().split('\n').length).toBeGreaterThanOrEqual(10)
    expect(stdout.endsWith('\n')).toBe(true)
    expect(stderr).toMatch(/: \d+ calls.*; interrupted\n$/)
  })
})
