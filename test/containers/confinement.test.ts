/** What the image may do on the machine: next to nothing, and it says so when that costs something. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { dockerEngine } from '../support/platform/containers.ts'
import { confined, environmentOf, ImageRun, newName } from './image-run.ts'

const SECOND_NS = 1_000_000_000
const soon = { Interval: SECOND_NS, StartPeriod: SECOND_NS }
const orders = ['call-log-source', 'status', '--config', 'config/container.yaml'] as const

describe('read-only, without capabilities and new privileges', () => {
  let run: ImageRun
  beforeAll(async () => {
    run = await ImageRun.start({ environment: environmentOf(newName()), healthcheck: soon })
    await run.untilAllRead()
  })
  afterAll(() => run?.[Symbol.asyncDispose]())

  test('the process is nobody in particular', async () => {
    const { output } = await run.exec('cat', '/proc/1/status')
    const of = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(output)?.[1]

    expect(of('Uid')).toBe('1000\t1000\t1000\t1000')
    expect(of('Gid')).toBe('1000\t1000\t1000\t1000')
    expect([of('CapEff'), of('CapPrm'), of('CapBnd')]).toEqual(Array(3).fill('0000000000000000'))
    expect(of('NoNewPrivs')).toBe('1')
  })

  test('the first process is node itself, so that signals arrive', async () => {
    const { output } = await run.exec('node', '-p', "require('fs').readlinkSync('/proc/1/exe')")

    expect(output).toMatch(/\/node\n$/)
  })

  test('Docker calls it healthy', async () => {
    await run.untilHealth('healthy')
  })

  test('its status is told inside the container', async () => {
    const { code, output } = await run.exec(...orders)

    expect(code, output).toBe(0)
    expect(output).toContain('running')
  })
})

test('a stop that comes before the program listens for it ends it at once, though it is the first process', async () => {
  const { dockerode } = (await dockerEngine()).container
  const { Config } = await dockerode.getImage(inject('stage').image).inspect()
  const [program, ...flags] = [Config.Entrypoint].flat().reverse()
  const command = ['-e', "console.log(JSON.stringify({ event: 'loading' })); setInterval(() => {}, 1_000)"]
  await using run = await ImageRun.start({ entrypoint: flags.reverse().map(String), command })
  await run.untilEvent('loading')

  expect(program).toBe('/app/dist/main.js')
  expect(await run.stop()).toBe(128 + 15)
})

test('even on a file system that can be written, the program cannot change itself', async () => {
  await using run = await ImageRun.start({ environment: environmentOf(newName()), host: {} })
  await run.untilEvent('started')
  const write = (path: string) => run.exec('node', '-e', `require('fs').writeFileSync('${path}', '')`)

  for (const path of ['/app/dist/main.js', '/app/config/container.yaml', '/app/new', '/usr/local/bin/call-log-source']) {
    const { code, output } = await write(path)
    expect({ code, denied: /EACCES/.test(output) }, `${path}: ${output}`).toEqual({ code: 1, denied: true })
  }
})

test.each([
  ['no /tmp at all', {}, 'EROFS'],
  ['a full /tmp', { '/tmp': 'nr_inodes=1' }, 'ENOSPC'],
])('with %s it runs, and says in one line that orders cannot reach it', async (_, Tmpfs, reason) => {
  const name = newName()
  await using run = await ImageRun.start({ environment: environmentOf(name), host: { ...confined, Tmpfs } })
  const line = await run.untilEvent('control.missing')
  await run.untilAllRead()
  const { code, output } = await run.exec(...orders)
  const exit = await run.stop()

  expect(line.msg).toBe(
    `status, pause, resume and backfill cannot reach this instance: the control socket /tmp/call-log-source-${name}.sock cannot be opened ` +
      `(${reason}); set control.socket to a path that can be written`,
  )
  expect({ code, exit, stderr: run.stderr }).toEqual({ code: 1, exit: 0, stderr: '' })
  expect(output).toContain(`/tmp/call-log-source-${name}.sock`)
})

test('HTTP_PORT moves the endpoints and the health check alike', async () => {
  const environment = environmentOf(newName(), { HTTP_PORT: '8123' })
  await using run = await ImageRun.start({ environment, httpPort: 8123, healthcheck: soon })
  await run.untilHealth('healthy')

  expect(await run.status('/live')).toBe(200)
})

test('the image names itself and carries no more than it needs', async () => {
  const { dockerode } = (await dockerEngine()).container
  const { Config } = await dockerode.getImage(inject('stage').image).inspect()
  await using run = await ImageRun.start({ environment: environmentOf(newName()) })
  await run.untilEvent('started')
  const listed = await run.exec('node', '-p', "require('fs').readdirSync('/app', { recursive: true }).join('\\n')")
  const files = listed.output.trim().split('\n')

  expect(Config.User).toBe('1000:1000')
  expect(Config.Entrypoint?.[0]).toBe('node')
  expect(Config.Labels).toMatchObject({
    'org.opencontainers.image.title': 'call-log-source',
    'org.opencontainers.image.licenses': 'Apache-2.0',
  })
  expect(files).toContain('dist/main.js')
  expect(files.filter(file => /^(src|test)(\/|$)|\.map$|^dist\/.*\.ts$/.test(file) && !file.startsWith('node_modules/'))).toEqual(
    [],
  )
  expect(files.filter(file => /^node_modules\/(typescript|vitest|testcontainers|@biomejs)$/.test(file))).toEqual([])
})
