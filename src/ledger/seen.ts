/**
 * `seen`: the memory of every call within retention, in 44 bytes an entry plus about 5 for the index. Entries lie in segments of plain words
 * that are never moved; the index is open addressing in 256 shards, each grown alone, so that growing never stops the program for long.
 * A JavaScript `Map` would take four times the memory and end at 16.7 million entries.
 *
 *   words 0-3 id | 4-5 content | 6-8 digests, whose last byte is a byte of the content before | 9 first seen, s | 10 revision:16 day:8 rules:8
 */
import { ConnectorError } from '../errors.ts'
import { FINGERPRINT_WORDS, type Fingerprint } from '../model/fingerprint.ts'
import type { SeenEntry, SeenIndex, StoredEntry } from '../model/sift.ts'
import { DAY_MS } from '../model/window.ts'

export const ENTRY_WORDS = 11
export const ENTRY_BYTES = ENTRY_WORDS * 4
/** Days an entry lives after it was last written. The API shows a call for seven. */
export const RETENTION_DAYS = 9

const SEGMENT_ENTRIES = 4_096
const SHARDS = 256
const FIRST_CAPACITY = 16
const FULLEST = 0.85
const GROWTH = 1.3
const LAST_REVISION = 0xffff

export class Seen implements SeenIndex {
  private readonly segments: Uint32Array[] = []
  /** Per shard: entry number + 1, 0 is free. */
  private readonly shards: Uint32Array[] = Array.from({ length: SHARDS }, () => new Uint32Array(FIRST_CAPACITY))
  private readonly used = new Uint32Array(SHARDS)
  private readonly free: number[] = []
  private entries = 0
  private today = 0
  /** The day on which all that had expired was dropped. */
  private dropped = -1
  private readonly maxEntries: number

  constructor(maxEntries: number) {
    this.maxEntries = maxEntries
  }

  get size(): number {
    return this.entries - this.free.length
  }

  /** Bytes held in typed arrays. */
  get bytes(): number {
    return this.segments.length * SEGMENT_ENTRIES * ENTRY_BYTES + this.shards.reduce((sum, shard) => sum + shard.byteLength, 0)
  }

  find(print: Fingerprint, nowMs: number): SeenEntry | null {
    this.today = dayOf(nowMs)
    const slot = this.locate(print)
    if (slot < 0) return null
    const words = this.segmentOf(slot)
    const at = offsetOf(slot)
    const packed = words[at + 10] ?? 0
    const ageDays = this.ageOf(packed)
    if (ageDays > RETENTION_DAYS) return null
    return {
      slot,
      sameContent: words[at + 4] === print[4] && words[at + 5] === print[5],
      digests: words.subarray(at + 6, at + 9),
      previousContentByte: (words[at + 8] ?? 0) >>> 24,
      revision: packed >>> 16,
      firstSeenMs: (words[at + 9] ?? 0) * 1_000,
      ageDays,
      rules: packed & 0xff,
    }
  }

  add(print: Fingerprint, firstSeenMs: number, rules: number): StoredEntry {
    this.today = dayOf(firstSeenMs)
    const known = this.locate(print)
    const slot = known >= 0 ? known : this.insert(print)
    return this.write(slot, print, 0, Math.floor(firstSeenMs / 1_000), pack(1, this.today, rules))
  }

  rewrite(slot: number, print: Fingerprint, revision: number, rules: number, nowMs: number): StoredEntry {
    if (revision > LAST_REVISION)
      throw new ConnectorError('BUG', `a call reached revision ${revision}, more than the ledger can count`)
    const words = this.segmentOf(slot)
    const at = offsetOf(slot)
    const same = words[at + 4] === print[4] && words[at + 5] === print[5]
    const previous = same ? (words[at + 8] ?? 0) >>> 24 : (words[at + 4] ?? 0) & 0xff
    return this.write(slot, print, previous, words[at + 9] ?? 0, pack(revision, dayOf(nowMs), rules))
  }

  /** The content of an entry, as `contentHash` reads it: words 4 and 5. */
  contentAt(slot: number): Uint32Array {
    const at = offsetOf(slot)
    return this.segmentOf(slot).subarray(at, at + FINGERPRINT_WORDS)
  }

  /** Takes back an entry that was stored; later imports of the same call replace earlier ones. `rules` is the index in today's table. */
  import(words: Uint32Array, rules: number): void {
    const known = this.locate(words)
    const slot = known >= 0 ? known : this.insert(words)
    const packed = words[10] ?? 0
    this.write(slot, words, (words[8] ?? 0) >>> 24, words[9] ?? 0, ((packed & 0xffffff00) | rules) >>> 0)
  }

  /** Days up to which entries count as alive; called with the ledger's clock before importing. */
  setToday(nowMs: number): void {
    this.today = dayOf(nowMs)
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

  /** The slot that holds this id, or -1. */
  private locate(print: Uint32Array): number {
    const shard = this.shards[(print[0] ?? 0) & 0xff] ?? new Uint32Array(1)
    for (let at = (print[1] ?? 0) % shard.length; ; at = at + 1 === shard.length ? 0 : at + 1) {
      const entry = shard[at] ?? 0
      if (entry === 0) return -1
      const words = this.segmentOf(entry - 1)
      const from = offsetOf(entry - 1)
      if (
        words[from] === print[0] &&
        words[from + 1] === print[1] &&
        words[from + 2] === print[2] &&
        words[from + 3] === print[3]
      )
        return entry - 1
    }
  }

  private insert(print: Uint32Array): number {
    if (this.size >= this.maxEntries) this.dropExpired()
    if (this.size >= this.maxEntries) {
      throw new ConnectorError(
        'LEDGER_FULL',
        `records.maxSeen: ${this.maxEntries} calls are remembered and none may be forgotten yet; raise records.maxSeen (50 bytes of memory each)`,
      )
    }
    const number = (print[0] ?? 0) & 0xff
    if ((this.used[number] ?? 0) + 1 > (this.shards[number]?.length ?? 0) * FULLEST) this.grow(number)
    const slot = this.free.pop() ?? this.entries++
    if (slot >= this.segments.length * SEGMENT_ENTRIES) this.segments.push(new Uint32Array(SEGMENT_ENTRIES * ENTRY_WORDS))
    this.place(this.shards[number] ?? new Uint32Array(1), print[1] ?? 0, slot)
    this.used[number] = (this.used[number] ?? 0) + 1
    return slot
  }

  /** Entries expire with the day, so once a day is enough: at the bound this must not be paid for every call. */
  private dropExpired(): void {
    if (this.dropped === this.today) return
    this.dropped = this.today
    for (let number = 0; number < SHARDS; number += 1) this.grow(number)
  }

  /** Drops what has expired, then makes room. */
  private grow(number: number): void {
    const old = this.shards[number] ?? new Uint32Array(1)
    const alive: number[] = []
    for (const entry of old) {
      if (entry === 0) continue
      if (this.ageOf(this.segmentOf(entry - 1)[offsetOf(entry - 1) + 10] ?? 0) > RETENTION_DAYS) this.free.push(entry - 1)
      else alive.push(entry)
    }
    const crowded = alive.length + 1 > old.length * (FULLEST / GROWTH)
    const shard = new Uint32Array(crowded ? Math.ceil(old.length * GROWTH) : old.length)
    for (const entry of alive) this.place(shard, this.segmentOf(entry - 1)[offsetOf(entry - 1) + 1] ?? 0, entry - 1)
    this.shards[number] = shard
    this.used[number] = alive.length
  }

  private place(shard: Uint32Array, hash: number, slot: number): void {
    let at = hash % shard.length
    while (shard[at] !== 0) at = at + 1 === shard.length ? 0 : at + 1
    shard[at] = slot + 1
  }

  private segmentOf(slot: number): Uint32Array {
    const segment = this.segments[Math.floor(slot / SEGMENT_ENTRIES)]
    if (segment === undefined) throw new ConnectorError('BUG', `seen has no slot ${slot}`)
    return segment
  }

  /** Days are kept modulo 256; a day ahead of ours (a clock set back) counts as today. */
  private ageOf(packed: number): number {
    const age = (this.today - ((packed >>> 8) & 0xff)) & 0xff
    return age > 200 ? 0 : age
  }
}

function dayOf(instantMs: number): number {
  return Math.floor(instantMs / DAY_MS) & 0xff
}

function offsetOf(slot: number): number {
  return (slot % SEGMENT_ENTRIES) * ENTRY_WORDS
}

function pack(revision: number, day: number, rules: number): number {
  return ((revision << 16) | (day << 8) | rules) >>> 0
}
