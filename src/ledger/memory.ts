/**
 * What reading a ledger partition builds up: birth, newest checkpoint, every delta still within retention, and which delta records are
 * old enough to be tombstoned. Deltas come in the order they were committed, so a later one simply replaces what an earlier one said.
 */
import { endianness } from 'node:os'
import { ConnectorError } from '../errors.ts'
import { DAY_MS } from '../model/window.ts'
import type { LedgerRecord } from '../ports.ts'
import { type Birth, type Checkpoint, decodeBirth, decodeCheckpoint, decodeDelta } from './codec.ts'
import { ENTRY_BYTES, ENTRY_WORDS, RETENTION_DAYS, Seen } from './seen.ts'

export const BIRTH_KEY = 'birth'
export const checkpointKey = (account: string): string => `${account}/checkpoint`
export const deltaKey = (account: string, sequence: number): string => `${account}/seen/${sequence}`

/** At most this many rule fingerprints can be told apart within one retention period. */
const MOST_RULES = 255

export class LedgerMemory {
  birth: Birth | null = null
  checkpoint: Checkpoint | null = null
  readonly seen: Seen
  readonly rules: string[] = []
  /** When each rules fingerprint is first found in use, epoch milliseconds. */
  readonly rulesSinceMs = new Map<string, number>()
  /** Written next. */
  nextSequence = 0
  private readonly live: { readonly sequence: number; readonly writtenAt: number }[] = []
  private readonly account: string
  private readonly nowMs: number

  constructor(account: string, maxSeen: number, nowMs: number) {
    this.account = account
    this.nowMs = nowMs
    this.seen = new Seen(maxSeen)
    this.seen.setToday(nowMs)
  }

  /** Takes one committed record; records of other accounts in the same partition pass by. */
  take({ key, value }: LedgerRecord): void {
    if (key === BIRTH_KEY) this.birth = value === null ? null : decodeBirth(value)
    else if (key === checkpointKey(this.account)) this.checkpoint = value === null ? null : decodeCheckpoint(value)
    else if (key.startsWith(`${this.account}/seen/`)) this.takeDelta(Number(key.slice(this.account.length + 6)), value)
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

  /** Notes a delta that has been handed to a transaction. */
  wrote(sequence: number, writtenAt: number): void {
    this.live.push({ sequence, writtenAt })
  }

  /** Takes out up to `most` deltas in which nothing is alive any more; the caller tombstones them. */
  takeExpired(nowMs: number, most: number): number[] {
    const expired: number[] = []
    while (expired.length < most && this.live[0] !== undefined && isExpired(this.live[0].writtenAt, nowMs)) {
      const first = this.live.shift()
      if (first !== undefined) expired.push(first.sequence)
    }
    return expired
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
    this.wrote(sequence, delta.writtenAt)
    if (isExpired(delta.writtenAt, this.nowMs)) return
    const indexes = delta.rules.map(fingerprint => this.indexOfRules(fingerprint))
    for (const fingerprint of delta.rules)
      if (!this.rulesSinceMs.has(fingerprint)) this.rulesSinceMs.set(fingerprint, delta.writtenAt)
    for (const words of entriesOf(delta.entries)) {
      const index = indexes[(words[10] ?? 0) & 0xff]
      if (index === undefined)
        throw new ConnectorError(
          'LEDGER_UNREADABLE',
          `delta ${sequence} of account "${this.account}" names rules it does not list`,
        )
      this.seen.import(words, index)
    }
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

/** The packed entries one by one; the array handed out is used again for the next. */
function* entriesOf(bytes: Buffer): Generator<Uint32Array> {
  if (bytes.length % ENTRY_BYTES !== 0)
    throw new ConnectorError(
      'LEDGER_UNREADABLE',
      `a delta of ${bytes.length} bytes, which is not whole entries of ${ENTRY_BYTES}`,
    )
  const copy = Uint8Array.from(bytes)
  if (endianness() === 'BE') Buffer.from(copy.buffer).swap32()
  const words = new Uint32Array(copy.buffer)
  for (let at = 0; at < words.length; at += ENTRY_WORDS) yield words.subarray(at, at + ENTRY_WORDS)
}
