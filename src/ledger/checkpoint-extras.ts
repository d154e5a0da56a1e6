/** What a checkpoint holds beside the books: how late calls were, and which ranges were asked for. As Avro holds it, and as the program does. */
import type { Backfill } from '../model/backfill.ts'
import type { Counts, Lateness } from '../model/lateness.ts'
import type { Window } from '../model/window.ts'

export interface StoredAges {
  readonly of: string
  readonly older: Counts
  readonly newer: Counts
}

interface StoredRange {
  readonly from: number
  readonly until: number
}

export interface StoredBackfill extends StoredRange {
  readonly ordered: number
  readonly tried: number
  readonly left: readonly StoredRange[]
  readonly unproved: readonly StoredRange[]
}

export function storedLateness({ older, newer }: Lateness): StoredAges[] {
  const names = new Set([...older.keys(), ...newer.keys()])
  return [...names].map(of => ({ of, older: older.get(of) ?? [], newer: newer.get(of) ?? [] }))
}

export function latenessFrom(sinceMs: number, ages: readonly StoredAges[]): Lateness {
  return {
    sinceMs,
    older: new Map(ages.map(({ of, older }) => [of, older])),
    newer: new Map(ages.map(({ of, newer }) => [of, newer])),
  }
}

const storedRange = ({ fromMs, untilMs }: Window): StoredRange => ({ from: fromMs, until: untilMs })
const rangeFrom = ({ from, until }: StoredRange): Window => ({ fromMs: from, untilMs: until })

export function storedBackfill({ orderedMs, triedMs, left, unproved, ...range }: Backfill): StoredBackfill {
  const parts = { left: left.map(storedRange), unproved: unproved.map(storedRange) }
  return { ...storedRange(range), ordered: orderedMs, tried: triedMs, ...parts }
}

export function backfillFrom({ ordered, tried, left, unproved, ...range }: StoredBackfill): Backfill {
  const parts = { left: left.map(rangeFrom), unproved: unproved.map(rangeFrom) }
  return { ...rangeFrom(range), orderedMs: ordered, triedMs: tried, ...parts }
}
