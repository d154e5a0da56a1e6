/** The image started wrongly: one report that names what is wrong, an exit code, and until then a health state that is true. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { ownFolder } from '../support/platform/reaped.ts'
import { confined, environmentOf, ImageRun, newName } from './image-run.ts'

const SECOND_NS = 1_000_000_000

async function ended(options: Parameters<typeof ImageRun.start>[0]) {
  await using run = await ImageRun.start(options)
  const code = await run.exited
  return { code, stdout: run.lines, stderr: run.stderr }
}

describe.concurrent('ends with 2 and one report', () => {
  test('without settings: each variable that must be set is named', async () => {
    const { code, stdout, stderr } = await ended({})

    expect({ code, stdout }).toEqual({ code: 2, stdout: [] })
    expect(
      stderr,
    ).toBe(`call-log-source: SETTINGS_INVALID: accounts[0].sid: the environment variable KALEYRA_SID is not set; set it
accounts[0].apiKey: the environment variable KALEYRA_API_KEY is not set; set it
kafka.brokers: the environment variable KAFKA_BROKERS is not set; set it
registry.url: the environment variable SCHEMA_REGISTRY_URL is not set; set it
`)
  })

  test('with empty variables, as from an environment file not filled in: no address is made up for them', async () => {
    const { code, stderr } = await ended({ environment: environmentOf(newName(), { KAFKA_BROKERS: '', KALEYRA_SID: '' }) })

    expect(code).toBe(2)
    expect(stderr).toBe(`call-log-source: SETTINGS_INVALID: accounts[0].sid: the environment variable KALEYRA_SID is empty; set it
kafka.brokers: the environment variable KAFKA_BROKERS is empty; set it
`)
  })

  test('with wrong settings: all of them are told, secrets are not', async () => {
    const wrong = { START_FROM: '30d', KAFKA_SSL: 'maybe', KALEYRA_ALLOW_HTTP: 'false', HTTP_PORT: '70000' }
    const environment = environmentOf(newName(), wrong)
    const { code, stdout, stderr } = await ended({ environment })

    expect({ code, stdout }).toEqual({ code: 2, stdout: [] })
    expect(stderr.trim().split('\n')).toEqual([
      expect.stringMatching(/^call-log-source: SETTINGS_INVALID: accounts\[0\]\.url.*must be https/),
      expect.stringMatching(/^polling\.startFrom = "30d": must be a duration/),
      expect.stringMatching(/^kafka\.ssl\.enabled = "maybe": must be true or false/),
      expect.stringMatching(/^http\.port = "?70000"?: must be/),
    ])
    expect(stderr).not.toContain(environment.KALEYRA_API_KEY)
    expect(stderr).not.toContain(environment.KALEYRA_SID)
  })

  test('with a settings file that was not mounted: its path is named', async () => {
    const { code, stderr } = await ended({ command: ['run', '--config', '/settings.yaml'] })

    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'call-log-source: SETTINGS_INVALID: the settings file /settings.yaml does not exist; check the path\n',
    })
  })

  test('on a port that another program has: the port is named', async () => {
    const network = `container:${inject('stage').simulator.container}`
    const environment = environmentOf(newName(), { HTTP_PORT: '8090' })
    const { code, stderr } = await ended({ environment, network, httpPort: null })

    expect(code).toBe(2)
    expect(stderr).toMatch(/^call-log-source: PORT_UNAVAILABLE: cannot listen on 0\.0\.0\.0:8090 \(EADDRINUSE\): [^\n]+\n/)
  })
})

test.concurrent('brokers that cannot be reached: alive and not ready while it tries, then 4 and one line that names them', async () => {
  const environment = environmentOf(newName(), { KAFKA_BROKERS: 'kafka-8:9092,kafka-9:9092' })
  await using run = await ImageRun.start({ environment, healthcheck: { Interval: SECOND_NS } })
  await run.untilHealth('healthy')
  const states = [await run.status('/live'), await run.status('/ready')]
  const code = await run.exited

  expect(states).toEqual([200, 503])
  expect(code, run.output.slice(-2_000)).toBe(4)
  expect(run.stderr).toMatch(/^call-log-source: KAFKA_UNREACHABLE: [^\n]*kafka-8:9092[^\n]*kafka-9:9092[^\n]*\n/)
})

test.concurrent('a mounted settings file takes the place of the image’s own', async () => {
  const name = newName()
  const { inside } = inject('stage')
  const folder = ownFolder()
  const file = join(folder.path, 'settings.json')
  const { KALEYRA_SID: sid, KALEYRA_API_KEY: apiKey } = environmentOf(name)
  await writeFile(
    file,
    JSON.stringify({
      name,
      accounts: [{ id: 'main', sid, apiKey, url: inside.apiUrl, allowHttp: true }],
      api: { requestsPerSecond: 100 },
      polling: { startFrom: '1h' },
      kafka: { brokers: inside.brokers },
      registry: { url: inside.registryUrl },
    }),
    { mode: 0o644 },
  )
  await using run = await ImageRun.start({
    command: ['run', '--once', '--config', '/settings.json'],
    host: { ...confined, Binds: [`${file}:/settings.json:ro`] },
  })
  const code = await run.exited
  await folder.remove()

  expect(code, run.output.slice(-2_000)).toBe(0)
  expect(run.lines.some(({ event, topic }) => event === 'topic.created' && topic === `${name}.call-logs`)).toBe(true)
})
