/**
 * The connector as Prometheus sees it: a process of its own, on a real Kafka and the simulator, scraped by a real Prometheus that runs the shipped
 * rules. What a rule or a dashboard asks must give an answer there, or it would be silent for ever.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Connector, settingsFor } from '../support/connector.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { until } from '../support/platform/until.ts'
import { expressionsOf } from '../support/prometheus/dashboard-expressions.ts'
import { rulesIn, type Selector, selectorsOf } from '../support/prometheus/expressions.ts'
import { prometheusPrograms } from '../support/prometheus/programs.ts'
import { hear } from '../support/prometheus/run-tool.ts'
import { type Prometheus, shipped, startPrometheus } from '../support/prometheus/server.ts'
import { settledWorld } from '../support/settled-world.ts'
import { type Simulator, startSimulator } from '../support/simulator/server.ts'

const rules = ['recording.yml', 'alerts.yml'].flatMap(file => rulesIn(readFileSync(join(shipped, file), 'utf8')))
const recorded = rules.flatMap(({ record = [] }) => record)
const grafana = join(shipped, '..', 'grafana')
const dashboards = existsSync(grafana)
  ? readdirSync(grafana, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.json'))
  : []
const ofDashboards = dashboards.flatMap(file =>
  expressionsOf(JSON.parse(readFileSync(join(grafana, file), 'utf8')), { account: 'main' }),
)
const expressions = [...new Set([...rules.map(({ expr }) => expr), ...ofDashboards])]

/** Series that a connector in good health may not have. Everything else that is asked for must be there. */
const ABSENT: Readonly<Record<string, string>> = {
  call_log_source_oldest_unread_timestamp_seconds: 'everything is read',
  call_log_source_schedule_stretch_ratio: 'no schedule had to be stretched yet',
}

let simulator: Simulator
let connector: Connector
let prometheus: Prometheus
let address: string

beforeAll(async () => {
  const reach = await platform()
  simulator = await startSimulator({ world: settledWorld({ seed: 5, history: 1_000, historyMs: 20 * 3_600_000 }) })
  const polling = {
    startFrom: '1d',
    schedule: [
      { name: 'hot', every: '10s', span: '30m' },
      { name: 'warm', every: '30m', span: '6h' },
      { name: 'cold', every: '24h', span: '6d' },
    ],
  }
  connector = await Connector.start(settingsFor(simulator, reach, uniqueName('scraped'), { polling }))
  address = await connector.address()
  prometheus = await startPrometheus(new URL(address).host)
  await connector.untilEvent('window.read', ({ schedule }) => schedule === 'hot')
  await until({ what: 'every recording rule gives a series', deadlineMs: 60_000 }, async () => {
    const counts = await Promise.all(recorded.map(name => prometheus.count(name)))
    return counts.every(count => count > 0) ? true : undefined
  })
}, platformStartMs)
afterAll(async () => {
  await prometheus?.[Symbol.asyncDispose]()
  await connector?.[Symbol.asyncDispose]()
  await simulator?.close()
})

test('promtool has nothing to remark on /metrics', async () => {
  const { promtool } = await prometheusPrograms()
  const page = await (await fetch(`${address}/metrics`)).text()

  const { code, text } = await hear(promtool, ['check', 'metrics'], page)

  expect(page).toContain('call_log_source_windows_read_total{account="main",schedule="hot"}')
  expect([code, text]).toEqual([0, ''])
})

describe('Prometheus', () => {
  test('runs every rule without an error, and no alert fires', async () => {
    const { data } = await prometheus.ask('rules')
    const { groups } = data as { groups: { rules: { name: string; health: string; lastError?: string; state?: string }[] }[] }
    const all = groups.flatMap(({ rules: some }) => some)

    expect(all.map(({ name }) => name).sort()).toEqual(rules.map(({ alert, record }) => alert ?? record).sort())
    expect(all.filter(({ health }) => health !== 'ok')).toEqual([])
    expect(all.filter(({ state }) => state === 'firing')).toEqual([])
  })

  test.each(expressions)('evaluates without a remark: %s', async query => {
    const { status, error, warnings = [], infos = [] } = await prometheus.ask('query', { query })

    expect([status, error, warnings, infos]).toEqual(['success', undefined, [], []])
  })

  const selectors = new Map(expressions.flatMap(selectorsOf).map((selector): [string, Selector] => [selector.text, selector]))
  const present = [...selectors.values()].filter(({ metric }) => !(metric in ABSENT))
  test.each(present.map(({ text }) => text))('has series for %s', async text => {
    expect(await prometheus.count(text)).toBeGreaterThan(0)
  })

  test.each(Object.entries(ABSENT))('is asked for %s, which may be absent since %s', name => {
    expect([...selectors.values()].map(({ metric }) => metric)).toContain(name)
  })
})
