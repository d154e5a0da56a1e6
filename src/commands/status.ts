/** `status`: what the running connector says of each account, for people, for scripts and for a health check. */
import { Command } from 'commander'
import { ConnectorError } from '../errors.ts'
import type { Terminal } from '../host/terminal.ts'
import { talk } from './control-talk.ts'
import { type AccountReport, type StatusDocument, statusSchema } from './status-report.ts'
import { accountText, isFine } from './status-text.ts'

interface StatusOptions {
  readonly config: string
  readonly account?: string
  readonly json?: boolean
}

/** `exit` is told 0 when every account runs, stands by or is paused and nothing is lost; else 1. */
export function statusCommand(exit: (code: number) => void, terminal: Terminal): Command {
  return new Command('status')
    .description('what the running connector has covered, and how; 1 when an account does not run or something is lost')
    .requiredOption('-c, --config <file>', 'settings, YAML or JSON; only name and control are looked at')
    .option('--account <id>', 'only this account')
    .option('--json', 'print one JSON document, as /status has it')
    .action(async (options: StatusOptions) => exit(await status(options, terminal)))
}

async function status({ config, account, json }: StatusOptions, terminal: Terminal): Promise<0 | 1> {
  const talked = await talk(config, { method: 'GET', path: '/status' })
  if ('silent' in talked) {
    terminal.remark(talked.silent)
    return 1
  }
  const documents = talked.answers.map(({ where, body }) => {
    const { data } = statusSchema.safeParse(body)
    if (data === undefined)
      throw new ConnectorError(
        'ARGUMENTS_INVALID',
        `what answers at ${where} is no connector of this release; take its own status command`,
      )
    return data
  })
  const { accounts, ...rest } = merged(documents)
  const chosen = accounts.filter(report => account === undefined || report.account === account)
  if (chosen.length === 0)
    throw new ConnectorError(
      'ARGUMENTS_INVALID',
      `--account: no such account; there are ${accounts.map(each => each.account).join(', ')}`,
    )
  if (json === true) await terminal.print(`${JSON.stringify({ ...rest, accounts: chosen }, null, 2)}\n`)
  else await terminal.print(chosen.map(report => accountText(report, terminal)).join('\n'))
  return chosen.every(isFine) ? 0 : 1
}

/** Of several instances the one that reads an account tells about it; where all stand by, one of those. */
function merged(documents: readonly StatusDocument[]): StatusDocument {
  const [first, ...others] = documents
  if (first === undefined) throw new ConnectorError('BUG', 'no instance answered')
  const told = others.flatMap(({ accounts }) => accounts)
  const better = (report: AccountReport) => told.find(other => other.account === report.account && other.state !== 'standby')
  const accounts = first.accounts.map(report => (report.state === 'standby' ? (better(report) ?? report) : report))
  return { ...first, accounts }
}
