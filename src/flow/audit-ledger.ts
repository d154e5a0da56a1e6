/**
 * The API's rows held against the ledger: each is known with the content it was last published with, or it is a finding. An entry of other record
 * rules is no finding: its content was hashed from another record, and the connector will re-base it at its next read.
 */

import type { LedgerSnapshot } from '../looking-ports.ts'
import type { BadRow } from '../model/call-log.ts'
import { changedGroups, contentHash, type Fingerprint } from '../model/fingerprint.ts'
import { partitionOf } from '../model/partition.ts'
import type { BadSighting, Sighting } from '../model/sift.ts'
import type { Window } from '../model/window.ts'
import { type AuditIndex, FLAG } from './audit-index.ts'
import { type Finding, Findings } from './audit-report.ts'

/** One row of the API, ready to be looked up. */
export interface AuditRow {
  /** Apart for calls and bad rows, as the ledger keeps them. */
  readonly key: string
  readonly callId: string
  readonly print: Fingerprint
  readonly startMs: number | null
  readonly endMs: number | null
  /** Of a bad row: the key of its dead letter, and whether that key is its content. */
  readonly letter: { readonly key: string; readonly isContent: boolean } | null
}

export type Judgement = 'same' | 'missing' | 'different' | 'not_comparable'

export function judge({ print }: AuditRow, { seen, rules }: LedgerSnapshot, nowMs: number): Judgement {
  const known = seen.find(print, nowMs)
  if (known === null) return 'missing'
  if (known.rules !== rules) return 'not_comparable'
  return known.sameContent ? 'same' : 'different'
}

/**
 * The rows that start where `isInside` says, and those without a start. Not only where the window is: an API may go by the end of a call, and shows it
 * in a later one; and what the margin around the first and last request brings along was not asked about.
 */
export function rowsInside(
  isInside: (startMs: number) => boolean,
  calls: readonly Sighting[],
  bad: readonly BadSighting[],
): AuditRow[] {
  const inside = calls.filter(({ call }) => call.start_time === null || isInside(call.start_time))
  return [...inside.map(callRow), ...bad.map(sighting => badRow(sighting.bad, sighting.print))]
}

function callRow({ call, print }: Sighting): AuditRow {
  return {
    key: `call ${call.call_id}`,
    callId: call.call_id,
    print,
    startMs: call.start_time,
    endMs: call.end_time,
    letter: null,
  }
}

function badRow({ callId }: BadRow, print: Fingerprint): AuditRow {
  const content = contentHash(print)
  const letter = { key: callId ?? content, isContent: callId === null }
  return { key: `bad ${print.subarray(0, 4).join('.')}`, callId: callId ?? content, print, startMs: null, endMs: null, letter }
}

export interface LedgerSideOptions {
  readonly nowMs: number
  readonly keyOf: (callId: string) => string
  /** Of the events topic; 1 when it is not looked at. */
  readonly partitions: number
}

/** A finding, with where in the index its call is. */
export interface Suspect extends Finding {
  readonly slot: number
}

/** The first pass: fills the index, and keeps what looks wrong for a second look. */
export class LedgerSide {
  readonly missing = new Findings<Suspect>()
  readonly different = new Findings<Suspect>()
  private readonly index: AuditIndex
  private readonly snapshot: LedgerSnapshot
  private readonly options: LedgerSideOptions

  constructor(index: AuditIndex, snapshot: LedgerSnapshot, options: LedgerSideOptions) {
    this.index = index
    this.snapshot = snapshot
    this.options = options
  }

  /** Takes a row met in a window; a row met again replaces what was thought of it. Throws `LEDGER_FULL`. */
  take(row: AuditRow, window: number): { judgement: Judgement; slot: number } {
    const { nowMs } = this.options
    const { judgement, slot } = this.note(row, window, this.snapshot)
    this.missing.delete(row.key)
    this.different.delete(row.key)
    this.index.set(slot, FLAG.otherRules, judgement === 'not_comparable')
    if (judgement === 'missing') this.missing.set(row.key, { ...missingOf(row), slot })
    if (judgement === 'different') this.different.set(row.key, { ...differentOf(row, this.snapshot, nowMs), slot })
    return { judgement, slot }
  }

  /** Notes how the API shows a row now, and what a snapshot makes of it. */
  note(row: AuditRow, window: number, snapshot: LedgerSnapshot): { judgement: Judgement; slot: number } {
    const { nowMs, keyOf, partitions } = this.options
    const { print, startMs, endMs, letter } = row
    const slot = this.index.show({
      print,
      startMs,
      endMs,
      firstSeenMs: snapshot.seen.find(print, nowMs)?.firstSeenMs ?? null,
      window,
      partition: letter === null ? partitionOf(keyOf(row.callId), partitions) : 0,
      isBad: letter !== null,
    })
    return { judgement: judge(row, snapshot, nowMs), slot }
  }
}

export function missingOf({ callId, startMs, letter }: AuditRow): Finding {
  const what = letter === null ? 'the API shows it' : 'the API shows a row that cannot become a call'
  return { callId, startMs, detail: `${what}, the ledger does not know it`, at: null }
}

export function differentOf({ callId, print, startMs, letter }: AuditRow, { seen }: LedgerSnapshot, nowMs: number): Finding {
  const known = seen.find(print, nowMs)
  const groups = known === null || letter !== null ? [] : changedGroups(known.digests, print)
  return { callId, startMs, detail: `the API shows another ${groups.join(', ') || 'content'} than was published`, at: null }
}

export interface Fewer {
  readonly slot: Window
  readonly booked: number
  readonly found: number
}

/** Slots in which the API shows fewer calls than the ledger counted. More is no finding of its own: each of those calls is known, or missing. */
export function fewerIn(slots: readonly (Window & { readonly count: number })[], counts: readonly number[]): Fewer[] {
  return slots.flatMap(({ fromMs, untilMs, count }, index) => {
    const found = counts[index] ?? 0
    return found < count ? [{ slot: { fromMs, untilMs }, booked: count, found }] : []
  })
}
