/**
 * One remembered call as words, in memory and in the ledger's deltas:
 *
 *   words 0-3 id | 4-5 content | 6-8 digests, whose last byte is a byte of the content before | 9 first seen, s
 *   word 10: refused:1 revision:15 day:8 rules:8
 */
import { DAY_MS } from '../model/window.ts'

export const ENTRY_WORDS = 11
export const ENTRY_BYTES = ENTRY_WORDS * 4
/** Days an entry lives after it was last written. The API shows a call for seven. */
export const RETENTION_DAYS = 9
export const LAST_REVISION = 0x7fff

const REFUSED = 0x8000_0000

/** Word 10 of an entry whose content was published. */
export function pack(revision: number, day: number, rules: number): number {
  return ((revision << 16) | (day << 8) | rules) >>> 0
}

/** The same entry as one whose content was not published: with the revision before, and without digests. */
export function refusedOf(entry: Uint32Array): Uint32Array {
  const packed = entry[10] ?? 0
  const refused = entry.slice().fill(0, 6, 9)
  refused[10] = (REFUSED | pack(Math.max(0, revisionOf(packed) - 1), (packed >>> 8) & 0xff, packed & 0xff)) >>> 0
  return refused
}

/** Word 10 with another day, and other rules when given. */
export function repacked(packed: number, day: number, rules = packed & 0xff): number {
  return ((packed & 0xffff_0000) | (day << 8) | rules) >>> 0
}

export function isRefused(packed: number): boolean {
  return (packed & REFUSED) !== 0
}

export function revisionOf(packed: number): number {
  return (packed >>> 16) & LAST_REVISION
}

/** Days are kept modulo 256; a day ahead of today (a clock set back) counts as today. */
export function ageDaysOf(packed: number, today: number): number {
  const age = (today - ((packed >>> 8) & 0xff)) & 0xff
  return age > 200 ? 0 : age
}

export function isSameContent(words: Uint32Array, at: number, print: Uint32Array): boolean {
  return words[at + 4] === print[4] && words[at + 5] === print[5]
}

export function dayOf(instantMs: number): number {
  return Math.floor(instantMs / DAY_MS) & 0xff
}
