/** The image at its job: judged by Kafka's own consumer against what the simulator showed, through restarts, stops and a broker that goes away. */
import { expect, inject, test } from 'vitest'
import { booksOf } from '../support/ledger-books.ts'
import { dockerEngine } from '../support/platform/containers.ts'
import { brokersAnswer } from '../support/platform/readiness.ts'
import { until } from '../support/platform/until.ts'
import { clean, environmentOf, ImageRun, newName, once, truth, verdict } from './image-run.ts'

/** Slow enough to be met in the middle of its first read. */
const slowly = { KALEYRA_REQUESTS_PER_SECOND: '10', LOG_LEVEL: 'debug' }
const published = (line: Readonly<Record<string, unknown>>) => Number(line.records) > 0

test('started with the environment alone it publishes all calls once, and a new container goes on without repeats', async () => {
  const environment = environmentOf(newName())
  const startedAt = Date.now()
  await using first = await ImageRun.start({ environment })
  await first.untilAllRead()
  const ready = await first.status('/ready')
  const exit = await first.stop()
  const before = await verdict(environment.CONNECTOR_NAME ?? '', startedAt)

  const restartedAt = Date.now()
  await using second = await ImageRun.start({ environment, command: once })
  const ended = await second.exited

  expect({ ready, exit, stderr: first.stderr }).toEqual({ ready: 200, exit: 0, stderr: '' })
  expect(before).toMatchObject(clean)
  expect(before.records.length).toBeGreaterThan(2_500)
  expect(ended, second.output.slice(-2_000)).toBe(0)
  const after = await verdict(environment.CONNECTOR_NAME ?? '', restartedAt)
  expect(after).toMatchObject(clean)
  expect(after.records.length).toBeGreaterThan(before.records.length)
})

test('docker stop in the middle of a read: 0 in time, nothing is half-committed, and the next container completes it', async () => {
  const name = newName()
  const { reach } = inject('stage')
  await using run = await ImageRun.start({ environment: environmentOf(name, slowly) })
  await run.untilEvent('committed', published)
  const exit = await run.stop()
  const halfway = await booksOf(reach, name, await truth())

  const restartedAt = Date.now()
  await using next = await ImageRun.start({ environment: environmentOf(name), command: once })
  const ended = await next.exited

  expect({ exit, stderr: run.stderr }, run.output.slice(-2_000)).toEqual({ exit: 0, stderr: '' })
  expect(halfway).toMatchObject({ untrue: [], wrong: [] })
  expect(halfway.missing.length).toBeGreaterThan(0)
  expect(ended, next.output.slice(-2_000)).toBe(0)
  expect(await verdict(name, restartedAt)).toMatchObject(clean)
})

test('a broker that is stopped and started in the middle of a read: it stays alive, waits, and goes on', async () => {
  const name = newName()
  const { broker, reach } = inject('stage')
  const container = (await dockerEngine()).container.getById(broker)
  const startedAt = Date.now()
  await using run = await ImageRun.start({ environment: environmentOf(name, slowly) })
  await run.untilEvent('committed', published)
  await container.stop({ t: 10 })
  await until({ what: 'it has noticed', deadlineMs: 60_000 }, async () =>
    /"errorCode":"(KAFKA_UNREACHABLE|COMMIT_UNKNOWN)"/.test(await (await run.get('/status')).text()) ? true : undefined,
  )
  const live = await run.status('/live')
  await container.start()
  await brokersAnswer(reach.brokers)
  await run.untilAllRead()
  const exit = await run.stop()

  expect({ live, exit, stderr: run.stderr }, run.output.slice(-2_000)).toEqual({ live: 200, exit: 0, stderr: '' })
  expect(await verdict(name, startedAt)).toMatchObject(clean)
}, 240_000)
