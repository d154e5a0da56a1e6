/** What an audit prints: what was compared, the findings as a table, what lies beyond, and the verdict. Ids of calls are told, numbers never. */
import { type AuditReport, FINDING_KINDS, isProved, type TopicReport, verdictOf } from '../flow/audit-report.ts'
import type { Terminal } from '../host/terminal.ts'
import { instantText, windowText } from '../model/window.ts'
import { type Column, counted, printable, Table } from './table.ts'

const MOST_LISTED = 20
const COLUMNS: readonly Column[] = [
  { title: 'finding' },
  { title: 'call_id', least: 8 },
  { title: 'start (UTC)', leaves: 1 },
  { title: 'record', leaves: 2 },
  { title: 'what', least: 20 },
]

export function auditText(report: AuditReport, terminal: Pick<Terminal, 'columns' | 'paint'>): string {
  const { account, calls, badRows, windows, requests } = report
  const head = `${account}: ${counted(calls, 'call')} and ${counted(badRows, 'bad row')} compared, ${windows.read} of ${counted(windows.planned, 'window')}, ${counted(requests, 'request')}`
  const findings = FINDING_KINDS.flatMap(kind =>
    report.findings[kind].slice(0, MOST_LISTED).map(({ callId, startMs, at, detail }) => {
      return [kind, callId ?? '', startMs === null ? '' : instantText(startMs), at ?? '', detail]
    }),
  )
  const table = findings.length === 0 ? '' : new Table(COLUMNS, terminal).lines(findings)
  const notes = [...unlisted(report), ...unproved(report), ...(report.topic === null ? [] : topicNotes(report.topic))]
  const verdict = terminal.paint(isProved(report) ? 'green' : 'red', `${account}: ${verdictOf(report)}`)
  return `${[printable(head), ...notes.map(printable)].join('\n')}\n${table}${verdict}\n`
}

function unlisted({ findings }: AuditReport): string[] {
  return FINDING_KINDS.flatMap(kind => {
    const more = findings[kind].length - MOST_LISTED
    return more > 0 ? [`${more} more ${kind} are not listed here: --json lists them`] : []
  })
}

function unproved({ unproved: holes }: AuditReport): string[] {
  const listed = holes.slice(0, MOST_LISTED).map(hole => `unproved: ${windowText(hole)}: ${hole.reason}`)
  return holes.length > MOST_LISTED ? [...listed, `${holes.length - MOST_LISTED} more unproved ranges`] : listed
}

function topicNotes({ records, partitions, beyondRetention }: TopicReport): string[] {
  const shortened = partitions.filter(({ low }) => low > 0n)
  const hidden = partitions.filter(log => log.hidden > 0n)
  return [
    `topics: ${counted(records, 'record')} in ${counted(partitions.length, 'partition')}`,
    ...(beyondRetention > 0 ? [`${beyondRetention} were published before what the topics still keep`] : []),
    ...shortened.map(({ topic, partition, low, earliestMs }) => {
      const oldest = earliestMs === null ? 'nothing is left' : `the oldest record is of ${instantText(earliestMs)}`
      return `${topic}-${partition}: ${low} older offsets are beyond its retention, ${oldest}`
    }),
    ...hidden.map(
      log =>
        `${log.topic}-${log.partition}: an open transaction at offset ${log.until} hides ${log.hidden} offsets from every reader`,
    ),
  ]
}

/** One document for all accounts. */
export function auditJson(reports: readonly AuditReport[]): string {
  const accounts = reports.map(({ range, unproved: holes, findings, topic, ...report }) => ({
    ...report,
    proved: isProved({ ...report, range, unproved: holes, findings, topic }),
    verdict: verdictOf({ ...report, range, unproved: holes, findings, topic }),
    range: range === null ? null : { from: instantText(range.fromMs), until: instantText(range.untilMs) },
    unproved: holes.map(({ fromMs, untilMs, reason }) => ({ from: instantText(fromMs), until: instantText(untilMs), reason })),
    findings: FINDING_KINDS.flatMap(kind =>
      findings[kind].map(({ callId, startMs, detail, at }) => {
        return { kind, call_id: callId, start: startMs === null ? null : instantText(startMs), record: at, detail }
      }),
    ),
    topic: topic === null ? null : topicJson(topic),
  }))
  return `${JSON.stringify({ accounts, ok: reports.every(isProved) }, null, 2)}\n`
}

function topicJson({ partitions, ...topic }: TopicReport) {
  const logs = partitions.map(({ low, until, hidden, earliestMs, ...log }) => ({
    ...log,
    low: Number(low),
    until: Number(until),
    hidden: Number(hidden),
    earliest: earliestMs === null ? null : instantText(earliestMs),
  }))
  return { ...topic, partitions: logs }
}
