/**
 * The topics held against what the API shows. All versions of a call lie in one partition in the order they were published, so one pass tells what is
 * there twice, what is left out, and which version is the newest.
 */

import type { Decoded, ScannedRecord } from '../looking-ports.ts'
import type { CallLogEvent } from '../model/call-log.ts'
import { callIdPrint, changedGroups, type Fingerprint, fingerprint } from '../model/fingerprint.ts'
import type { NumberProtection } from '../model/number-protection.ts'
import type { Window } from '../model/window.ts'
import { type AuditIndex, FLAG } from './audit-index.ts'
import { type Finding, Findings } from './audit-report.ts'

/** A partition while it is looked at. */
export interface Log {
  readonly topic: string
  readonly partition: number
  readonly low: bigint
  earliestMs: number | null
}

export interface TopicSideOptions {
  readonly account: string
  readonly keyOf: (callId: string) => string
  /** Fields whose changes are no changes. */
  readonly ignored: ReadonlySet<string>
  /** What present records say about their numbers. */
  readonly numbers: NumberProtection
  /** Records observed before were made under other record rules. */
  readonly rulesSinceMs: number
  /** Whether Kafka may drop older versions of a call that has newer ones. */
  readonly isCompacted: boolean
  /** What was proved of the API: only there a record can be extra. */
  readonly proved: readonly Window[]
}

export class TopicSide {
  readonly stale = new Findings()
  /** With start and end of each, for looking again. */
  readonly extra = new Findings<Finding & { readonly timesMs: readonly number[] }>()
  readonly repeated = new Findings()
  readonly unreadable = new Findings()
  private readonly index: AuditIndex
  private readonly options: TopicSideOptions

  constructor(index: AuditIndex, options: TopicSideOptions) {
    this.index = index
    this.options = options
  }

  /** Takes a record of the events topic. Throws `LEDGER_FULL`. */
  take(log: Log, record: ScannedRecord, decoded: Decoded): void {
    const at = placeText(log, record)
    if ('unreadable' in decoded) {
      this.unreadable.set(at, { callId: null, startMs: null, detail: decoded.unreadable, at })
      return
    }
    const { event } = decoded
    const { account, keyOf, numbers, ignored, rulesSinceMs } = this.options
    if (event.account !== account) return
    const { call_id: callId, start_time: startMs } = event
    if (String(record.key ?? '') !== keyOf(callId)) {
      this.unreadable.set(at, { callId, startMs, detail: 'its key is not that of its call', at })
      return
    }
    const print = fingerprint(event, ignored)
    const known = this.index.find(print)
    const isInside = startMs !== null && this.options.proved.some(part => part.fromMs <= startMs && startMs < part.untilMs)
    if (known === null && !isInside) return
    const before = known === null ? 0 : this.index.revision(known.slot)
    const breach = this.breach(log, event, before)
    if (breach !== null) this.repeated.set(at, { callId, startMs, detail: breach, at })
    const { number_protection, hmac_key_id } = event
    const isOtherwise =
      event.observed_at < rulesSinceMs || number_protection !== numbers.number_protection || hmac_key_id !== numbers.hmac_key_id
    const slot = this.index.publish(print, Math.max(before, event.revision), isOtherwise)
    if (this.index.isStale(print)) this.stale.set(callId, { callId, startMs, detail: this.differenceOf(event, print), at })
    else this.stale.delete(callId)
    const isExtra = isInside && !this.index.has(slot, FLAG.shown)
    const timesMs = [startMs, event.end_time].filter(each => each !== null)
    if (isExtra) this.extra.set(callId, { callId, startMs, detail: WITHDRAWN, at, timesMs })
    else this.extra.delete(callId)
  }

  private differenceOf({ revision }: CallLogEvent, print: Fingerprint): string {
    const groups = changedGroups(this.index.find(print)?.digests ?? print.subarray(6), print)
    return `revision ${revision} is the newest, and the API shows another ${groups.join(', ') || 'content'}`
  }

  /** What is wrong about this revision after that one; `null` when nothing is. */
  private breach({ low, earliestMs }: Log, { revision, first_seen_at }: CallLogEvent, before: number): string | null {
    if (before > 0 && revision <= before) return `revision ${revision} ${revision === before ? 'twice' : `after ${before}`}`
    if (this.options.isCompacted || revision === before + 1) return null
    if (before > 0) return `revision ${revision} after ${before}: what lies between is not there`
    const isBeginningKept = low === 0n || first_seen_at >= (earliestMs ?? Number.POSITIVE_INFINITY)
    return isBeginningKept ? `begins with revision ${revision}` : null
  }
}

const WITHDRAWN = 'the API does not show it: it may have withdrawn the call'

export function placeText({ topic, partition }: Log, { offset }: ScannedRecord): string {
  return `${topic}-${partition}@${offset}`
}

/** A dead letter that must be there. */
export interface ExpectedLetter {
  readonly window: number
  readonly firstSeenMs: number
  /** Its key is its content. */
  readonly isContent: boolean
  /** Published under the present record rules, as far as the ledger knows: else it lies under another key, perhaps. */
  readonly isComparable: boolean
  found: number
}

/** The dead letters that the API's rows call for, by key; as many as `Findings` keeps. */
export class LetterSide {
  readonly expected = new Map<string, ExpectedLetter>()
  /** Bad rows that found no place any more. */
  beyond = 0
  readonly repeated = new Findings()
  private readonly index: AuditIndex
  private readonly account: string

  constructor(index: AuditIndex, account: string) {
    this.index = index
    this.account = account
  }

  expect(key: string, letter: Omit<ExpectedLetter, 'found'>): void {
    const known = this.expected.get(key)
    if (known === undefined && this.expected.size >= Findings.MOST) this.beyond += 1
    else this.expected.set(key, { ...letter, found: known?.found ?? 0 })
  }

  /** Takes a record of the dead-letter topic. */
  take(log: Log, record: ScannedRecord): void {
    if (record.headers?.['dlq.account'] !== this.account || record.key === null) return
    const key = record.key.toString('utf8')
    const call = this.index.find(callIdPrint(key))
    if (call !== null) this.index.set(call.slot, FLAG.lettered, true)
    const letter = this.expected.get(key)
    if (letter === undefined) return
    letter.found += 1
    const at = placeText(log, record)
    // A letter under its call's id may come again with another row; one under its content is the same row.
    if (letter.found > 1 && letter.isContent)
      this.repeated.set(at, { callId: key, startMs: null, detail: 'the same dead letter twice', at })
  }
}
