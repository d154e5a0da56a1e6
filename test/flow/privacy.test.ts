/** From the API's answer to Kafka and to everything an operator sees: real HTTP, real normaliser, encoder, flow, log and metrics. */

import { createHmac } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { createEncoder } from '../../src/avro/encoder.ts'
import { readCallLogSchema } from '../../src/avro/schema.ts'
import { AccountTask } from '../../src/flow/account.ts'
import { createKaleyraSource } from '../../src/kaleyra/source.ts'
import { ALL_PLAIN, type NumberRules, protectionOf } from '../../src/model/number-protection.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/window.ts'
import type { Happening } from '../../src/ports.ts'
import { StatusBoard } from '../../src/server/status-board.ts'
import { errorFields } from '../../src/telemetry/error-fields.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { createObserver } from '../../src/telemetry/observer.ts'
import { API_KEY, type Api, json, SID, startApi, success } from '../kaleyra/fixture.ts'
import { ledgerOn, memoryCluster } from '../support/ledger-on-memory.ts'
import type { MemoryCluster } from '../support/memory-kafka.ts'
import { soleOwner } from '../support/sole-owner.ts'
import { usualAccount } from '../support/usual-account.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const startMs = Date.parse('2026-03-10T12:00:30Z')
const KEY = '0123456789abcdef0123456789abcdef'
const { type } = readCallLogSchema()
const decoded = (value: Buffer | null) => type.fromBuffer((value ?? Buffer.alloc(0)).subarray(5)) as Record<string, unknown>

const at = (minutes: number) => new Date(startMs - minutes * MINUTE_MS).toISOString()

let api: Api | null = null
afterEach(async () => {
  await api?.close()
  api = null
})

interface Run {
  readonly cluster: MemoryCluster
  readonly rows: readonly unknown[]
  /** Instead of the rows. */
  readonly answer?: unknown
  readonly privacy?: NumberRules
  readonly timeZone?: string
  /** Fingerprint of the record settings. */
  readonly rules?: string
  readonly optIn?: readonly string[]
  readonly laterMs?: number
}

/** As an API that hears its bounds and pages; rows whose start cannot be read begin ten minutes before the first run. */
function answerOf(rows: readonly unknown[], form: URLSearchParams): unknown {
  const [fromMs, untilMs] = [Date.parse(form.get('start_time') ?? ''), Date.parse(form.get('end_time') ?? '')]
  if (Number.isNaN(fromMs + untilMs))
    return { code: 'RBC3004', message: 'Incorrect start time.', data: [], error: { error: 'Incorrect start time.' } }
  const beginsMs = (row: unknown) => Date.parse(/\d{4}-\d\d-\d\dT[\d:.]+Z/.exec(JSON.stringify(row))?.[0] ?? at(10))
  const matches = rows.filter(row => fromMs <= beginsMs(row) && beginsMs(row) <= untilMs)
  return success(form.has('page') && form.get('page') !== '1' ? [] : matches, { total: matches.length })
}

/** One `run --once` over an API that shows these rows; everything that operators could see of it. */
async function runOnce({
  cluster,
  rows,
  answer,
  privacy = ALL_PLAIN,
  timeZone,
  rules = 'one',
  optIn = [],
  laterMs = 0,
}: Run): Promise<string> {
  const clock = new VirtualClock({ startMs: startMs + laterMs })
  api = await startApi(({ form }, response) => json(response, answer ?? answerOf(rows, form)), clock)
  let seen = ''
  const see = (text: string) => {
    seen += text
  }
  const log = createLog({ level: 'trace', format: 'json', secrets: [], to: { write: line => see(line) } })
  const metrics = createMetrics({ build: { version: '0' }, schedules: ['hot'] })
  const observer = createObserver(metrics, log, clock)
  const board = new StatusBoard(['main'], () => clock.now())
  const note = (happening: Happening) => {
    observer.note('main', happening)
    board.note('main', happening)
    see(JSON.stringify(happening, (_, value) => (value instanceof Error ? `${value.message} ${value.stack}` : value)))
  }
  const source = createKaleyraSource(
    {
      ...{
        sid: SID,
        apiKey: API_KEY,
        origin: api.origin,
        style: 'post-form',
        pageSize: 100,
        requestsPerSecond: 1,
        burst: 1,
        timeoutMs: 5_000,
      },
      ...{ optIn, privacy, hmacKey: KEY, ...(timeZone !== undefined && { timeZone }) },
    },
    { clock, random: () => 0.5, note },
  )
  const signal = new AbortController().signal
  const task = new AccountTask(
    {
      source,
      ledger: ledgerOn(cluster, clock, { startFromMs: DAY_MS, rules }),
      ownership: soleOwner(),
      encoder: createEncoder(1),
      clock,
      random: () => 0.5,
      note,
    },
    {
      ...usualAccount,
      numbers: protectionOf(privacy, KEY),
      schedule: [{ name: 'hot', everyMs: MINUTE_MS, spanMs: 6 * HOUR_MS }],
    },
    { soft: signal, hard: signal },
  )
  await task.run().catch(error => {
    if (answer === undefined) throw error
    see(JSON.stringify(errorFields(error)))
  })
  await source.close()
  await api.close()
  return `${seen}${await metrics.text()}${JSON.stringify(board.report('kaleyra', '0'))}`
}

const letters = (cluster: MemoryCluster) => cluster.committed('dlq').map(({ headers }) => headers?.['dlq.reason'])

describe('with every number protected', () => {
  const planted = ['919876543210', '+91 98765 43211', '9876543212', '98765-43213', '00919876543214', 9_876_543_215]
  const rows = [
    { id: 'a', from: planted[0], to: planted[1], bridge: planted[2], start_time: at(10), agent: planted[3], notes: planted[4] },
    { id: 'b', from: planted[5], caller: planted[4], [String(planted[0])]: 1, start_time: at(9), hangup_by: planted[3] },
    { id: 'c', from: [planted[0]], legs: { deep: [{ to: planted[1] }] }, start_time: String(planted[2]), credits: planted[5] },
    {
      id: 'd',
      from: planted[0],
      start_time: '2026-03-10 11:00:00',
      notes: `ring ${planted[1]}`,
      recording: `//x/${planted[2]}.mp3`,
    },
    { from: planted[0], to: planted[1], start_time: at(8), alt: `${planted[2]} or ${planted[3]}` },
    { id: { number: planted[4] }, blob: `x${planted[5]} `.repeat(20_000) },
    `${planted[0]},${planted[1]}`,
    [planted[5], { from: planted[3] }],
  ]

  test.each(['mask', 'hmac', 'drop'] as const)(
    'by %s, no record, dead letter, ledger entry, log line, metric, status or error holds one',
    async rule => {
      const cluster = await memoryCluster()
      const privacy = { from_number: rule, to_number: rule, bridge_number: rule }

      const seen = await runOnce({ cluster, rows, privacy, optIn: ['recording_ref', 'location', 'operator', 'notes', 'custom'] })

      const records = ['events', 'dlq', 'ledger'].flatMap(topic => cluster.committed(topic))
      const bytes = records.map(
        ({ key, value, headers }) => `${String(key)} ${value?.toString('latin1')} ${JSON.stringify(headers)}`,
      )
      expect(cluster.committed('events')).toHaveLength(3)
      expect(letters(cluster).sort()).toEqual(['naive_time', 'no_call_id', 'no_call_id', 'not_an_object', 'not_an_object'])
      expect(seen.length).toBeGreaterThan(2_000)
      for (const number of planted) {
        const tail = String(number).replace(/\D/g, '').slice(-7)
        for (const text of [...bytes, seen]) expect(text.replace(/[\s-]/g, '')).not.toContain(tail)
      }
    },
  )

  test('an answer that is refused leaves nothing of its text behind', async () => {
    const answer = { code: '919876543210', message: '919876543210', error: { error: '919876543210' }, data: ['919876543210'] }

    const seen = await runOnce({ cluster: await memoryCluster(), rows: [], answer })

    expect(seen).toContain('API_REJECTED')
    expect(seen).not.toContain('9876543210')
  })

  test('every record says what was done, with the id of the key', async () => {
    const cluster = await memoryCluster()
    const privacy = { from_number: 'hmac', to_number: 'mask', bridge_number: 'plain' } as const

    await runOnce({ cluster, rows: rows.slice(0, 2), privacy })

    const [first] = cluster
      .committed('events')
      .map(({ value }) => decoded(value))
      .filter(event => event.call_id === 'a')
    expect(first).toMatchObject({
      from_number: createHmac('sha256', KEY).update('919876543210').digest('hex'),
      to_number: '91********11',
      bridge_number: '9876543212',
      number_protection: 'HMAC',
      hmac_key_id: protectionOf(privacy, KEY).hmac_key_id,
    })
  })
})

describe('a dead letter', () => {
  const naive = { id: 'a', from: '919876543210', start_time: '2026-03-10 17:20:00' }
  const noId = { from: '919876543210', start_time: at(7), recording: '//play.example.com/?id=7&signature=1' }

  test('has its reason, detail, path, account, window and instant in headers, and the row in its value', async () => {
    const cluster = await memoryCluster()

    await runOnce({ cluster, rows: [naive] })

    const [{ key, value, headers } = {}] = cluster.committed('dlq')
    expect(String(key)).toBe('a')
    expect(JSON.parse(String(value))).toEqual({ account: 'main', reason: 'naive_time', path: 'start_time', row: naive })
    expect(headers).toEqual({
      'dlq.reason': 'naive_time',
      'dlq.detail': 'The time has no offset; set timeZone for this account.',
      'dlq.path': 'start_time',
      'dlq.account': 'main',
      'dlq.read_from': expect.stringMatching(/^2026-03-(09|10)T\d\d:\d\d:\d\dZ$/),
      'dlq.observed_at': expect.stringMatching(/^2026-03-10T12:\d\d:\d\dZ$/),
    })
  })

  test('is published once, however often the row is read and its link is signed anew', async () => {
    const cluster = await memoryCluster()
    await runOnce({ cluster, rows: [naive, noId] })
    const again = [naive, { ...noId, recording: '//play.example.com/?id=7&signature=2' }]

    await runOnce({ cluster, rows: again, laterMs: HOUR_MS })

    expect(letters(cluster)).toEqual(['naive_time', 'no_call_id'])
  })

  test('is tried again when the rules change: read now, it is CREATED; failing still, it is not published again', async () => {
    const cluster = await memoryCluster()
    const privacy = { from_number: 'mask', to_number: 'mask', bridge_number: 'mask' } as const
    await runOnce({ cluster, rows: [naive, noId] })

    await runOnce({ cluster, rows: [naive, noId], privacy, rules: 'two', timeZone: 'Asia/Kolkata', laterMs: HOUR_MS })
    await runOnce({ cluster, rows: [naive, noId], privacy, rules: 'two', timeZone: 'Asia/Kolkata', laterMs: 2 * HOUR_MS })

    expect(letters(cluster)).toEqual(['naive_time', 'no_call_id'])
    const events = cluster.committed('events').map(({ value }) => decoded(value))
    expect(events).toMatchObject([{ call_id: 'a', change_type: 'CREATED', from_number: '91********10' }])
  })
})

test('another privacy rule or another key re-bases the calls that are known, and publishes none of them again', async () => {
  const cluster = await memoryCluster()
  const rows = [{ id: 'a', from: '919876543210', start_time: at(10) }]
  const privacy = { ...ALL_PLAIN, from_number: 'drop' } as const
  await runOnce({ cluster, rows })

  await runOnce({ cluster, rows, privacy, rules: 'two', laterMs: MINUTE_MS })
  const changed = [{ ...rows[0], status: 'BUSY' }]
  await runOnce({ cluster, rows: changed, privacy, rules: 'two', laterMs: 2 * MINUTE_MS })

  const events = cluster.committed('events').map(({ value }) => decoded(value))
  expect(events.map(({ revision, from_number, changed_fields }) => [revision, from_number, changed_fields])).toEqual([
    [1, '919876543210', []],
    [2, null, ['status', 'disposition']],
  ])
})
