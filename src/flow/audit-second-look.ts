/**
 * The second look: a live connector may have committed between our reading of one place and of another, so what looked wrong is read once more at the
 * API, then in the ledger, then on what has come to the topic since. Only what is wrong both times is reported.
 */

import type { LedgerSnapshot } from '../looking-ports.ts'
import { bookedIn, type Hole, type PlannedWindow } from '../model/audit-plan.ts'
import { callIdPrint } from '../model/fingerprint.ts'
import { floor } from '../model/grid.ts'
import { partitionOf } from '../model/partition.ts'
import { edgeOf } from '../model/schedule.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, spanMs, split, union, type Window, windowText } from '../model/window.ts'
import { type AuditIndex, FLAG } from './audit-index.ts'
import { type AuditRow, differentOf, type Fewer, fewerIn, type LedgerSide, missingOf } from './audit-ledger.ts'
import { type AuditReport, type Finding, Findings } from './audit-report.ts'
import type { LetterSide, TopicSide } from './audit-topic.ts'
import type { OutputTopics, TopicScan } from './audit-topic-scan.ts'

/** Slots with fewer calls than the ledger counted. */
export type FewerSlots = Findings<Finding & Fewer>

export interface FirstLook {
  readonly index: AuditIndex
  readonly side: LedgerSide
  readonly topicSide: TopicSide
  readonly letters: LetterSide
  /** `null` when the topics are left alone. */
  readonly topic: { readonly scan: TopicScan; readonly output: OutputTopics } | null
  readonly fewer: FewerSlots
  readonly windows: readonly PlannedWindow[]
}

export interface Eyes {
  readonly read: (window: Window, onRow: (row: AuditRow) => void) => Promise<Hole[]>
  readonly peek: () => Promise<LedgerSnapshot>
  /** What has come to the topics since. */
  readonly scanOn: () => Promise<void>
  readonly nowMs: number
  readonly tell: (done: number, all: number) => void
}

export interface SecondLook {
  readonly findings: AuditReport['findings']
  readonly unproved: readonly Hole[]
  /** Suspects that found no place in the lists, so that nobody looked again. */
  readonly beyond: number
}

export async function lookAgain(first: FirstLook, eyes: Eyes): Promise<SecondLook> {
  const { side, topicSide, letters, fewer, index } = first
  const unpublished = unpublishedIn(first)
  const windows = windowsOf(first, unpublished, eyes.nowMs)
  const again = await readAgain(first, unpublished, windows, eyes)
  // What is extra in the new records only is late, not withdrawn: the first look had not yet seen it at the API.
  const extra = topicSide.extra.entries()
  const isDoubted = windows.length > 0
  const snapshot = isDoubted ? await eyes.peek() : null
  if (isDoubted) await eyes.scanOn()
  const [missing, different, missingOnTopic] = [new Findings(), new Findings(), new Findings()]
  for (const { row, window } of again.rows.values()) {
    if (snapshot === null) break
    const { judgement, slot } = side.note(row, window, snapshot)
    index.set(slot, FLAG.otherRules, judgement === 'not_comparable')
    if (judgement === 'missing') missing.set(row.key, missingOf(row))
    else if (isUnpublished(first, row, slot)) missingOnTopic.set(row.key, absentOf(row))
    if (judgement === 'different') different.set(row.key, differentOf(row, snapshot, eyes.nowMs))
  }
  const shownAgain = (callId: string) => again.rows.get(`call ${callId}`)
  const stale = topicSide.stale.entries().filter(([callId]) => {
    const row = shownAgain(callId)?.row
    return row !== undefined && index.isStale(row.print)
  })
  const lists = {
    missing: listOf(missing),
    different: listOf(different),
    fewer: snapshot === null ? [] : stillFewer(fewer, again, snapshot),
    missing_on_topic: listOf(missingOnTopic),
    stale: stale.map(([, finding]) => finding),
    extra: extra.flatMap(([callId, finding]) => (shownAgain(callId) === undefined ? [finding] : [])),
    repeated: [...listOf(topicSide.repeated), ...listOf(letters.repeated)],
    unreadable: listOf(topicSide.unreadable),
  }
  return { findings: lists, unproved: again.unproved, beyond: beyondIn(first, unpublished.beyond) }
}

interface Unpublished {
  /** Slots of the index. */
  readonly slots: ReadonlySet<number>
  /** Keys of dead letters. */
  readonly letters: ReadonlySet<string>
  readonly beyond: number
}

/** What the ledger knows and the topics should still keep, and do not; what lies before the beginning of its partition is only counted. */
function unpublishedIn({ index, letters, topic }: FirstLook): Unpublished {
  const slots = new Set<number>()
  const missing = new Set<string>()
  let beyond = 0
  if (topic === null) return { slots, letters: missing, beyond }
  const { scan, output } = topic
  const { events, deadLetters } = output
  for (const slot of index.slots()) {
    if (!index.has(slot, FLAG.shown) || index.has(slot, FLAG.bad) || index.firstSeenMs(slot) === 0) continue
    if (index.has(slot, FLAG.published) || index.has(slot, FLAG.lettered)) continue
    if (!scan.isKept(events.topic, index.partition(slot), index.firstSeenMs(slot))) scan.beyondRetention += 1
    else if (slots.size < Findings.MOST) slots.add(slot)
    else beyond += 1
  }
  for (const [key, { found, firstSeenMs, isComparable }] of letters.expected) {
    if (found > 0 || firstSeenMs === 0 || !isComparable) continue
    if (scan.isKept(deadLetters.topic, partitionOf(key, deadLetters.partitions), firstSeenMs)) missing.add(key)
    else scan.beyondRetention += 1
  }
  return { slots, letters: missing, beyond }
}

function isUnpublished({ index, letters, topic }: FirstLook, { letter }: AuditRow, slot: number): boolean {
  if (topic === null) return false
  if (letter !== null) {
    const expected = letters.expected.get(letter.key)
    return expected !== undefined && expected.found === 0 && expected.isComparable
  }
  const isThere = index.has(slot, FLAG.published) || index.has(slot, FLAG.lettered)
  return !isThere && topic.scan.isKept(topic.output.events.topic, index.partition(slot), index.firstSeenMs(slot))
}

function absentOf({ callId, startMs, letter }: AuditRow): Finding {
  const what = letter === null ? 'the ledger calls it published, the events topic does not hold it' : NO_LETTER
  return { callId, startMs, detail: what, at: null }
}

const NO_LETTER = 'the ledger calls it published, the dead-letter topic does not hold it'

/** An API that goes by the end of a call shows those that start in a slot up to so much later. */
const LONGEST_CALL_MS = HOUR_MS

/**
 * The minutes in which suspects start and in which they end, since an API may go by either; without both, their whole windows. Touching ones as one,
 * none longer than a day.
 */
function windowsOf(
  { index, side, topicSide, letters, fewer, windows }: FirstLook,
  unpublished: Unpublished,
  nowMs: number,
): Window[] {
  const places: Window[] = []
  const add = (timesMs: readonly number[], window: number) => {
    const whole = windows[window]
    const minutes = timesMs.map(atMs => floor(atMs, MINUTE_MS)).map(fromMs => ({ fromMs, untilMs: fromMs + MINUTE_MS }))
    if (timesMs.length > 0) places.push(...minutes)
    else if (whole !== undefined) places.push({ fromMs: whole.fromMs, untilMs: whole.untilMs })
  }
  const addSlot = (slot: number) => add(index.timesMs(slot), index.window(slot))
  for (const [, { slot }] of [...side.missing.entries(), ...side.different.entries()]) addSlot(slot)
  for (const [callId] of topicSide.stale.entries()) {
    const known = index.find(callIdPrint(callId))
    if (known !== null) addSlot(known.slot)
  }
  for (const [, { timesMs }] of topicSide.extra.entries()) add(timesMs, -1)
  for (const slot of unpublished.slots) addSlot(slot)
  for (const key of unpublished.letters) add([], letters.expected.get(key)?.window ?? -1)
  const lastMs = edgeOf(nowMs, null)
  for (const [, { slot }] of fewer.entries())
    places.push({ fromMs: slot.fromMs, untilMs: Math.min(slot.untilMs + LONGEST_CALL_MS, lastMs) })
  const readable = places.filter(({ fromMs, untilMs }) => fromMs < untilMs && untilMs <= lastMs)
  return union(readable).flatMap(window => split(window, Math.ceil(spanMs(window) / DAY_MS)))
}

interface Again {
  readonly rows: Map<string, { readonly row: AuditRow; readonly window: number }>
  /** Calls that start in a slot of `fewer`, each once: key and start. */
  readonly startsMs: Map<string, number>
  readonly unproved: Hole[]
}

/** Reads the windows of the suspects and keeps the suspects' rows. */
async function readAgain(
  { index, side, topicSide, fewer }: FirstLook,
  unpublished: Unpublished,
  windows: readonly Window[],
  { read, tell }: Eyes,
): Promise<Again> {
  const again: Again = { rows: new Map(), startsMs: new Map(), unproved: [] }
  const short = fewer.entries().map(([, { slot }]) => slot)
  const isSuspect = ({ key, callId, print, letter }: AuditRow) => {
    if (side.missing.has(key) || side.different.has(key)) return true
    if (letter !== null) return unpublished.letters.has(letter.key)
    if (topicSide.stale.has(callId) || topicSide.extra.has(callId)) return true
    const slot = index.find(print)?.slot
    return slot !== undefined && unpublished.slots.has(slot)
  }
  for (const [done, window] of windows.entries()) {
    tell(done, windows.length)
    const onRow = (row: AuditRow) => {
      const known = index.find(row.print)
      const place = known === null ? 0 : index.window(known.slot)
      if (isSuspect(row)) again.rows.set(row.key, { row, window: place })
      const { key, startMs } = row
      if (startMs !== null && short.some(slot => isIn(slot, startMs))) again.startsMs.set(key, startMs)
    }
    again.unproved.push(...(await read(window, onRow)))
  }
  return again
}

function stillFewer(fewer: FewerSlots, { startsMs, unproved }: Again, { coverage }: LedgerSnapshot): Finding[] {
  return fewer.entries().flatMap(([, { slot, found }]) => {
    const booked = coverage === null ? null : bookedIn(coverage, slot)
    if (booked === null || unproved.some(hole => hole.fromMs < slot.untilMs && slot.fromMs < hole.untilMs)) return []
    const shown = [...startsMs.values()].filter(startMs => isIn(slot, startMs)).length
    return fewerIn([{ ...slot, count: booked }], [Math.max(found, shown)]).map(fewerOf)
  })
}

function isIn({ fromMs, untilMs }: Window, instantMs: number): boolean {
  return fromMs <= instantMs && instantMs < untilMs
}

export function fewerOf({ slot, booked, found }: Fewer): Finding {
  const seconds = spanMs(slot) / SECOND_MS
  const detail = `${windowText(slot)} (${seconds} s): the ledger counted ${booked}, the API shows ${found}`
  return { callId: null, startMs: slot.fromMs, detail, at: null }
}

function listOf(findings: Findings): Finding[] {
  return findings.entries().map(([, { callId, startMs, detail, at }]) => ({ callId, startMs, detail, at }))
}

function beyondIn({ side, topicSide, letters, fewer }: FirstLook, unpublished: number): number {
  const lists = [side.missing, side.different, fewer, topicSide.stale, topicSide.extra, topicSide.repeated]
  const all = [...lists, topicSide.unreadable, letters.repeated, letters]
  return all.reduce((sum, { beyond }) => sum + beyond, unpublished)
}
