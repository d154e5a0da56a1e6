/**
 * `check`: whether `run` would work with these settings, found out without publishing, creating, registering or altering anything. One line for
 * each finding, with what to do about it; what does not rest on a failure is checked all the same.
 */
import { Command } from 'commander'
import { loadSettings } from '../host/environment.ts'
import { listenForStop } from '../host/signals.ts'
import type { Terminal } from '../host/terminal.ts'
import type { Settings } from '../settings.ts'
import { createLog } from '../telemetry/log.ts'
import { createBudgets, createClient, createSource, createTopicsOf } from '../wiring.ts'
import { apiChecks, settingChecks } from './check-accounts.ts'
import { KAFKA_DEADLINE_MS, kafkaChecks } from './check-kafka.ts'
import { registryChecks } from './check-registry.ts'
import { type Check, type Finding, ok, runChecks, type State } from './checklist.ts'
import { paced, RATE_OPTION } from './pace.ts'
import { printable, wrapped } from './table.ts'

export interface CheckOptions {
  readonly config: string
  readonly rate?: string
  readonly probe: boolean
  readonly json?: boolean
}

/** `exit` is told 0, or 1 when something failed or the check was interrupted. */
export function checkCommand(exit: (code: number) => void, terminal: Terminal): Command {
  return new Command('check')
    .description('try settings, API, Kafka and registry; changes nothing; 1 when run would fail')
    .requiredOption('-c, --config <file>', 'settings, YAML or JSON')
    .option(...RATE_OPTION)
    .option('--no-probe', 'send the API no request that is meant to be refused; what that would prove stays unproved')
    .option('--json', 'print one JSON document')
    .action(async (options: CheckOptions) => {
      exit(await check(options, terminal))
    })
}

/** Resolves with the exit code. */
async function check(options: CheckOptions, terminal: Terminal): Promise<0 | 1> {
  const settings = loadSettings(options.config, ['accounts', 'kafka', 'registry'])
  const { checks, close } = checksOf(settings, options)
  const stop = listenForStop()
  const signal = AbortSignal.any([stop.soft, terminal.gone])
  const findings: Finding[] = []
  const width = Math.max(...checks.map(({ name }) => name.length))
  try {
    const underWay = (names: readonly string[]) => terminal.progress(names.length === 0 ? '' : `checking ${names.join(', ')}`)
    for await (const finding of runChecks(checks, signal, underWay)) {
      findings.push(finding)
      if (options.json !== true) await terminal.print(textOf(finding, width, terminal))
    }
  } finally {
    terminal.progress('')
    stop.release()
    await close()
  }
  const isFine = !signal.aborted && findings.every(({ state }) => state !== 'failed')
  if (options.json === true) await terminal.print(`${JSON.stringify({ checks: findings, ok: isFine }, null, 2)}\n`)
  return isFine ? 0 : 1
}

function checksOf(settings: Settings, { config, rate, probe }: CheckOptions): { checks: Check[]; close(): Promise<void> } {
  const slow = paced(settings, rate)
  const budgetOf = createBudgets(slow.api)
  const sources = settings.accounts.map(account => {
    const wiring = { budget: budgetOf(account.apiKey), sendsBadRequest: probe }
    return { account, source: createSource(slow, account, () => undefined, wiring) }
  })
  const client = createClient(settings, createLog({ ...settings.log, level: 'silent', secrets: [] }))
  const topics = createTopicsOf(client, KAFKA_DEADLINE_MS)
  const checks = [
    { name: 'settings', run: async () => ok(`${config} is understood`) },
    ...settingChecks(settings),
    ...sources.flatMap(({ account, source }) => apiChecks(slow, account, source)),
    ...kafkaChecks(settings, client, topics),
    ...registryChecks(settings),
  ]
  const close = async () => {
    await Promise.all([topics.close(), ...sources.map(({ source }) => source.close())])
  }
  return { checks, close }
}

const STATES: Readonly<Record<State, { readonly word: string; readonly colour: 'green' | 'yellow' | 'red' | 'dim' }>> = {
  ok: { word: 'ok', colour: 'green' },
  warning: { word: 'warning', colour: 'yellow' },
  failed: { word: 'failed', colour: 'red' },
  not_checked: { word: '-', colour: 'dim' },
}
const WORD_WIDTH = 'warning'.length

/** State, name, what was found, and below it what to do. On a terminal long text goes on in its own column. */
function textOf({ name, state, found, remedy }: Finding, width: number, terminal: Terminal): string {
  const { word, colour } = STATES[state]
  const indent = ' '.repeat(WORD_WIDTH + width + 4)
  const room = terminal.columns === null ? Number.POSITIVE_INFINITY : Math.max(20, terminal.columns - indent.length)
  const lines = wrapped(printable(found), room)
  const remedies = remedy === null ? [] : wrapped(`→ ${remedy}`, room)
  const head = `${terminal.paint(colour, word.padEnd(WORD_WIDTH))}  ${name.padEnd(width)}  `
  return `${head}${[...lines, ...remedies].join(`\n${indent}`)}\n`
}
