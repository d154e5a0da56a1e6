/**
 * `pause`, `resume` and `backfill`: orders to the running connector, which answers when they are durable. Each account does it where it is read; an
 * instance that only stands by says so.
 */
import { Command } from 'commander'
import * as z from 'zod'
import { ConnectorError } from '../errors.ts'
import type { Terminal } from '../host/terminal.ts'
import { instantText } from '../model/window.ts'
import { clock } from '../wiring.ts'
import { talk } from './control-talk.ts'
import { rangeOf } from './preview-range.ts'
import { printable } from './table.ts'

interface OrderOptions {
  readonly config: string
  readonly account?: string
  readonly json?: boolean
}

interface BackfillOptions extends OrderOptions {
  readonly from?: string
  readonly until?: string
  readonly since?: string
}

const answerSchema = z.object({
  accounts: z.array(z.object({ account: z.string(), outcome: z.enum(['done', 'refused', 'unknown']), text: z.string() })),
})
const refusalSchema = z.object({ error: z.string() })

type Outcome = z.output<typeof answerSchema>['accounts'][number]

/** `exit` is told 0 when every account concerned did it, else 1. */
export function pauseCommand(exit: (code: number) => void, terminal: Terminal): Command {
  return orderCommand('pause', 'stop reading, also after a restart; what was claimed stays claimed').action(
    async (options: OrderOptions) => exit(await giveOrder('pause', options, {}, terminal)),
  )
}

export function resumeCommand(exit: (code: number) => void, terminal: Terminal): Command {
  return orderCommand('resume', 'read on after a pause, and try a failed account again at once').action(
    async (options: OrderOptions) => exit(await giveOrder('resume', options, {}, terminal)),
  )
}

export function backfillCommand(exit: (code: number) => void, terminal: Terminal): Command {
  return orderCommand('backfill', 'read a range of the last six days again; only what is new or changed is published')
    .option('--from <instant>', 'start of the range, such as 2026-01-02T03:04:05Z')
    .option('--until <instant>', 'end of the range; now unless given')
    .option('--since <duration>', 'the time before now, such as 2d')
    .action(async (options: BackfillOptions) => {
      if (options.since === undefined && options.from === undefined)
        throw new ConnectorError('ARGUMENTS_INVALID', 'give --from and --until, or --since')
      const { fromMs, untilMs } = rangeOf(options, clock.now(), '--until')
      exit(await giveOrder('backfill', options, { from: instantText(fromMs), until: instantText(untilMs) }, terminal))
    })
}

function orderCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .requiredOption('-c, --config <file>', 'settings, YAML or JSON; only name and control are looked at')
    .option('--account <id>', 'only this account')
    .option('--json', 'print one JSON document')
}

async function giveOrder(order: string, options: OrderOptions, range: object, terminal: Terminal): Promise<0 | 1> {
  const { config, account, json } = options
  const body = { ...range, ...(account !== undefined && { account }) }
  const talked = await talk(config, { method: 'POST', path: `/${order}`, body })
  if ('silent' in talked) {
    terminal.remark(talked.silent)
    return 1
  }
  const outcomes: Outcome[] = []
  for (const { where, body: answer } of talked.answers) {
    const understood = answerSchema.safeParse(answer)
    if (understood.success) outcomes.push(...understood.data.accounts)
    else
      throw new ConnectorError(
        'ARGUMENTS_INVALID',
        refusalIn(answer) ?? `what answers at ${where} is no connector of this release`,
      )
  }
  const best = bestOf(outcomes)
  if (json === true) await terminal.print(`${JSON.stringify({ order, accounts: best }, null, 2)}\n`)
  else
    for (const { account: label, outcome, text } of best)
      await terminal.print(`${label}: ${outcome === 'done' ? '' : `${outcome}: `}${printable(text)}\n`)
  return best.length > 0 && best.every(({ outcome }) => outcome === 'done') ? 0 : 1
}

/** Of several instances one reads the account, and the others refuse. */
function bestOf(outcomes: readonly Outcome[]): Outcome[] {
  const order = ['done', 'unknown', 'refused']
  const best = new Map<string, Outcome>()
  for (const outcome of outcomes.toSorted((a, b) => order.indexOf(a.outcome) - order.indexOf(b.outcome)))
    if (!best.has(outcome.account)) best.set(outcome.account, outcome)
  return [...best.values()]
}

function refusalIn(answer: unknown): string | null {
  return refusalSchema.safeParse(answer).data?.error ?? null
}
