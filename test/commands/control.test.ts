/** `status`, `pause`, `resume` and `backfill` as an operator uses them on the real connector. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCommand } from '../support/command.ts'
import { Connector, settingsFor } from '../support/connector.ts'
import type { Reach } from '../support/platform/platform.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { settledWorld } from '../support/settled-world.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'
import { verdictOn } from '../support/verdict.ts'

let reach: Reach
let simulator: Simulator
let folder: string
const name = uniqueName('control')

beforeAll(async () => {
  reach = await platform()
  folder = await mkdtemp(join(tmpdir(), 'control-'))
  simulator = await startSimulator({ world: settledWorld({ seed: 11, history: 2_000, historyMs: 40 * 3_600_000 }) })
}, platformStartMs)
afterAll(async () => {
  await simulator?.close()
  await rm(folder, { recursive: true, force: true })
})

const settings = () =>
  settingsFor(simulator, reach, name, {
    polling: { startFrom: '1h', schedule: [{ name: 'hot', every: '10s', span: '10m' }] },
    control: { socket: join(folder, 'control.sock') },
  })
const command = (...args: string[]) => runCommand(settings(), args)

test('without a connector each says in one line that none runs, and ends with 1', async () => {
  const ended = [await command('status'), await command('pause')]

  for (const { code, stdout, stderr } of ended)
    expect([code, stdout, stderr]).toEqual([
      1,
      '',
      `no connector of the name "${name}" runs on this machine (${join(folder, 'control.sock')})\n`,
    ])
})

test('pause stops every request, holds over a restart, and resume goes on; a backfill is read and published', async () => {
  const first = await Connector.start(settings())
  await using _first = first
  await first.untilEvent('window.read')

  const running = await command('status', '--json')
  const paused = await command('pause', '--account', 'main')
  const asked = simulator.requests.length
  first.kill('SIGKILL')
  await first.exited

  await using second = await Connector.start(settings())
  await second.untilEvent('task.paused')
  const status = await command('status')
  const askedWhilePaused = simulator.requests.length
  const resumed = await command('resume')
  await second.untilEvent('window.read')
  const ordered = await command('backfill', '--since', '30h', '--json')
  await second.untilEvent('backfill.done')
  const after = await command('status')
  second.kill('SIGTERM')
  const exit = await second.exited

  expect(JSON.parse(running.stdout)).toMatchObject({
    version: 1,
    name,
    accounts: [{ account: 'main', state: 'running', paused: false, ranges: { lost: [] }, lateness: { late: { count: 0 } } }],
  })
  expect([running.code, paused.code, paused.stdout]).toEqual([
    0,
    0,
    'main: paused: nothing is read until it is resumed, also after a restart\n',
  ])
  expect([status.code, askedWhilePaused]).toEqual([0, asked])
  expect(status.stdout).toMatch(/^main {2}paused since .*\n {2}\[.*\]/)
  expect([resumed.code, JSON.parse(ordered.stdout)]).toMatchObject([0, { accounts: [{ account: 'main', outcome: 'done' }] }])
  expect([after.code, exit.code]).toEqual([0, 0])
  const { records, repeated, extra } = await verdictOn(reach, `${name}.call-logs`, simulator.world)
  const early = records.filter(({ content }) => Number(content?.start_time) < Date.now() - 3 * 3_600_000)
  expect([repeated, extra]).toEqual([[], []])
  expect(early.length).toBeGreaterThan(1_000)
  expect(early.every(({ content }) => content?.read_by === 'backfill')).toBe(true)
})

test('a range beyond what the API keeps is refused with the bound, before anybody is asked', async () => {
  const ended = await command('backfill', '--from', '2020-01-01T00:00:00Z', '--until', '2020-01-02T00:00:00Z')

  expect([ended.code, ended.stdout]).toEqual([2, ''])
  expect(ended.stderr).toMatch(/ARGUMENTS_INVALID: 2020-01-01T00:00:00Z is too long ago: the API keeps 6 days, back to /)
})
