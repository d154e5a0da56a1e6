/**
 * `audit`: what the API shows, held against what the ledger says was published, over settled slots; with `--topic` also against what lies on the
 * topics. Only reads, at a tenth of the rate, so it may run beside the connector.
 */
import { Command } from 'commander'
import { audit } from '../flow/audit.ts'
import { isStop } from '../flow/audit-reading.ts'
import { type AuditReport, isProved } from '../flow/audit-report.ts'
import { loadSettings } from '../host/environment.ts'
import { listenForStop } from '../host/signals.ts'
import type { Terminal } from '../host/terminal.ts'
import { Seen } from '../ledger/seen.ts'
import { protectionOf } from '../model/number-protection.ts'
import { keyed } from '../model/partition.ts'
import type { Window } from '../model/window.ts'
import type { AccountSettings, Settings } from '../settings.ts'
import { clock, createBudgets, createSource } from '../wiring.ts'
import { auditJson, auditText } from './audit-output.ts'
import { auditProgress } from './audit-progress.ts'
import { accountsIn, type Looking, openLooking } from './looking.ts'
import { paced, RATE_OPTION } from './pace.ts'
import { type RangeOptions, rangeOf } from './preview-range.ts'

export interface AuditCommandOptions extends RangeOptions {
  readonly config: string
  readonly account?: string
  readonly topic?: boolean
  readonly rate?: string
  readonly probe: boolean
  readonly json?: boolean
}

/** `exit` is told 0 only when everything was proven equal, else 1. */
export function auditCommand(exit: (code: number) => void, terminal: Terminal): Command {
  return new Command('audit')
    .description('compare the API with what was published, over settled time; changes nothing; 1 unless proven equal')
    .requiredOption('-c, --config <file>', 'settings, YAML or JSON')
    .option('--account <id>', 'only this account')
    .option('--topic', 'also read the topics: what is missing, extra, repeated or stale there')
    .option('--since <duration>', 'only the time before now, up to 6d (default: everything settled that the API still shows)')
    .option('--from <instant>', 'begin of the range, 2026-01-02T03:04:05Z or with an offset')
    .option('--until, --to <instant>', 'end of the range; now unless given')
    .option(...RATE_OPTION)
    .option('--no-probe', 'send the API no request that is meant to be refused')
    .option('--json', 'print one JSON document with all findings, up to 10,000 of a kind')
    .action(async (options: AuditCommandOptions) => {
      exit(await auditAll(options, terminal))
    })
}

async function auditAll(options: AuditCommandOptions, terminal: Terminal): Promise<0 | 1> {
  const needsTopic = options.topic === true
  const needed = needsTopic ? (['accounts', 'kafka', 'registry'] as const) : (['accounts', 'kafka'] as const)
  const settings = paced(loadSettings(options.config, needed), options.rate)
  const accounts = accountsIn(settings, options.account)
  const asked = [options.since, options.from, options.to].some(given => given !== undefined)
    ? rangeOf(options, clock.now())
    : null
  const stop = listenForStop()
  const signal = AbortSignal.any([stop.soft, terminal.gone])
  const reports: AuditReport[] = []
  try {
    const looking = await openLooking(settings, needsTopic ? 'topics' : 'ledger', signal)
    try {
      const budgetOf = createBudgets(settings.api)
      for (const account of accounts) {
        const wiring = { budget: budgetOf(account.apiKey), sendsBadRequest: options.probe }
        const parts = { settings, account, looking, needsTopic, wiring, asked }
        const report = await auditOne(parts, terminal, signal)
        reports.push(report)
        if (options.json !== true) await terminal.print(auditText(report, terminal))
        if (signal.aborted) break
      }
    } finally {
      await looking.close()
    }
  } catch (error) {
    // An interrupted audit has proved nothing; what it had is printed.
    if (!isStop(error, signal)) throw error
  } finally {
    terminal.progress('')
    stop.release()
  }
  if (options.json === true) await terminal.print(auditJson(reports))
  return reports.length === accounts.length && reports.every(isProved) ? 0 : 1
}

interface OneAccount {
  readonly settings: Settings
  readonly account: AccountSettings
  readonly looking: Looking
  readonly needsTopic: boolean
  readonly wiring: Parameters<typeof createSource>[3]
  readonly asked: Window | null
}

async function auditOne(
  { settings, account, looking, needsTopic, wiring, asked }: OneAccount,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<AuditReport> {
  const { records, polling, api } = settings
  const source = createSource(settings, account, () => undefined, wiring)
  const parts = {
    source,
    ledger: looking.ledgerOf(account),
    clock,
    createIndex: () => new Seen(records.maxSeen),
    output: needsTopic ? looking.output : null,
    tell: auditProgress(terminal, clock, account.id, api),
  }
  const options = {
    account: account.id,
    asked,
    settleMs: polling.settleMs,
    maxRowsPerRead: polling.maxRowsPerRead,
    ignored: new Set(records.ignoreChangesIn),
    numbers: protectionOf(records.privacy, records.hmacKey),
    keyOf: keyed(settings.kafka.key, account.id),
  }
  try {
    return await audit(parts, options, signal)
  } finally {
    await source.close()
  }
}
