/**
 * `seen`: the memory of every call within retention, in 44 bytes an entry plus about 5 for the index. Entries lie in segments of plain words
 * that are never moved; the index is open addressing in 1,024 shards, each grown alone, so that growing never stops the program for long.
 * A JavaScript `Map` would take four times the memory and end at 16.7 million entries.
 */
import { ConnectorError } from '../errors.ts'
import { FINGERPRINT_WORDS, type Fingerprint } from '../model/fingerprint.ts'
import type { SeenEntry, SeenIndex, StoredEntry } from '../model/sift.ts'
import {
  ageDaysOf,
  dayOf,
  ENTRY_BYTES,
  ENTRY_WORDS,
  isRefused,
  isSameContent,
  LAST_REVISION,
  pack,
  RETENTION_DAYS,
  refusedOf,
  repacked,
  revisionOf,
} from './entry.ts'
import { indexWord, isTagged, place, slotIn } from './index-word.ts'

const SEGMENT_ENTRIES = 4_096
const SHARDS = 1_024
const FIRST_CAPACITY = 16
const FULLEST = 0.85
const GROWTH = 1.3

export class Seen implements SeenIndex {
  private readonly segments: Uint32Array[] = []
  /** Per shard: entry number + 1 and the tag, 0 is free. */
  private readonly shards: Uint32Array[] = Array.from({ length: SHARDS }, () => new Uint32Array(FIRST_CAPACITY))
  private readonly used = new Uint32Array(SHARDS)
  private readonly free: number[] = []
  private entries = 0
  private today = 0
  /** When what had expired was last dropped to make room, and in how many shards so far. */
  private dropped = { day: -1, shards: 0 }
  private readonly maxEntries: number
  private readonly ageAt: (nowMs: number) => number

  /** Entries age by `ageAt` of the times handed in (`ledger-time.ts`). */
  constructor(maxEntries: number, ageAt: (nowMs: number) => number = nowMs => nowMs) {
    this.maxEntries = maxEntries
    this.ageAt = ageAt
  }

  get size(): number {
    return this.entries - this.free.length
  }

  /** Bytes held in typed arrays. */
  get bytes(): number {
    return this.segments.length * SEGMENT_ENTRIES * ENTRY_BYTES + this.shards.reduce((sum, shard) => sum + shard.byteLength, 0)
  }

  find(print: Fingerprint, nowMs: number): SeenEntry | null {
    this.setToday(nowMs)
    const slot = this.locate(print, 0)
    if (slot < 0) return null
    const words = this.segmentOf(slot)
    const at = offsetOf(slot)
    const packed = words[at + 10] ?? 0
    const ageDays = ageDaysOf(packed, this.today)
    if (ageDays > RETENTION_DAYS) return null
    return {
      slot,
      sameContent: isSameContent(words, at, print),
      digests: words.subarray(at + 6, at + 9),
      refused: isRefused(packed),
      previousContentByte: (words[at + 8] ?? 0) >>> 24,
      revision: revisionOf(packed),
      firstSeenMs: (words[at + 9] ?? 0) * 1_000,
      ageDays,
      rules: packed & 0xff,
    }
  }

  add(print: Fingerprint, firstSeenMs: number, rules: number): StoredEntry {
    this.setToday(firstSeenMs)
    const known = this.locate(print, 0)
    const slot = known >= 0 ? known : this.insert(print, 0)
    return this.write(slot, print, 0, Math.floor(firstSeenMs / 1_000), pack(1, this.today, rules))
  }

  rewrite(slot: number, print: Fingerprint, revision: number, rules: number, nowMs: number): StoredEntry {
    if (revision > LAST_REVISION)
      throw new ConnectorError('BUG', `a call reached revision ${revision}, more than the ledger can count`)
    this.setToday(nowMs)
    const words = this.segmentOf(slot)
    const at = offsetOf(slot)
    const previous = isSameContent(words, at, print) ? (words[at + 8] ?? 0) >>> 24 : (words[at + 4] ?? 0) & 0xff
    return this.write(slot, print, previous, words[at + 9] ?? 0, pack(revision, this.today, rules))
  }

  suppress(slot: number, print: Fingerprint, rules: number, nowMs: number): StoredEntry {
    const words = this.segmentOf(slot)
    const at = offsetOf(slot)
    const published = words.slice(at + 6, at + 9)
    this.rewrite(slot, print, revisionOf(words[at + 10] ?? 0), rules, nowMs)
    words.set(published, at + 6)
    return words.slice(at, at + ENTRY_WORDS)
  }

  refresh(slot: number, nowMs: number): StoredEntry {
    this.setToday(nowMs)
    const words = this.segmentOf(slot)
    const at = offsetOf(slot)
    words[at + 10] = repacked(words[at + 10] ?? 0, this.today)
    return words.slice(at, at + ENTRY_WORDS)
  }

  /** The content of an entry, as `contentHash` reads it: words 4 and 5. */
  contentAt(slot: number): Uint32Array {
    const at = offsetOf(slot)
    return this.segmentOf(slot).subarray(at, at + FINGERPRINT_WORDS)
  }

  refuse(entry: StoredEntry): StoredEntry {
    // Without digests of what was never published, so that the event after it names every field it gives.
    const refused = refusedOf(entry)
    const slot = this.locate(entry, 0)
    if (slot >= 0 && isSameContent(this.segmentOf(slot), offsetOf(slot), entry)) this.segmentOf(slot).set(refused, offsetOf(slot))
    return refused
  }

  /**
   * Takes back the entry that lies at `from` in stored words, as one written on the day of `writtenMs`; later imports of the same call replace
   * earlier ones. `rules` is the index in today's table.
   */
  import(stored: Uint32Array, from: number, writtenMs: number, rules: number): void {
    const known = this.locate(stored, from)
    const slot = known >= 0 ? known : this.insert(stored, from)
    const words = this.segmentOf(slot)
    const at = offsetOf(slot)
    for (let word = 0; word < ENTRY_WORDS; word += 1) words[at + word] = stored[from + word] ?? 0
    words[at + 10] = repacked(stored[from + 10] ?? 0, dayOf(writtenMs), rules)
  }

  /** Makes room for so many entries at once, so that taking them in does not grow the index step by step. */
  reserve(entries: number): void {
    const length = Math.ceil(Math.min(entries, this.maxEntries) / SHARDS / FULLEST)
    for (let number = 0; number < SHARDS; number += 1) if ((this.shards[number]?.length ?? 0) < length) this.grow(number, length)
  }

  /** Days up to which entries count as alive; called with the ledger's clock before importing. */
  setToday(nowMs: number): void {
    this.today = dayOf(this.ageAt(nowMs))
  }

  private write(
    slot: number,
    print: Uint32Array,
    previousContentByte: number,
    firstSeenSeconds: number,
    packed: number,
  ): StoredEntry {
    const words = this.segmentOf(slot)
    const at = offsetOf(slot)
    for (let word = 0; word < FINGERPRINT_WORDS; word += 1) words[at + word] = print[word] ?? 0
    words[at + 8] = ((words[at + 8] ?? 0) & 0x00ffffff) | (previousContentByte << 24)
    words[at + 9] = firstSeenSeconds
    words[at + 10] = packed
    return words.slice(at, at + ENTRY_WORDS)
  }

  /** The slot that holds the id found at `from`, or -1. */
  private locate(print: Uint32Array, from: number): number {
    const [a, b, c, d] = [print[from] ?? 0, print[from + 1] ?? 0, print[from + 2] ?? 0, print[from + 3] ?? 0]
    const shard = this.shards[a % SHARDS] ?? new Uint32Array(1)
    for (let at = b % shard.length; ; at = at + 1 === shard.length ? 0 : at + 1) {
      const entry = shard[at] ?? 0
      if (entry === 0) return -1
      if (!isTagged(entry, c)) continue
      const slot = slotIn(entry)
      const words = this.segmentOf(slot)
      const here = offsetOf(slot)
      if (words[here] === a && words[here + 1] === b && words[here + 2] === c && words[here + 3] === d) return slot
    }
  }

  private insert(print: Uint32Array, from: number): number {
    if (this.size >= this.maxEntries) this.dropExpired()
    if (this.size >= this.maxEntries) {
      throw new ConnectorError(
        'LEDGER_FULL',
        `records.maxSeen: ${this.maxEntries} calls are remembered and none may be forgotten yet; raise records.maxSeen (50 bytes of memory each)`,
      )
    }
    const number = (print[from] ?? 0) % SHARDS
    if ((this.used[number] ?? 0) + 1 > (this.shards[number]?.length ?? 0) * FULLEST) this.grow(number)
    const slot = this.free.pop() ?? this.entries++
    if (slot >= this.segments.length * SEGMENT_ENTRIES) this.segments.push(new Uint32Array(SEGMENT_ENTRIES * ENTRY_WORDS))
    place(this.shards[number] ?? new Uint32Array(1), print[from + 1] ?? 0, indexWord(slot, print[from + 2] ?? 0))
    this.used[number] = (this.used[number] ?? 0) + 1
    return slot
  }

  /** Shard by shard, until there is room: all of them at once would be a pause. Entries expire with the day, so each is gone through once a day. */
  private dropExpired(): void {
    if (this.dropped.day !== this.today) this.dropped = { day: this.today, shards: 0 }
    while (this.dropped.shards < SHARDS && this.size >= this.maxEntries) {
      this.grow(this.dropped.shards)
      this.dropped.shards += 1
    }
  }

  /** Drops what has expired, then makes room. */
  private grow(number: number, leastLength = 0): void {
    const old = this.shards[number] ?? new Uint32Array(1)
    const [alive, hashes] = [new Uint32Array(old.length), new Uint32Array(old.length)]
    let count = 0
    for (const entry of old) {
      if (entry === 0) continue
      const slot = slotIn(entry)
      const [words, at] = [this.segmentOf(slot), offsetOf(slot)]
      if (ageDaysOf(words[at + 10] ?? 0, this.today) > RETENTION_DAYS) this.free.push(slot)
      else {
        hashes[count] = words[at + 1] ?? 0
        alive[count++] = entry
      }
    }
    const crowded = count + 1 > old.length * (FULLEST / GROWTH)
    const shard = new Uint32Array(Math.max(leastLength, crowded ? Math.ceil(old.length * GROWTH) : old.length))
    for (let index = 0; index < count; index += 1) place(shard, hashes[index] ?? 0, alive[index] ?? 0)
    this.shards[number] = shard
    this.used[number] = count
  }

  private segmentOf(slot: number): Uint32Array {
    const segment = this.segments[Math.floor(slot / SEGMENT_ENTRIES)]
    if (segment === undefined) throw new ConnectorError('BUG', `seen has no slot ${slot}`)
    return segment
  }
}

function offsetOf(slot: number): number {
  return (slot % SEGMENT_ENTRIES) * ENTRY_WORDS
}
