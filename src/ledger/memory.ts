/**
 * What reading a ledger partition builds up: birth, newest checkpoint, every delta still within retention, and which delta records are
 * old enough to be tombstoned. Deltas come in the order they were committed, so a later one simply replaces what an earlier one said.
 * A glance takes birth and checkpoint only.
 */
import { endianness } from 'node:os'
import { ConnectorError } from '../errors.ts'
import { DAY_MS } from '../model/window.ts'
import type { LedgerRecord } from '../ports.ts'
import { type Birth, type Checkpoint, decodeBirth, decodeCheckpoint, decodeDelta } from './codec.ts'
import { ENTRY_BYTES, ENTRY_WORDS, RETENTION_DAYS } from './entry.ts'
import type { LedgerTime } from './ledger-time.ts'
import { Seen } from './seen.ts'

export const BIRTH_KEY = 'birth'
export const checkpointKey = (account: string): string => `${account}/checkpoint`
/** The account whose checkpoint has this key, else `null`. */
export const accountOfCheckpoint = (key: string): string | null => /^(.+)\/checkpoint$/.exec(key)?.[1] ?? null
export const deltaKey = (account: string, sequence: number | ''): string => `${account}/seen/${sequence}`

/** Of the entries in the deltas some are written a second time: the index is rather made too small at first than too large for good. */
const SELDOM_TOO_MANY = 0.9
/** At most this many rule fingerprints can be told apart within one retention period. */
const MOST_RULES = 255

/** To whom a ledger partition belongs, and where one account stands in it. */
export class LedgerGlance {
  /** Bytes of the account's deltas, more or less: how much a memory of them will hold. */
  deltaBytes = 0
  birth: Birth | null = null
  /** When the newest record was written, by whoever wrote it; epoch milliseconds. */
  newestMs: number | null = null
  readonly account: string
  protected readonly deltaPrefix: string
  private newest: Buffer | null = null
  private decoded: Checkpoint | null = null

  constructor(account: string) {
    this.account = account
    this.deltaPrefix = deltaKey(account, '')
  }

  /** The newest one. Until compaction there are thousands before it, of every commit one, which are not decoded. Throws `LEDGER_UNREADABLE`. */
  get checkpoint(): Checkpoint | null {
    if (this.newest === null) return null
    this.decoded ??= decodeCheckpoint(this.newest)
    return this.decoded
  }

  /** Takes one committed record; records of other accounts in the same partition pass by. */
  take({ key, value, timestampMs }: LedgerRecord): void {
    this.newestMs = timestampMs
    if (key === BIRTH_KEY) this.birth = value === null ? null : decodeBirth(value)
    else if (key === checkpointKey(this.account)) [this.newest, this.decoded] = [value, null]
    else if (value !== null && key.startsWith(this.deltaPrefix)) this.deltaBytes += value.length
  }
}

export class LedgerMemory extends LedgerGlance {
  readonly seen: Seen
  readonly rules: string[] = []
  /** When each rules fingerprint is first found in use, epoch milliseconds. */
  readonly rulesSinceMs = new Map<string, number>()
  /** Written next. */
  nextSequence = 0
  private readonly live = new LiveDeltas()
  private readonly time: LedgerTime
  private readonly beganMs: number

  /** `nowMs`: our clock, as the reading begins. */
  constructor({ account, deltaBytes }: LedgerGlance, maxSeen: number, time: LedgerTime, nowMs: number) {
    super(account)
    this.time = time
    this.beganMs = time.at(nowMs)
    this.seen = new Seen(maxSeen, atMs => time.at(atMs))
    this.seen.setToday(nowMs)
    this.seen.reserve(Math.floor((deltaBytes / ENTRY_BYTES) * SELDOM_TOO_MANY))
  }

  override take(record: LedgerRecord): void {
    const { key, value } = record
    if (key.startsWith(this.deltaPrefix)) this.takeDelta(Number(key.slice(this.deltaPrefix.length)), value)
    super.take(record)
  }

  /** The index of a rules fingerprint, added when new. */
  indexOfRules(fingerprint: string): number {
    const known = this.rules.indexOf(fingerprint)
    if (known >= 0) return known
    if (this.rules.length >= MOST_RULES)
      throw new ConnectorError(
        'LEDGER_FULL',
        `record settings changed ${MOST_RULES} times within ${RETENTION_DAYS} days; wait a day before changing them again`,
      )
    return this.rules.push(fingerprint) - 1
  }

  /** Notes a delta that has been handed to a transaction at `nowMs`. */
  wrote(sequence: number, nowMs: number): void {
    this.live.push(sequence, this.time.at(nowMs))
  }

  /** Takes out up to `most` deltas in which nothing is alive any more; the caller tombstones them. */
  takeExpired(nowMs: number, most: number): number[] {
    return this.live.takeExpired(this.time.at(nowMs), most)
  }

  private takeDelta(sequence: number, value: Buffer | null): void {
    if (!Number.isSafeInteger(sequence))
      throw new ConnectorError(
        'LEDGER_UNREADABLE',
        `the ledger holds a delta of account "${this.account}" without a sequence number`,
      )
    this.nextSequence = Math.max(this.nextSequence, sequence + 1)
    if (value === null) return
    const delta = decodeDelta(value)
    // Written by a clock that was ahead: as good as written now.
    const writtenMs = Math.min(delta.writtenAt, this.beganMs)
    this.live.push(sequence, writtenMs)
    if (isExpired(writtenMs, this.beganMs)) return
    const words = wordsOf(delta.entries)
    // A delta lists all rules known when it was written: those that no entry uses any more must not be remembered for ever.
    const indexes: (number | undefined)[] = []
    for (let from = 0; from < words.length; from += ENTRY_WORDS) {
      const listed = (words[from + 10] ?? 0) & 0xff
      const index = indexes[listed] ?? this.indexOfUsed(this.listedRules(sequence, delta.rules[listed]), delta.writtenAt)
      indexes[listed] = index
      this.seen.import(words, from, writtenMs, index)
    }
  }

  private indexOfUsed(fingerprint: string, sinceMs: number): number {
    if (!this.rulesSinceMs.has(fingerprint)) this.rulesSinceMs.set(fingerprint, sinceMs)
    return this.indexOfRules(fingerprint)
  }

  private listedRules(sequence: number, fingerprint: string | undefined): string {
    if (fingerprint !== undefined) return fingerprint
    throw new ConnectorError('LEDGER_UNREADABLE', `delta ${sequence} of account "${this.account}" names rules it does not list`)
  }
}

/** The delta records that are not tombstoned yet, in the order they were written. There may be half a million. */
class LiveDeltas {
  private sequences: number[] = []
  private writtenMs: number[] = []
  private first = 0

  push(sequence: number, writtenMs: number): void {
    this.sequences.push(sequence)
    this.writtenMs.push(writtenMs)
  }

  /** Takes out the oldest, up to `most`, as long as they have expired. */
  takeExpired(nowMs: number, most: number): number[] {
    const from = this.first
    while (this.first - from < most && this.first < this.sequences.length && isExpired(this.writtenMs[this.first] ?? 0, nowMs))
      this.first += 1
    const expired = this.sequences.slice(from, this.first)
    // `shift` would move the whole rest for each of them; this moves it once in a while.
    if (this.first > this.sequences.length / 2) {
      this.sequences = this.sequences.slice(this.first)
      this.writtenMs = this.writtenMs.slice(this.first)
      this.first = 0
    }
    return expired
  }
}

/** Days, as in `Seen`: a delta must outlive each of its entries. */
function isExpired(writtenAt: number, nowMs: number): boolean {
  return Math.floor(nowMs / DAY_MS) - Math.floor(writtenAt / DAY_MS) > RETENTION_DAYS
}

/** Entries as the bytes of a delta: little-endian words, one entry after the other. */
export function packEntries(entries: readonly Uint32Array[]): Buffer {
  const words = new Uint32Array(entries.length * ENTRY_WORDS)
  for (const [index, entry] of entries.entries()) words.set(entry, index * ENTRY_WORDS)
  const bytes = Buffer.from(words.buffer)
  return endianness() === 'BE' ? bytes.swap32() : bytes
}

/** The packed entries, as a copy: bytes of a record begin anywhere, words do not. */
function wordsOf(bytes: Buffer): Uint32Array {
  if (bytes.length % ENTRY_BYTES !== 0)
    throw new ConnectorError(
      'LEDGER_UNREADABLE',
      `a delta of ${bytes.length} bytes, which is not whole entries of ${ENTRY_BYTES}`,
    )
  const copy = Uint8Array.from(bytes)
  if (endianness() === 'BE') Buffer.from(copy.buffer).swap32()
  return new Uint32Array(copy.buffer)
}
