/**
 * `preview`: reads a range and prints what the normaliser makes of it. Reads as the connector does, so it also shows whether the range can be
 * proved complete, but needs neither Kafka nor registry, publishes nothing and keeps nothing.
 */
import { Command, Option } from 'commander'
import { ConnectorError, codeOf } from '../errors.ts'
import { WindowReader } from '../flow/read.ts'
import { loadSettings } from '../host/environment.ts'
import { listenForStop } from '../host/signals.ts'
import type { Terminal } from '../host/terminal.ts'
import { protectionOf } from '../model/number-protection.ts'
import { type Window, windowText } from '../model/window.ts'
import type { Source } from '../ports.ts'
import type { AccountSettings, Settings } from '../settings.ts'
import { clock, createSource } from '../wiring.ts'
import { paced, RATE_OPTION } from './pace.ts'
import { PreviewOutput } from './preview-output.ts'
import { type RangeOptions, rangeOf, windowsOf } from './preview-range.ts'
import { counted } from './table.ts'

export interface PreviewOptions extends RangeOptions {
  readonly config: string
  readonly account?: string
  readonly callId?: string
  readonly status?: string
  readonly bridge?: string
  readonly limit?: string
  readonly rate?: string
  readonly probe: boolean
  readonly table?: boolean
}

export function previewCommand(terminal: Terminal): Command {
  return new Command('preview')
    .description('read a range and print its call logs; publishes nothing, needs neither Kafka nor registry')
    .requiredOption('-c, --config <file>', 'settings, YAML or JSON; only the accounts and api are needed')
    .option('--account <id>', 'which account; needed when there are several')
    .option('--since <duration>', 'the time before now, up to 6d (default: 1h)')
    .option('--from <instant>', 'begin of the range, 2026-01-02T03:04:05Z or with an offset; windows come oldest first')
    .option('--to <instant>', 'end of the range; now unless given')
    .option('--call-id <ids>', 'only these calls, comma-separated')
    .option('--status <names>', 'only these statuses, comma-separated, instead of api.filters.status')
    .option('--bridge <numbers>', 'only these bridge numbers, comma-separated, instead of api.filters.bridge')
    .option('--limit <rows>', 'stop after this many rows')
    .option(...RATE_OPTION)
    .option('--no-probe', 'send the API no request that is meant to be refused')
    .option('--table', 'a table for people')
    .addOption(new Option('--json', 'one JSON object a line, which is the default').conflicts('table'))
    .action((options: PreviewOptions) => preview(options, terminal))
}

/** Resolves when everything is printed, or when told to stop. Throws coded errors. */
async function preview(options: PreviewOptions, terminal: Terminal): Promise<void> {
  const settings = narrowed(paced(loadSettings(options.config, ['accounts']), options.rate), options)
  const account = accountIn(settings, options.account)
  const range = rangeOf(options, clock.now())
  const form = options.table === true ? 'table' : 'json'
  const numbers = protectionOf(settings.records.privacy, settings.records.hmacKey)
  const output = new PreviewOutput({ terminal, account: account.id, numbers, form, limit: limitOf(options.limit) })
  const stop = listenForStop()
  const signal = AbortSignal.any([stop.soft, terminal.gone])
  const tell = () =>
    terminal.progress(`rows: ${output.rows}, requests: ${source.requests()}, at most ${settings.api.requestsPerSecond} a second`)
  const source = createSource(settings, account, ({ kind }) => kind === 'request' && tell(), {
    sendsBadRequest: options.probe,
    callIds: listOf('--call-id', options.callId) ?? [],
  })
  let ending = 'interrupted'
  try {
    tell()
    await source.probe(signal)
    const unproved = await readInto(output, source, settings, windowsOf(range), signal)
    if (!signal.aborted) ending = endingOf(output, unproved)
  } catch (error) {
    if (!signal.aborted || codeOf(error) !== 'STOPPED') throw error
  } finally {
    terminal.progress('')
    stop.release()
    await source.close()
  }
  if (!terminal.gone.aborted) terminal.remark(summary(output, range, source.requests(), ending))
}

/** What could not be proved complete. */
async function readInto(
  output: PreviewOutput,
  source: Source,
  { polling, records }: Settings,
  windows: readonly Window[],
  signal: AbortSignal,
): Promise<Window[]> {
  const unproved: Window[] = []
  const limits = { maxRowsPerRead: polling.maxRowsPerRead, ignored: new Set(records.ignoreChangesIn) }
  const reader = new WindowReader({ source, clock, note: () => undefined, isChange: () => false, isNew: () => true }, limits)
  for (const window of windows) {
    for await (const step of reader.read({ window, settled: [] }, signal)) {
      if (step.kind === 'failed') throw step.error
      if (step.kind === 'gap') unproved.push(step.window)
      if (step.kind === 'rows') await output.take(step)
      if (output.isFull() || signal.aborted) return unproved
    }
  }
  return unproved
}

function endingOf(output: PreviewOutput, unproved: readonly Window[]): string {
  if (output.isFull()) return 'stopped at --limit'
  if (unproved.length === 0) return 'complete'
  return `not proved complete: ${unproved.slice(0, 3).map(windowText).join(', ')}${unproved.length > 3 ? ' and more' : ''}`
}

function summary({ calls, bad }: PreviewOutput, range: Window, requests: number, ending: string): string {
  const reasons = [...bad].map(([reason, count]) => `${count} ${reason}`).join(', ')
  const letters = reasons === '' ? '' : `; dead letters: ${reasons}`
  return `${windowText(range)}: ${counted(calls, 'call')}${letters}; ${counted(requests, 'request')}; ${ending}`
}

/** `--status` and `--bridge` stand in for the filters of the settings. Throws `ARGUMENTS_INVALID`. */
function narrowed(settings: Settings, options: PreviewOptions): Settings {
  const { filters } = settings.api
  const status = listOf('--status', options.status) ?? filters.status
  const bridge = listOf('--bridge', options.bridge) ?? filters.bridge
  return { ...settings, api: { ...settings.api, filters: { status, bridge } } }
}

function listOf(option: string, text: string | undefined): string[] | null {
  if (text === undefined) return null
  const list = text.split(',').map(each => each.trim())
  if (list.every(each => each !== '')) return list
  throw new ConnectorError('ARGUMENTS_INVALID', `${option}: give one or more, separated by commas`)
}

function accountIn({ accounts }: Settings, id: string | undefined): AccountSettings {
  const ids = accounts.map(account => account.id).join(', ')
  const [only, ...others] = accounts
  if (id === undefined && only !== undefined && others.length === 0) return only
  const found = accounts.find(account => account.id === id)
  if (found !== undefined) return found
  const what = id === undefined ? 'must be given, the settings have several accounts' : `"${id}" is not in the settings`
  throw new ConnectorError('ARGUMENTS_INVALID', `--account: ${what}: ${ids}`)
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new ConnectorError('ARGUMENTS_INVALID', `--limit: "${text}" is no whole number from 1 to 999999999`)
}
