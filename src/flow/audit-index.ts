/**
 * What an audit remembers of each call while it compares three places: hashes and flags, never a record. An entry of `seen` keeps id and content as
 * the API shows it; seven words beside it keep the rest. About 80 bytes a call, and no more calls than `records.maxSeen`.
 *
 *   words 0 start, s | 1 first seen, s | 2-3 content of the newest version on the topic | 4 window:16 partition:16 | 5 revision:16 flags:16 | 6 end, s
 */
import { ConnectorError } from '../errors.ts'
import type { Fingerprint } from '../model/fingerprint.ts'
import type { SeenEntry, SeenIndex } from '../model/sift.ts'
import type { Window } from '../model/window.ts'

export const FLAG = {
  /** The API shows it. */
  shown: 1,
  /** A version is on the events topic. */
  published: 2,
  /** It is on the dead-letter topic. */
  lettered: 4,
  /** A row that cannot become a call. */
  bad: 8,
  /** The ledger's entry was written under other record rules. */
  otherRules: 16,
  /** The newest version on the topic was made under other record rules. */
  publishedOtherwise: 32,
} as const
type Flag = (typeof FLAG)[keyof typeof FLAG]

const WORDS = 7
const FIRST_SLOTS = 4_096
const GROWTH = 1.5

/** What the API pass knows of a call. */
export interface Shown {
  readonly print: Fingerprint
  /** `null` when the API gives no start that can be read. */
  readonly startMs: number | null
  readonly endMs: number | null
  /** By the ledger; `null` when it does not know the call. */
  readonly firstSeenMs: number | null
  /** Of the planned windows. */
  readonly window: number
  /** Of its key on the events topic. */
  readonly partition: number
  readonly isBad: boolean
}

export class AuditIndex {
  private readonly entries: SeenIndex
  private readonly nowMs: number
  private words = new Uint32Array(FIRST_SLOTS * WORDS)

  /** `entries` must be empty; nothing expires as of `nowMs`. */
  constructor(entries: SeenIndex, nowMs: number) {
    this.entries = entries
    this.nowMs = nowMs
  }

  find(print: Fingerprint): SeenEntry | null {
    return this.entries.find(print, this.nowMs)
  }

  /** Notes how the API shows a call; returns its slot. Throws `LEDGER_FULL`. */
  show({ print, startMs, endMs, firstSeenMs, window, partition, isBad }: Shown): number {
    const slot = this.take(print)
    const at = slot * WORDS
    this.words[at] = seconds(startMs)
    this.words[at + 6] = seconds(endMs)
    this.words[at + 1] = seconds(firstSeenMs)
    this.words[at + 4] = ((window << 16) | partition) >>> 0
    this.set(slot, FLAG.shown, true)
    this.set(slot, FLAG.bad, isBad)
    return slot
  }

  /** Notes the newest version on the topic of a call that may or may not be known; returns its slot. Throws `LEDGER_FULL`. */
  publish(print: Fingerprint, revision: number, isOtherwise: boolean): number {
    const slot = this.find(print)?.slot ?? this.take(print)
    const at = slot * WORDS
    this.words[at + 2] = print[4] ?? 0
    this.words[at + 3] = print[5] ?? 0
    this.words[at + 5] = (((this.words[at + 5] ?? 0) & 0xffff) | (revision << 16)) >>> 0
    this.set(slot, FLAG.published, true)
    this.set(slot, FLAG.publishedOtherwise, isOtherwise)
    return slot
  }

  has(slot: number, flag: Flag): boolean {
    return ((this.words[slot * WORDS + 5] ?? 0) & flag) !== 0
  }

  set(slot: number, flag: Flag, value: boolean): void {
    const at = slot * WORDS + 5
    const before = this.words[at] ?? 0
    this.words[at] = (value ? before | flag : before & ~flag) >>> 0
  }

  /** Of the newest version on the topic; 0 when none was met. */
  revision(slot: number): number {
    return (this.words[slot * WORDS + 5] ?? 0) >>> 16
  }

  /** Start and end as the API shows them, each as far as it gives one. */
  timesMs(slot: number): number[] {
    const found = [this.words[slot * WORDS] ?? 0, this.words[slot * WORDS + 6] ?? 0]
    return found.filter(each => each > 0).map(each => each * 1_000)
  }

  /** How many calls the API shows that start in each of these windows, which are ascending and do not overlap. */
  startsIn(windows: readonly Window[]): number[] {
    const counts = windows.map(() => 0)
    for (const slot of this.slots()) {
      const startMs = (this.words[slot * WORDS] ?? 0) * 1_000
      if (startMs === 0 || !this.has(slot, FLAG.shown)) continue
      const at = lastAt(windows, startMs)
      if (startMs < (windows[at]?.untilMs ?? 0)) counts[at] = (counts[at] ?? 0) + 1
    }
    return counts
  }

  /** 0 when the ledger does not know the call. */
  firstSeenMs(slot: number): number {
    return (this.words[slot * WORDS + 1] ?? 0) * 1_000
  }

  window(slot: number): number {
    return (this.words[slot * WORDS + 4] ?? 0) >>> 16
  }

  partition(slot: number): number {
    return (this.words[slot * WORDS + 4] ?? 0) & 0xffff
  }

  /** Whether topic and API show different contents of it, made under the same rules. */
  isStale(print: Fingerprint): boolean {
    const entry = this.find(print)
    if (entry === null) return false
    const { slot } = entry
    const comparable = !this.has(slot, FLAG.otherRules) && !this.has(slot, FLAG.publishedOtherwise)
    if (!comparable || !this.has(slot, FLAG.shown) || !this.has(slot, FLAG.published)) return false
    const at = slot * WORDS
    const published = Uint32Array.of(...print.subarray(0, 4), this.words[at + 2] ?? 0, this.words[at + 3] ?? 0, 0, 0, 0)
    return this.find(published)?.sameContent === false
  }

  /** How many have all of these flags and none of those. */
  count(all: number, none = 0): number {
    let count = 0
    for (const slot of this.slots()) {
      const flags = this.words[slot * WORDS + 5] ?? 0
      if ((flags & all) === all && (flags & none) === 0) count += 1
    }
    return count
  }

  *slots(): Generator<number, void, void> {
    for (let slot = 0; slot < this.entries.size; slot += 1) yield slot
  }

  private take(print: Fingerprint): number {
    const known = this.find(print)
    if (known !== null) this.entries.rewrite(known.slot, print, 1, 0, this.nowMs)
    else this.entries.add(print, this.nowMs, 0)
    const slot = known?.slot ?? this.find(print)?.slot
    if (slot === undefined) throw new ConnectorError('BUG', 'an entry just added is not found')
    if ((slot + 1) * WORDS > this.words.length) {
      const grown = new Uint32Array(Math.ceil((slot + 1) * GROWTH) * WORDS)
      grown.set(this.words)
      this.words = grown
    }
    return slot
  }
}

/** The last window that begins at or before an instant, or -1. */
function lastAt(windows: readonly Window[], instantMs: number): number {
  let [low, high] = [0, windows.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((windows[middle]?.fromMs ?? 0) <= instantMs) low = middle + 1
    else high = middle
  }
  return low - 1
}

function seconds(instantMs: number | null): number {
  return instantMs === null ? 0 : Math.max(0, Math.floor(instantMs / 1_000)) >>> 0
}
