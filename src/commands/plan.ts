/**
 * `plan`: what the schedule costs in requests, before anything is sent. Needs no account: only `api` and `polling` of the settings are looked
 * at. Several accounts on one API key share one budget, so their calls are planned together.
 */
import { Command } from 'commander'
import { ConnectorError } from '../errors.ts'
import { type Forecast, forecast, type Load } from '../flow/forecast.ts'
import { loadSettings } from '../host/environment.ts'
import type { Settings } from '../settings.ts'
import { clock } from '../wiring.ts'
import { type Column, type Look, Table } from './table.ts'

export interface PlanOptions {
  readonly config: string
  readonly callsPerDay?: string
  readonly json?: boolean
}

/** More than this share of the budget leaves too little for catching up after an outage. */
const COMFORTABLE_SHARE = 0.7
const USUAL_VOLUMES = '1000,50000,500000'
const MOST_CALLS = 100_000_000

/** `exit` is told 0, or 1 when the steady demand of a volume is beyond 70 % of the budget. */
export function planCommand(exit: (code: number) => void, terminal: Look): Command {
  return new Command('plan')
    .description(
      'requests, share of the budget and time to catch up; sends nothing; 1 when the schedule needs over 70 % of the budget',
    )
    .requiredOption('-c, --config <file>', 'settings, YAML or JSON')
    .option('--calls-per-day <numbers>', 'how many calls the API key has a day, comma-separated', USUAL_VOLUMES)
    .option('--json', 'print one JSON document')
    .action((options: PlanOptions, command: Command) => {
      const settings = loadSettings(options.config, [])
      const volumes = volumesOf(options.callsPerDay ?? USUAL_VOLUMES)
      const plans = volumes.map(callsPerDay => ({ callsPerDay, found: forecastOf(settings, callsPerDay) }))
      const text =
        options.json === true ? jsonOf(settings, plans) : plans.map(plan => textOf(settings, plan, terminal)).join('\n')
      command.parent?.configureOutput().writeOut?.(`${text}\n`)
      exit(plans.every(({ found }) => found !== null && found.share <= COMFORTABLE_SHARE) ? 0 : 1)
    })
}

interface Plan {
  readonly callsPerDay: number
  readonly found: Forecast | null
}

function forecastOf({ api, polling }: Settings, callsPerDay: number): Forecast | null {
  const { pageSize, requestsPerSecond } = api
  return forecast({ ...polling, pageSize, requestsPerSecond, callsPerDay }, clock.now())
}

/** Throws `ARGUMENTS_INVALID`. */
function volumesOf(list: string): number[] {
  return list.split(',').map(each => {
    const text = each.trim()
    if (/^\d{1,9}$/.test(text) && Number(text) <= MOST_CALLS) return Number(text)
    throw new ConnectorError(
      'ARGUMENTS_INVALID',
      `--calls-per-day: "${text}" is no whole number from 0 to ${MOST_CALLS}; several are separated by commas`,
    )
  })
}

const COLUMNS: readonly Column[] = [
  { title: 'what' },
  { title: 'requests', align: 'right' },
  { title: 'windows', align: 'right' },
  { title: 'note', leaves: 1 },
]

function textOf({ api }: Settings, { callsPerDay, found }: Plan, terminal: Look): string {
  const head = `${counted(callsPerDay)} calls a day, ${api.requestsPerSecond} request/s, ${api.pageSize} rows a page`
  if (found === null) {
    const advice = 'never catches up: raise api.requestsPerSecond or api.pageSize, or give the schedule longer intervals'
    return `${head}\n${terminal.paint('red', advice)}\n`
  }
  const { catchUp, day, requestsPerDay, share, stretched } = found
  const row = (what: string, { windows, requests }: Load, note: string) => [what, counted(requests), counted(windows), note]
  const schedules = [...day].map(([name, load]) => {
    const factor = stretched.get(name) ?? 1
    return row(`${name}, a day`, load, factor > 1 ? `every ${factor.toFixed(1)} intervals` : '')
  })
  const windowsPerDay = [...day.values()].reduce((sum, { windows }) => sum + windows, 0)
  const perCall = callsPerDay === 0 ? '' : `${(requestsPerDay / callsPerDay).toFixed(3)} requests a call`
  const table = new Table(COLUMNS, terminal).lines([
    row('first start', catchUp, `caught up after ${durationText(catchUp.durationMs)}`),
    ...schedules,
    row('all, a day', { windows: windowsPerDay, requests: requestsPerDay }, perCall),
  ])
  const isTight = share > COMFORTABLE_SHARE
  const verdict = `${(share * 100).toFixed(0)} % of the budget${isTight ? ': more than 70 %, too little is left for catching up after an outage' : ''}`
  return `${head}\n${table}${terminal.paint(isTight ? 'yellow' : 'green', verdict)}\n`
}

function jsonOf({ api }: Settings, plans: readonly Plan[]): string {
  const { pageSize, requestsPerSecond } = api
  const told = plans.map(({ callsPerDay, found }) => ({
    callsPerDay,
    catchesUp: found !== null,
    ...(found !== null && {
      catchUp: found.catchUp,
      day: Object.fromEntries(found.day),
      requestsPerDay: found.requestsPerDay,
      shareOfBudget: found.share,
      stretched: Object.fromEntries(found.stretched),
    }),
  }))
  return JSON.stringify({ requestsPerSecond, pageSize, plans: told }, null, 2)
}

function counted(value: number): string {
  return value.toLocaleString('en-US')
}

function durationText(ms: number): string {
  const minutes = Math.ceil(ms / 60_000)
  if (minutes < 90) return `${minutes} min`
  const hours = ms / 3_600_000
  return hours < 48 ? `${hours.toFixed(1)} h` : `${(hours / 24).toFixed(1)} days`
}
