/** The rules as promtool judges them, and what every alert owes to whoever is woken by it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { rulesIn } from '../support/prometheus/expressions.ts'
import { prometheusPrograms } from '../support/prometheus/programs.ts'
import { hear } from '../support/prometheus/run-tool.ts'
import { shipped } from '../support/prometheus/server.ts'

interface AlertTest {
  readonly alertname: string
  readonly exp_alerts?: readonly unknown[]
}

const root = join(import.meta.dirname, '..', '..')
const cases = join(import.meta.dirname, 'cases')
const caseFiles = readdirSync(cases).map(file => join(cases, file))
const ruleFiles = ['recording.yml', 'alerts.yml'].map(file => join(shipped, file))
const alerts = rulesIn(readFileSync(join(shipped, 'alerts.yml'), 'utf8'))

async function promtool(...args: string[]) {
  return await hear((await prometheusPrograms()).promtool, args)
}

describe('promtool', () => {
  test('accepts the configuration, with the rules it names', async () => {
    const { code, text } = await promtool('check', 'config', join(shipped, 'prometheus.yml'))

    expect(code, text).toBe(0)
    expect(text).toContain('2 rule files found')
  })

  test('accepts the rules and has nothing to remark', async () => {
    const { code, text } = await promtool('check', 'rules', '--lint-fatal', ...ruleFiles)

    expect(code, text).toBe(0)
  })

  test('finds every alert firing, and quiet, as the cases say', async () => {
    const { code, text } = await promtool('test', 'rules', ...caseFiles)

    expect(code, text).toBe(0)
    expect(text.match(/SUCCESS|FAILED/g)?.length).toBeGreaterThan(0)
  })
})

describe('the alerts', () => {
  const contract = {
    page: ['UnreadExpiringSoon', 'DataLost', 'AccountFailed', 'NoProgress', 'Down'],
    ticket: ['DeadLetters', 'Throttled', 'BudgetSaturated', 'UnknownValues', 'LateBeyondWarm', 'OwnerFlapping'],
  }

  test('are those of the contract, by whom they call', () => {
    const of = (severity: string) => alerts.filter(({ labels }) => labels?.severity === severity).map(({ alert }) => alert)

    expect({ page: of('page'), ticket: of('ticket') }).toEqual(contract)
    expect(alerts).toHaveLength(11)
  })

  const tests = caseFiles.flatMap(file => {
    const { tests: groups } = parse(readFileSync(file, 'utf8')) as { tests: { alert_rule_test: AlertTest[] }[] }
    return groups.flatMap(({ alert_rule_test }) => alert_rule_test)
  })
  test.each(alerts.map(({ alert = '' }) => alert))('%s has a case that fires it and one that keeps it quiet', alert => {
    const own = tests.filter(({ alertname }) => alertname === alert)

    expect(own.filter(({ exp_alerts = [] }) => exp_alerts.length > 0)).not.toEqual([])
    expect(own.filter(({ exp_alerts = [] }) => exp_alerts.length === 0)).not.toEqual([])
  })

  test.each(alerts.map(rule => [rule.alert ?? '', rule] as const))(
    '%s says what, why, and where to read on',
    (_, { annotations = {} }) => {
      const { summary = '', description = '', runbook_url = '' } = annotations
      const [file = '', anchor] = runbook_url.split('#')
      const headings = readFileSync(join(root, file), 'utf8').matchAll(/^#+ (.+)$/gm)
      const anchors = [...headings].map(([, heading = '']) =>
        heading
          .toLowerCase()
          .replaceAll(/[^\w -]/g, '')
          .replaceAll(' ', '-'),
      )

      expect(Math.min(summary.length, description.length)).toBeGreaterThan(20)
      expect(anchors).toContain(anchor)
    },
  )
})
