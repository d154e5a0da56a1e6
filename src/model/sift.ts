/**
 * Sift: what of the rows just read is news. Every call seen before with the same content is dropped, a new call becomes CREATED, a changed
 * one UPDATED with the next revision. `seen` is changed at once, because the next chunk is sifted while this one is being committed; when
 * a commit fails the whole state is dropped and recalled, so nothing here is ever undone.
 *
 *   known under the same rules:  same content ─▶ repeat    other content ─▶ UPDATED, or only remembered (updates: suppress)
 *   known under other rules:     a dead letter ─▶ tried again    else ─▶ re-based, or UPDATED when it differs (onRulesChange: publish)
 */
import type { BadRow, CallLog, CallLogEvent } from './call-log.ts'
import type { Coverage } from './coverage.ts'
import { DIGEST_GROUPS, digestOf, type Fingerprint } from './fingerprint.ts'
import { compare, eventOf, type Version } from './version.ts'
import type { Window } from './window.ts'

/** What is remembered of one call. `slot` is where, for rewriting it. */
export interface SeenEntry {
  readonly slot: number
  readonly sameContent: boolean
  /** The words of the digest groups as last published. */
  readonly digests: Uint32Array
  /** The newest content became a dead letter: no event told it. */
  readonly refused: boolean
  /** The content before the last change, as far as one byte tells. */
  readonly previousContentByte: number
  /** Of the newest event; 0 when none was ever published. */
  readonly revision: number
  readonly firstSeenMs: number
  /** Whole days since this entry was last written to the ledger. */
  readonly ageDays: number
  readonly rules: number
}

/** The memory of every call of an account within retention. */
export interface SeenIndex {
  readonly size: number
  find(print: Fingerprint, nowMs: number): SeenEntry | null
  /** Adds a call never seen. Throws `LEDGER_FULL` at the bound, never evicts. */
  add(print: Fingerprint, firstSeenMs: number, rules: number): StoredEntry
  /** Remembers the call's newest content, revision and rules, and that it was written now. */
  rewrite(slot: number, print: Fingerprint, revision: number, rules: number, nowMs: number): StoredEntry
  /** The same for a content that is not published: the digests stay those of the newest event, so that the next one tells all that changed. */
  suppress(slot: number, print: Fingerprint, rules: number, nowMs: number): StoredEntry
  /** Writes the entry again as it is, so that it lives on from now. */
  refresh(slot: number, nowMs: number): StoredEntry
  /** What `entry` remembers could not be published after all: marks it, here and in the copy returned, so that other rules try it again. */
  refuse(entry: StoredEntry): StoredEntry
}

/** A copy of an entry as it must reach the ledger: in the same transaction as the record that made it so, never before, never after. */
export type StoredEntry = Uint32Array

/** An entry this old is written again when its call is met again, so that it cannot expire (9 days) while the API still shows it. */
export const REFRESH_AFTER_DAYS = 7

export interface Sighting {
  readonly call: CallLog
  readonly print: Fingerprint
}

export interface BadSighting {
  readonly bad: BadRow
  readonly print: Fingerprint
}

export interface SiftContext {
  readonly account: string
  /** Index of the rules in force, in the ledger's table of rules. */
  readonly rules: number
  readonly observedAtMs: number
  readonly window: Window
  readonly readBy: string
  /** As they were before this window was read; without them nothing counts as late. */
  readonly books?: Coverage
}

/** `records.updates` and `records.onRulesChange`. */
export interface SiftOptions {
  /** `suppress`: a change is remembered and counted, and not published. */
  readonly updates: 'publish' | 'suppress'
  /** `publish`: a call that the new rules show otherwise than it was published is UPDATED; `adopt`: it is taken over as it is. */
  readonly onRulesChange: 'adopt' | 'publish'
}

/** What to remember, together with what to publish for it; a re-based or refreshed entry publishes nothing. */
export interface News {
  readonly entry: StoredEntry
  readonly event?: CallLogEvent
  readonly deadLetter?: BadSighting
  /** The event was a dead letter under other rules: when it cannot be published now either, it is not one again. */
  readonly isRetry?: boolean
}

export interface Sifted {
  readonly context: SiftContext
  readonly rows: number
  /** In the order read. */
  readonly news: News[]
  repeats: number
  rebased: number
  suppressed: number
  flips: number
}

/** Sorts sightings into news and repeats, in the order read. Throws what `SeenIndex.add` throws. */
export function sift(
  seen: SeenIndex,
  calls: readonly Sighting[],
  bad: readonly BadSighting[],
  context: SiftContext,
  options: SiftOptions = AS_READ,
): Sifted {
  const rows = calls.length + bad.length
  const found: Sifted = { context, rows, news: [], repeats: 0, rebased: 0, suppressed: 0, flips: 0 }
  for (const sighting of calls) siftCall(seen, sighting, context, options, found)
  for (const sighting of bad) siftBad(seen, sighting, context, found)
  return found
}

const AS_READ: SiftOptions = { updates: 'publish', onRulesChange: 'adopt' }

function siftCall(
  seen: SeenIndex,
  sighting: Sighting,
  context: SiftContext,
  { updates, onRulesChange }: SiftOptions,
  found: Sifted,
): void {
  const { call, print } = sighting
  const { observedAtMs, rules } = context
  const known = seen.find(print, observedAtMs)
  if (known === null) {
    const entry = seen.add(print, observedAtMs, rules)
    const version: Version = { change: 'CREATED', revision: 1, firstSeenMs: observedAtMs, changed: [], regressed: false }
    found.news.push({ entry, event: eventOf(call, print, context, version) })
    return
  }
  const areOther = known.rules !== rules
  if (!areOther && known.sameContent) repeat(seen, known, context, found)
  else if (areOther && !known.refused && (onRulesChange === 'adopt' || isAsPublished(print, known))) {
    found.news.push({ entry: seen.rewrite(known.slot, print, known.revision, rules, observedAtMs) })
    found.rebased += 1
  } else if (updates === 'suppress' && known.revision > 0) {
    found.news.push({ entry: seen.suppress(known.slot, print, rules, observedAtMs) })
    found.suppressed += 1
  } else publishAgain(seen, sighting, known, context, found)
}

/** The next version of a known call; the first one when all before it were dead letters. */
function publishAgain(seen: SeenIndex, { call, print }: Sighting, known: SeenEntry, context: SiftContext, found: Sifted): void {
  const { observedAtMs, rules } = context
  const isRetry = known.refused && known.rules !== rules
  if (!isRetry && known.revision > 1 && known.previousContentByte === ((print[4] ?? 0) & 0xff)) found.flips += 1
  const isFirst = known.revision === 0
  const version: Version = {
    change: isFirst ? 'CREATED' : 'UPDATED',
    revision: known.revision + 1,
    firstSeenMs: known.firstSeenMs,
    ...(isFirst ? { changed: [], regressed: false } : compare(call, print, known)),
  }
  const entry = seen.rewrite(known.slot, print, version.revision, rules, observedAtMs)
  found.news.push({ entry, event: eventOf(call, print, context, version), ...(isRetry && { isRetry }) })
}

/** Nothing was suppressed either: then the digests are those of an earlier content. */
function isAsPublished(print: Fingerprint, known: SeenEntry): boolean {
  return known.sameContent && DIGEST_GROUPS.every((_, group) => digestOf(known.digests, 0, group) === digestOf(print, 6, group))
}

/** A bad row is published once; again only when the row itself has changed. Under new rules it was just tried again, and failed again: its entry is re-based. */
function siftBad(seen: SeenIndex, deadLetter: BadSighting, context: SiftContext, found: Sifted): void {
  const { print } = deadLetter
  const { observedAtMs, rules } = context
  const known = seen.find(print, observedAtMs)
  if (known === null) found.news.push({ entry: seen.add(print, observedAtMs, rules), deadLetter })
  else if (known.rules !== rules) {
    found.news.push({ entry: seen.rewrite(known.slot, print, known.revision, rules, observedAtMs) })
    found.rebased += 1
  } else if (known.sameContent) repeat(seen, known, context, found)
  else found.news.push({ entry: seen.rewrite(known.slot, print, known.revision + 1, rules, observedAtMs), deadLetter })
}

/** Nothing new; an old entry is written again so that it outlives the API's memory of the call. */
function repeat(seen: SeenIndex, known: SeenEntry, context: SiftContext, found: Sifted): void {
  found.repeats += 1
  if (known.ageDays < REFRESH_AFTER_DAYS) return
  found.news.push({ entry: seen.refresh(known.slot, context.observedAtMs) })
}
