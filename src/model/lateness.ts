/**
 * How late calls show up and change, counted in buckets from a minute to a week, and kept in the checkpoint: from these numbers follows how far
 * back the schedule must read. Two generations of a week each, so that old days fade: everything of the last seven days is counted, nothing
 * older than fourteen.
 */
import { type Coverage, HORIZON_MS } from './coverage.ts'
import type { ScheduleEntry } from './schedule.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from './window.ts'

const MINUTES = [1, 2, 3, 5, 7, 10, 15, 20, 30, 45].map(count => count * MINUTE_MS)
const HOURS = [1, 1.5, 2, 3, 4, 6, 8, 12, 18].map(count => count * HOUR_MS)
const DAYS = [1, 1.5, 2, 3, 4, 5, 6, 7].map(count => count * DAY_MS)
/** The largest age that each bucket counts, milliseconds; one more bucket holds what is older than a week. They read well as spans. */
export const AGES_MS: readonly number[] = [...MINUTES, ...HOURS, ...DAYS]
export const GENERATION_MS = 7 * DAY_MS

/**
 * - `new`: calls seen by the first complete read of their slot, from their end on; not those of ranges that were read for the first time long after.
 * - `late`: calls that an earlier complete read of their slot did not show, from their end until they were seen.
 * - `changed`: calls published again, from their end until the change was seen.
 */
export type LatenessKind = 'new' | 'late' | 'changed'

/** One call seen, for these counts. */
export interface Sample {
  readonly kind: LatenessKind
  /** From the end of the call, or else its start, until it was seen so; milliseconds, never negative. */
  readonly ageMs: number
  /** The same from its start, which is where the API's windows look for it. */
  readonly reachMs: number
  /** The schedule that found it, or `backfill`. */
  readonly readBy: string
}

/** How many calls fell into each bucket; trailing zeros are left out. */
export type Counts = readonly number[]

export interface Lateness {
  /** When the newer generation began, epoch milliseconds; 0 before anything was counted. */
  readonly sinceMs: number
  /** By kind, and under `reach:<schedule>` how far each schedule had to reach for what was late or changed. */
  readonly older: ReadonlyMap<string, Counts>
  readonly newer: ReadonlyMap<string, Counts>
}

export interface Quantiles {
  readonly count: number
  /** The upper ends of the buckets, milliseconds; `null` when nothing was counted, `Infinity` beyond a week. */
  readonly p50: number | null
  readonly p90: number | null
  readonly p99: number | null
  readonly p999: number | null
}

/** What a schedule would need. */
export interface Advice {
  readonly name: string
  readonly everyMs: number
  readonly spanMs: number
  /** Late rows and changes that it found. */
  readonly found: number
  /** With this span it would have found 99.9 % of them, at the same reads; `null` when it found none. */
  readonly neededMs: number | null
  /** They came up to the very end of its span: what came later was left to a slower schedule, or to nobody. */
  readonly reachesEnd: boolean
}

export const NO_LATENESS: Lateness = { sinceMs: 0, older: new Map(), newer: new Map() }

/** Names beyond this count as one: schedules may be renamed for ever, and a checkpoint is bounded. */
const MOST_NAMES = 32
const REACH = 'reach:'

/** Counts samples as of `nowMs`; an older generation is dropped when it is due. */
export function count(lateness: Lateness, samples: readonly Sample[], nowMs: number): Lateness {
  const turned = turn(lateness, nowMs)
  if (samples.length === 0) return turned
  const newer = new Map([...turned.newer].map(([name, counts]) => [name, [...counts]]))
  const add = (name: string, ageMs: number) => {
    const key = newer.has(name) || newer.size < MOST_NAMES ? name : `${REACH}other`
    const counts = newer.get(key) ?? []
    const bucket = bucketOf(ageMs)
    while (counts.length <= bucket) counts.push(0)
    counts[bucket] = (counts[bucket] ?? 0) + 1
    newer.set(key, counts)
  }
  for (const { kind, ageMs, reachMs, readBy } of samples) {
    if (kind === 'new' && readBy === 'backfill') continue
    add(kind, ageMs)
    if (kind !== 'new') add(REACH + readBy, reachMs)
  }
  return { ...turned, newer }
}

export function quantilesOf(lateness: Lateness, kinds: readonly LatenessKind[]): Quantiles {
  return quantiles(kinds.map(kind => countsOf(lateness, kind)))
}

/**
 * The smallest schedule, at the same intervals, that would have found 99.9 % of what each of its parts found. What a backfill or a schedule of
 * another name found counts for the slowest. Nothing is known of what came later than the longest span.
 */
export function advise(lateness: Lateness, schedule: readonly ScheduleEntry[]): Advice[] {
  const inOrder = schedule.toSorted((a, b) => a.everyMs - b.everyMs)
  const known = new Set(inOrder.map(({ name }) => REACH + name))
  const names = new Set([...lateness.older.keys(), ...lateness.newer.keys()])
  const others = [...names].filter(name => name.startsWith(REACH) && !known.has(name))
  return inOrder.map((entry, index) => {
    const own = index === inOrder.length - 1 ? [REACH + entry.name, ...others] : [REACH + entry.name]
    const { count: found, p999 } = quantiles(own.map(name => countsOf(lateness, name)))
    const neededMs = p999 === null ? null : Math.min(p999, HORIZON_MS)
    return { ...entry, found, neededMs, reachesEnd: neededMs !== null && neededMs >= entry.spanMs }
  })
}

/** Whether the slot that holds an instant has been read completely, by these books. */
export function wasRead({ slots }: Coverage, atMs: number): boolean {
  let [low, high] = [0, slots.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((slots[middle]?.untilMs ?? 0) <= atMs) low = middle + 1
    else high = middle
  }
  return (slots[low]?.fromMs ?? Number.POSITIVE_INFINITY) <= atMs
}

function turn(lateness: Lateness, nowMs: number): Lateness {
  const ageMs = nowMs - lateness.sinceMs
  // A clock set back to before the generation began starts none anew.
  if (ageMs < GENERATION_MS) return lateness
  return { sinceMs: nowMs, older: ageMs < 2 * GENERATION_MS ? lateness.newer : new Map(), newer: new Map() }
}

function bucketOf(ageMs: number): number {
  const at = AGES_MS.findIndex(mostMs => ageMs <= mostMs)
  return at === -1 ? AGES_MS.length : at
}

function countsOf({ older, newer }: Lateness, name: string): Counts {
  return merged([older.get(name) ?? [], newer.get(name) ?? []])
}

function merged(all: readonly Counts[]): number[] {
  const length = Math.max(0, ...all.map(counts => counts.length))
  return Array.from({ length }, (_, bucket) => all.reduce((sum, counts) => sum + (counts[bucket] ?? 0), 0))
}

function quantiles(all: readonly Counts[]): Quantiles {
  const counts = merged(all)
  const total = counts.reduce((sum, each) => sum + each, 0)
  const at = (share: number): number | null => {
    let left = Math.ceil(total * share)
    if (left === 0) return null
    const bucket = counts.findIndex(each => {
      left -= each
      return left <= 0
    })
    return AGES_MS[bucket] ?? Number.POSITIVE_INFINITY
  }
  return { count: total, p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) }
}
