/** What an audit says in the end, and how much of it is kept: as many findings as anybody will follow up, and the count of the rest. */
import type { Hole } from '../model/audit-plan.ts'
import { type Window, windowText } from '../model/window.ts'

/**
 * - `missing`: the API shows it, the ledger does not know it.
 * - `different`: the API shows another content than the ledger last published.
 * - `fewer`: the API shows fewer calls in a slot than the ledger counted there.
 * - `missing_on_topic`: the ledger knows it, the topic does not hold it.
 * - `stale`: the newest version on the topic is not what the API shows.
 * - `extra`: the topic holds it, the API does not show it.
 * - `repeated`: a revision twice, or one left out.
 * - `unreadable`: a record that is no event of ours.
 */
export const FINDING_KINDS = [
  'missing',
  'different',
  'fewer',
  'missing_on_topic',
  'stale',
  'extra',
  'repeated',
  'unreadable',
] as const
export type FindingKind = (typeof FINDING_KINDS)[number]

export interface Finding {
  /** The call; of a row without an id the key of its dead letter; `null` for a slot or a record without a call. */
  readonly callId: string | null
  readonly startMs: number | null
  /** One phrase: what is wrong. Never a value of the call. */
  readonly detail: string
  /** `topic-partition@offset` of the record concerned. */
  readonly at: string | null
}

/** Findings of one kind by what they are about. */
export class Findings<T extends Finding = Finding> {
  /** More than anybody will follow up one by one. */
  static readonly MOST = 10_000
  /** Those that found no place any more; they were not looked at again. */
  beyond = 0
  private readonly kept = new Map<string, T>()

  set(key: string, finding: T): void {
    if (this.kept.size < Findings.MOST || this.kept.has(key)) this.kept.set(key, finding)
    else this.beyond += 1
  }

  delete(key: string): void {
    this.kept.delete(key)
  }

  has(key: string): boolean {
    return this.kept.has(key)
  }

  entries(): [string, T][] {
    return [...this.kept]
  }
}

/** One partition as far as it was looked at. */
export interface ScannedPartition {
  readonly topic: string
  readonly partition: number
  /** Where the log began. */
  readonly low: bigint
  readonly until: bigint
  /** Offsets after `until` that an open transaction hides from every reader of committed records. */
  readonly hidden: bigint
  /** Of the oldest record still there, epoch milliseconds; `null` when there is none. */
  readonly earliestMs: number | null
}

export interface TopicReport {
  readonly records: number
  readonly partitions: readonly ScannedPartition[]
  /** Calls and dead letters that the ledger published before what the topic still keeps. */
  readonly beyondRetention: number
}

export interface AuditReport {
  readonly account: string
  /** `null` when nothing is settled in what was asked for. */
  readonly range: Window | null
  readonly calls: number
  /** Rows that cannot become calls. */
  readonly badRows: number
  readonly windows: { readonly read: number; readonly planned: number }
  readonly requests: number
  /** Entries written under other record rules, whose contents say nothing about each other. */
  readonly notComparable: number
  /** Parts of the range about which nothing was proved. */
  readonly unproved: readonly Hole[]
  readonly findings: Readonly<Record<FindingKind, readonly Finding[]>>
  /** Findings beyond what is kept. */
  readonly beyond: number
  /** `null` when the topic was not asked about. */
  readonly topic: TopicReport | null
  /** Told to stop before the end; then nothing is proved. */
  readonly interrupted: boolean
}

export const NOTHING_FOUND: AuditReport['findings'] = {
  missing: [],
  different: [],
  fewer: [],
  missing_on_topic: [],
  stale: [],
  extra: [],
  repeated: [],
  unreadable: [],
}

export function isProved(report: AuditReport): boolean {
  return (
    report.range !== null &&
    !report.interrupted &&
    report.unproved.length === 0 &&
    report.notComparable === 0 &&
    report.beyond === 0 &&
    FINDING_KINDS.every(kind => report.findings[kind].length === 0)
  )
}

/** The sentence that people quote. */
export function verdictOf(report: AuditReport): string {
  const { range, calls, badRows, unproved, notComparable, beyond, windows, topic } = report
  if (range === null) return 'nothing proved: no slot of the range is settled yet'
  const where = windowText(range)
  const what = `${counted(calls, 'call')}${badRows === 0 ? '' : ` and ${counted(badRows, 'dead letter')}`} in ${where}`
  if (isProved(report)) return `proven equal: ${what}, API = ledger${topic === null ? '' : ' = topic'}`
  if (report.interrupted) return `interrupted after ${windows.read} of ${counted(windows.planned, 'window')}: nothing proved`
  const found = FINDING_KINDS.filter(kind => report.findings[kind].length > 0).map(
    kind => `${report.findings[kind].length} ${kind}`,
  )
  const parts = [
    ...found,
    ...(beyond > 0 ? [`${beyond} more that were not looked at again`] : []),
    ...(unproved.length > 0 ? [`${counted(unproved.length, 'range')} unproved`] : []),
    ...(notComparable > 0 ? [`${notComparable} not comparable, published under other record rules`] : []),
  ]
  return `not proven equal: ${parts.join(', ')}; ${what}`
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
