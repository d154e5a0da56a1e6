/**
 * What became of one call: what the ledger remembers, when its time was read, which versions lie on the topic and what the API shows now; and, where there
 * is nothing, why. Only the partitions of its key are scanned. Nothing of the call's content is told but which fields changed.
 */

import type { LedgerSnapshot, LedgerView, ScannedRecord } from '../looking-ports.ts'
import type { CallLogEvent } from '../model/call-log.ts'
import type { Coverage, Gap, Slot } from '../model/coverage.ts'
import { badIdPrint, callIdPrint, changedGroups, contentHash, type Fingerprint } from '../model/fingerprint.ts'
import { DAY_MS } from '../model/window.ts'
import type { Clock } from '../ports.ts'
import { type AuditRow, judge } from './audit-ledger.ts'
import type { ScannedPartition } from './audit-report.ts'
import type { OutputTopics } from './audit-topic-scan.ts'
import { scanKey } from './key-scan.ts'

export interface ExplainParts {
  readonly ledger: LedgerView
  readonly output: OutputTopics
  readonly clock: Clock
  /** Asks the API for the call, near its start when that is known; `null` when it shows nothing. Left out when the API is left alone. */
  readonly ask?: (startMs: number | null) => Promise<AuditRow | null>
}

export interface ExplainOptions {
  readonly account: string
  readonly callId: string
  readonly settleMs: number
  readonly keyOf: (callId: string) => string
}

export interface LedgerEntry {
  readonly kind: 'call' | 'dead letter'
  readonly firstSeenMs: number
  readonly revision: number
  /** The UTC day on which it was last written: its begin, epoch milliseconds. It is forgotten nine days later. */
  readonly lastWrittenMs: number
  readonly isUnderPresentRules: boolean
  readonly contentHash: string
}

export interface Version {
  readonly at: string
  readonly change: string
  readonly revision: number
  readonly changedFields: readonly string[]
  readonly regressed: boolean
  readonly observedMs: number
  readonly readBy: string
  readonly startMs: number | null
  readonly contentHash: string
}

export interface Letter {
  readonly at: string
  readonly reason: string
  readonly path: string
  readonly observedAt: string
}

/** What the API shows of the call now, held against the ledger. */
export interface ApiAnswer {
  readonly shown: boolean
  readonly startMs: number | null
  readonly judgement: ReturnType<typeof judge> | null
  /** For `different`: the groups of fields that differ. */
  readonly groups: readonly string[]
}

export interface Explanation {
  readonly account: string
  readonly callId: string
  readonly entries: readonly LedgerEntry[]
  readonly versions: readonly Version[]
  readonly letters: readonly Letter[]
  /** Records under its key that are no event of ours. */
  readonly unreadable: readonly { readonly at: string; readonly why: string }[]
  /** By the topic or the API. */
  readonly startMs: number | null
  readonly slot: (Slot & { readonly isSettled: boolean }) | null
  readonly gap: Gap | null
  /** `null` when the account was never claimed. */
  readonly coverage: Coverage | null
  readonly settleMs: number
  /** `null` when the API was not asked. */
  readonly api: ApiAnswer | null
  readonly scanned: readonly ScannedPartition[]
}

/** Versions and letters beyond are not listed: no call has so many. */
const MOST = 1_000

/** Throws what the ledger, Kafka, the registry and `ask` throw. */
export async function explain(parts: ExplainParts, options: ExplainOptions, signal: AbortSignal): Promise<Explanation> {
  const { ledger, output, clock, ask } = parts
  const { account, callId, settleMs, keyOf } = options
  const versions: Version[] = []
  const letters: Letter[] = []
  const unreadable: { at: string; why: string }[] = []
  const onEvent = async (at: string, { value }: ScannedRecord) => {
    const decoded = await output.decoder.decode(value, signal)
    if ('unreadable' in decoded) unreadable.push({ at, why: decoded.unreadable })
    else if (decoded.event.account === account && versions.length < MOST) versions.push(versionOf(at, decoded.event))
  }
  const onLetter = async (at: string, { headers = {} }: ScannedRecord) => {
    if (headers['dlq.account'] === account && letters.length < MOST) letters.push(letterOf(at, headers))
  }
  const events = await scanKey(output, output.events, keyOf(callId), onEvent, signal)
  const deadLetters = await scanKey(output, output.deadLetters, callId, onLetter, signal)
  const published = versions.findLast(({ startMs }) => startMs !== null)?.startMs ?? null
  const row = (await ask?.(published)) ?? null
  const nowMs = clock.now()
  // After the topic: whatever was published by then is in it.
  const snapshot = await ledger.peek(signal)
  const startMs = published ?? row?.startMs ?? null
  const { coverage } = snapshot
  const slot = startMs === null || coverage === null ? null : slotAt(coverage, startMs)
  return {
    account,
    callId,
    entries: [
      ...entriesOf('call', callIdPrint(callId), snapshot, nowMs),
      ...entriesOf('dead letter', badIdPrint(callId), snapshot, nowMs),
    ],
    versions,
    letters,
    unreadable,
    startMs,
    slot: slot === null ? null : { ...slot, isSettled: slot.newestReadMs >= slot.untilMs + settleMs },
    gap: coverage?.gaps.find(gap => startMs !== null && gap.fromMs <= startMs && startMs < gap.untilMs) ?? null,
    coverage,
    settleMs,
    api: ask === undefined ? null : answerOf(row, snapshot, nowMs),
    scanned: [events, deadLetters],
  }
}

function versionOf(at: string, event: CallLogEvent): Version {
  return {
    at,
    change: event.change_type,
    revision: event.revision,
    changedFields: event.changed_fields,
    regressed: event.regressed,
    observedMs: event.observed_at,
    readBy: event.read_by,
    startMs: event.start_time,
    contentHash: event.content_hash,
  }
}

function letterOf(at: string, headers: Readonly<Record<string, string>>): Letter {
  return {
    at,
    reason: headers['dlq.reason'] ?? '',
    path: headers['dlq.path'] ?? '',
    observedAt: headers['dlq.observed_at'] ?? '',
  }
}

export function isFound({ entries, versions, letters, api }: Explanation): boolean {
  return entries.length > 0 || versions.length > 0 || letters.length > 0 || api?.shown === true
}

function slotAt({ slots }: Coverage, atMs: number): Slot | null {
  return slots.find(({ fromMs, untilMs }) => fromMs <= atMs && atMs < untilMs) ?? null
}

function entriesOf(
  kind: LedgerEntry['kind'],
  print: Fingerprint,
  { seen, rules, contentAt }: LedgerSnapshot,
  nowMs: number,
): LedgerEntry[] {
  const found = seen.find(print, nowMs)
  if (found === null) return []
  const { firstSeenMs, revision, ageDays, slot } = found
  const lastWrittenMs = (Math.floor(nowMs / DAY_MS) - ageDays) * DAY_MS
  const content = contentHash(contentAt(slot))
  return [{ kind, firstSeenMs, revision, lastWrittenMs, isUnderPresentRules: found.rules === rules, contentHash: content }]
}

function answerOf(row: AuditRow | null, snapshot: LedgerSnapshot, nowMs: number): ApiAnswer {
  if (row === null) return { shown: false, startMs: null, judgement: null, groups: [] }
  const known = snapshot.seen.find(row.print, nowMs)
  const judgement = judge(row, snapshot, nowMs)
  const groups = judgement === 'different' && known !== null ? changedGroups(known.digests, row.print) : []
  return { shown: true, startMs: row.startMs, judgement, groups }
}
