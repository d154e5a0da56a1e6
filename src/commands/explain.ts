/**
 * `explain CALL_ID`: what became of one call, or why there is nothing of it. Looks into the ledger and scans the partitions of its key; asks the API
 * only with `--api`. Like `audit` it disturbs nobody.
 */
import { Command } from 'commander'
import { ConnectorError } from '../errors.ts'
import { type AuditRow, rowsInside } from '../flow/audit-ledger.ts'
import { isStop } from '../flow/audit-reading.ts'
import { type Explanation, explain, isFound } from '../flow/explain.ts'
import { WindowReader } from '../flow/read.ts'
import { loadSettings } from '../host/environment.ts'
import { listenForStop } from '../host/signals.ts'
import type { Terminal } from '../host/terminal.ts'
import { HORIZON_MS } from '../model/coverage.ts'
import { floor } from '../model/grid.ts'
import { keyed } from '../model/partition.ts'
import { edgeOf } from '../model/schedule.ts'
import { MINUTE_MS, type Window } from '../model/window.ts'
import type { Source } from '../ports.ts'
import type { AccountSettings, Settings } from '../settings.ts'
import { clock, createBudgets, createSource } from '../wiring.ts'
import { explanationJson, explanationText } from './explain-output.ts'
import { accountsIn, type Looking, openLooking } from './looking.ts'
import { paced, RATE_OPTION } from './pace.ts'
import { windowsOf } from './preview-range.ts'

export interface ExplainCommandOptions {
  readonly config: string
  readonly account?: string
  readonly api?: boolean
  readonly rate?: string
  readonly probe: boolean
  readonly json?: boolean
}

/** `exit` is told 0 when anything of the call was found, else 1. */
export function explainCommand(exit: (code: number) => void, terminal: Terminal): Command {
  return new Command('explain')
    .description('what became of a call: ledger, topics and, with --api, the API; changes nothing; 1 when nothing was found')
    .argument('<call-id>', 'the call_id, whole')
    .requiredOption('-c, --config <file>', 'settings, YAML or JSON')
    .option('--account <id>', 'only in this account')
    .option('--api', 'also ask the API what it shows now')
    .option(...RATE_OPTION)
    .option('--no-probe', 'send the API no request that is meant to be refused')
    .option('--json', 'print one JSON document')
    .action(async (callId: string, options: ExplainCommandOptions) => {
      exit(await explainAll(callId, options, terminal))
    })
}

async function explainAll(callId: string, options: ExplainCommandOptions, terminal: Terminal): Promise<0 | 1> {
  if (callId === '') throw new ConnectorError('ARGUMENTS_INVALID', 'the call_id is empty')
  const settings = paced(loadSettings(options.config, ['accounts', 'kafka', 'registry']), options.rate)
  const accounts = accountsIn(settings, options.account)
  const stop = listenForStop()
  const signal = AbortSignal.any([stop.soft, terminal.gone])
  const found: Explanation[] = []
  try {
    const looking = await openLooking(settings, 'topics', signal)
    try {
      for (const account of accounts) {
        terminal.progress(`looking for the call in ${account.id}`)
        found.push(await explainIn({ settings, account, looking, callId, options }, signal))
      }
    } finally {
      await looking.close()
    }
  } catch (error) {
    if (!isStop(error, signal)) throw error
    return 1
  } finally {
    terminal.progress('')
    stop.release()
  }
  await terminal.print(
    options.json === true ? explanationJson(found) : found.map(each => explanationText(each, terminal)).join('\n'),
  )
  return found.some(isFound) ? 0 : 1
}

interface Asked {
  readonly settings: Settings
  readonly account: AccountSettings
  readonly looking: Looking
  readonly callId: string
  readonly options: ExplainCommandOptions
}

async function explainIn({ settings, account, looking, callId, options }: Asked, signal: AbortSignal): Promise<Explanation> {
  const { output } = looking
  const parts = { ledger: looking.ledgerOf(account), output, clock }
  const asking = {
    account: account.id,
    callId,
    settleMs: settings.polling.settleMs,
    keyOf: keyed(settings.kafka.key, account.id),
  }
  if (options.api !== true) return await explain(parts, asking, signal)
  const wiring = { budget: createBudgets(settings.api)(account.apiKey), sendsBadRequest: options.probe, callIds: [callId] }
  const source = createSource(settings, account, () => undefined, wiring)
  try {
    return await explain({ ...parts, ask: startMs => askApi({ settings, source, callId, startMs }, signal) }, asking, signal)
  } finally {
    await source.close()
  }
}

interface Question {
  readonly settings: Settings
  readonly source: Source
  readonly callId: string
  /** Where to look; `null` looks everywhere, newest day first. */
  readonly startMs: number | null
}

/** `null` when the API shows no such call, or not any more. */
async function askApi({ settings, source, callId, startMs }: Question, signal: AbortSignal): Promise<AuditRow | null> {
  const { polling, records } = settings
  await source.probe(signal)
  const limits = { maxRowsPerRead: polling.maxRowsPerRead, ignored: new Set(records.ignoreChangesIn) }
  const reader = new WindowReader({ source, clock, note: () => undefined, isChange: () => false, isNew: () => true }, limits)
  const [fromMs, untilMs] = [floor(clock.now() - HORIZON_MS, MINUTE_MS) + MINUTE_MS, edgeOf(clock.now(), source.skewMs())]
  const all = windowsOf({ fromMs, untilMs }).reverse()
  const near = startMs === null ? all : [minuteOf(startMs)].filter(window => window.untilMs > fromMs)
  for (const window of near) {
    let found: AuditRow | null = null
    for await (const step of reader.read({ window, settled: [] }, signal)) {
      if (step.kind === 'failed') throw step.error
      if (step.kind === 'rows') found = rowsInside(() => true, step.calls, step.bad).find(row => row.callId === callId) ?? found
    }
    if (signal.aborted) throw new ConnectorError('STOPPED', 'stopped while asking the API')
    if (found !== null) return found
  }
  return null
}

function minuteOf(startMs: number): Window {
  const fromMs = floor(startMs, MINUTE_MS)
  return { fromMs, untilMs: fromMs + MINUTE_MS }
}
