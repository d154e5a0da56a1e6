/**
 * Call logs as a preview shows them. As JSON with the names of `schemas/call-log.avsc`, and with values as people and `jq` read them: instants
 * as ISO text, money as a decimal text. Only what the API said: change type, revision and hashes are the ledger's to decide.
 */
import type { BadRow, CallLog } from '../model/call-log.ts'
import type { NumberProtection } from '../model/number-protection.ts'
import { instantText } from '../model/window.ts'
import type { Column } from './table.ts'

const SCALE = 6
const INSTANTS: ReadonlySet<string> = new Set<keyof CallLog>(['start_time', 'answer_time', 'end_time'])

/** One line of JSON; `numbers` says how its numbers are protected. */
export function callJson(account: string, call: CallLog, numbers: NumberProtection): string {
  const entries = Object.entries(call).map(([name, value]) => {
    if (typeof value === 'bigint') return [name, moneyText(value)]
    return [name, INSTANTS.has(name) && typeof value === 'number' ? new Date(value).toISOString() : value]
  })
  return `${JSON.stringify({ account, ...Object.fromEntries(entries), ...numbers })}\n`
}

/** One line of JSON for a row that would be a dead letter: what stands on the dead-letter topic, under `bad`. */
export function badRowJson(account: string, { reason, path, detail, json }: BadRow): string {
  const head = JSON.stringify({ account, reason, path, detail })
  return `{"bad":${head.slice(0, -1)},"row":${json}}}\n`
}

export const CALL_COLUMNS: readonly Column[] = [
  { title: 'start (UTC)' },
  { title: 'direction', leaves: 4 },
  { title: 'from' },
  { title: 'to' },
  { title: 'bridge', leaves: 3 },
  { title: 'status', least: 8 },
  { title: 'seconds', align: 'right', leaves: 1 },
  { title: 'billed', align: 'right', leaves: 5 },
  { title: 'cost', align: 'right', leaves: 2 },
  { title: 'call_id', least: 8 },
]

export function callCells(call: CallLog): string[] {
  return [
    call.start_time === null ? (call.start_time_raw ?? '') : timeText(call.start_time),
    call.direction === 'UNKNOWN' ? '' : call.direction,
    call.from_number ?? '',
    call.to_number ?? '',
    call.bridge_number ?? '',
    call.status ?? '',
    String(call.duration_seconds ?? ''),
    String(call.billed_seconds ?? ''),
    call.cost === null ? '' : moneyText(call.cost),
    call.call_id,
  ]
}

/** A line between the rows of the table; never the row itself, which could be of any size. */
export function badRowLine({ reason, path, detail, callId }: BadRow): string {
  const where = [path, callId].filter(text => text !== null && text !== '').join(', ')
  return `dead letter: ${reason}${where === '' ? '' : ` (${where})`}: ${detail}`
}

/** Millionths as a decimal, without zeros that say nothing: 1,250,000 is `1.25`. */
export function moneyText(millionths: bigint): string {
  const digits = String(millionths < 0n ? -millionths : millionths).padStart(SCALE + 1, '0')
  const fraction = digits.slice(-SCALE).replace(/0+$/, '')
  return `${millionths < 0n ? '-' : ''}${digits.slice(0, -SCALE)}${fraction === '' ? '' : `.${fraction}`}`
}

function timeText(instantMs: number): string {
  return instantText(instantMs).slice(0, 19).replace('T', ' ')
}
