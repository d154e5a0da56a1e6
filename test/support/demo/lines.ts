/** How the demo shows an event and where the connector stands. */
import type { ConsumedRecord } from '../independent-consumer.ts'

export interface StatusReply {
  readonly accounts: readonly {
    readonly requests: number
    readonly coveredThrough: string | null
    readonly published: { readonly rows: number; readonly created: number; readonly updated: number; readonly repeats: number }
  }[]
}

const number = new Intl.NumberFormat('en-US')

/** `requests 37 rows 1,240 created 412 updated 18 repeats 810 covered through 12:01:00Z` */
export function runningLine({ accounts }: StatusReply): string {
  const account = accounts[0]
  if (account === undefined) return 'no account'
  const { rows, created, updated, repeats } = account.published
  const through = account.coveredThrough === null ? 'nothing yet' : `${account.coveredThrough.slice(11, 19)}Z`
  const counts = Object.entries({ requests: account.requests, rows, created, updated, repeats }).map(
    ([name, count]) => `${name} ${number.format(count)}`,
  )
  return `${counts.join(' ')} covered through ${through}`
}

/** One event as a consumer gets it. */
export function eventLine({ partition, offset, headers }: ConsumedRecord, content: Readonly<Record<string, unknown>>): string {
  const { call_id, direction, status, duration_seconds, cost, changed_fields } = content
  const changed = Array.isArray(changed_fields) && changed_fields.length > 0 ? ` changed ${changed_fields.join(', ')}` : ''
  const facts = `${direction} ${status ?? '-'} ${duration_seconds ?? '-'}s cost ${cost ?? '-'}`
  return `  ${partition}@${offset} ${headers.change} r${headers.revision} ${call_id} ${facts}${changed}`
}
