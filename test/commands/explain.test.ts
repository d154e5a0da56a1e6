/** `explain` as its users run it, on real Kafka: what became of a call, or why there is nothing of it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Ended, runCommand } from '../support/command.ts'
import { Connector, settingsFor } from '../support/connector.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { settledWorld } from '../support/settled-world.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'

let simulator: Simulator
let settings: object
const name = uniqueName('explain')
const world = settledWorld({ seed: 51, history: 60, historyMs: 2 * 3_600_000, badRowShare: 0 })
const created = world.calls[7]
const changed = world.calls[20]
const huge = world.add({ startMs: Math.floor(Date.now() / 1_000) * 1_000 - 7 * 3_600_000, extra: { blob: 'x'.repeat(500_000) } })

beforeAll(async () => {
  const reach = await platform()
  simulator = await startSimulator({ world })
  settings = settingsFor(simulator, reach, name)
  const first = await Connector.runOnce(settings)
  world.change(changed?.id ?? '', { credits: '9.5' })
  const second = await Connector.runOnce(settings)
  for (const { exit, output } of [first, second]) expect(exit, output.slice(-2_000)).toEqual({ code: 0, signal: null })
}, platformStartMs)
afterAll(() => simulator?.close())

const explain = (callId: string, ...args: readonly string[]) =>
  runCommand(settings, ['explain', callId, '--rate', '500', ...args])
const told = ({ stdout }: Ended) => JSON.parse(stdout).accounts[0]

test('a created call: its entry, its one version with its place, when its time was read, and what was looked at', async () => {
  const id = created?.id ?? ''

  const [json, text] = [await explain(id, '--json', '--api'), await explain(id)]

  expect(json.code, json.stdout + json.stderr).toBe(0)
  expect(told(json)).toMatchObject({
    account: 'main',
    call_id: id,
    found: true,
    ledger: [{ kind: 'call', revision: 1, isUnderPresentRules: true }],
    versions: [{ change: 'CREATED', revision: 1, changed_fields: [], read_by: 'backfill' }],
    dead_letters: [],
    slot: { settled: true },
    gap: null,
    api: { shown: true, against_ledger: 'same' },
  })
  const { ledger, versions, looked_at } = told(json)
  expect(versions[0].at).toMatch(new RegExp(`^${name}.call-logs-[012]@\\d+$`))
  expect(ledger[0].contentHash).toBe(versions[0].content_hash)
  expect(looked_at).toEqual([
    'ledger: entries last written within 9 days',
    expect.stringMatching(new RegExp(`^${name}.call-logs-[012]: offsets 0 to \\d+, oldest 20`)),
    expect.stringMatching(new RegExp(`^${name}.call-logs.dlq-[012]: offsets 0 to \\d+`)),
    'API: asked',
  ])
  expect(text.stdout).toMatch(new RegExp(`^main: ${id}: found\n  ledger: call, first seen 20.*revision 1`))
  expect(text.stdout).toMatch(/its time, \[20.*\), was first read 20.* and last read 20/)
  const numbers = created?.versions.flatMap(({ facts }) => [facts.from, facts.to].filter(number => number !== null)) ?? []
  for (const number of numbers) expect(json.stdout + text.stdout).not.toContain(number)
})

test('an updated call: both versions and what changed', async () => {
  const ended = await explain(changed?.id ?? '', '--json')

  expect(ended.code, ended.stderr).toBe(0)
  expect(told(ended)).toMatchObject({
    ledger: [{ revision: 2 }],
    versions: [
      { change: 'CREATED', revision: 1 },
      { change: 'UPDATED', revision: 2, changed_fields: ['cost'] },
    ],
    api: null,
  })
})

test('a call that the API shows otherwise by now: what differs, and what will become of it', async () => {
  const id = world.calls[30]?.id ?? ''
  world.change(id, { credits: '7.75' })

  const ended = await explain(id, '--api')

  expect(ended.code, ended.stderr).toBe(0)
  expect(ended.stdout).toContain('the API shows another cost: it will be published as revision 2 when it is next read')
})

test('a dead-lettered call: its letter, its reason, and no version', async () => {
  const ended = await explain(huge.id ?? '', '--json')

  expect(ended.code, ended.stderr).toBe(0)
  expect(told(ended)).toMatchObject({
    versions: [],
    dead_letters: [{ at: expect.stringMatching(new RegExp(`^${name}.call-logs.dlq-[012]@\\d+$`)), reason: 'too_large' }],
  })
})

test('an unknown call: nothing, what is covered, and that the API was not asked', async () => {
  const [offline, online] = [await explain('nobody-1'), await explain('nobody-1', '--api')]

  expect([offline.code, online.code], offline.stderr + online.stderr).toEqual([1, 1])
  expect(offline.stdout).toMatch(
    /^main: nobody-1: nothing found\n {2}never seen, or longer than 9 days ago; covered from 20.* through 20.*, no gaps\n/,
  )
  expect(offline.stdout).toContain('API: not asked (--api)')
  expect(online.stdout).toContain('the API does not show it')
})
