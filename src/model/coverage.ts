/**
 * The books: which slots of time have been read completely, and which could not be. A slot is one minute for the last 6 hours, a quarter of
 * an hour up to 24 hours and an hour beyond, so that seven days fit in a checkpoint. Only a read that was proved complete, and that
 * spans a slot whole, books it. Everything here is pure: the same coverage and clock give the same answer.
 */
import { floor, gridOf, slotSizeAt } from './grid.ts'
import { contains, DAY_MS, HOUR_MS, intersect, MINUTE_MS, spanMs, subtract, union, type Window } from './window.ts'

/** The API refuses a start older than this (vendor page: "up to seven days including the current day"). */
export const HORIZON_MS = 6 * DAY_MS
/** Books older than this are closed: nothing can be read again. */
export const BOOKS_MS = 8 * DAY_MS

/** A slot that has been read completely. */
export interface Slot extends Window {
  /** When it was first read completely, epoch milliseconds. */
  readonly firstReadMs: number
  /** When it was last read completely. */
  readonly newestReadMs: number
  /** Rows of the newest complete read that start inside. */
  readonly count: number
  /** When it was last read, or its count last compared with the API's; not kept across a restart. */
  readonly checkedMs: number
}

/** A range that was asked for and could not be proved complete. */
export interface Gap extends Window {
  readonly openedMs: number
  readonly attemptedMs: number
  readonly reason: string
  /** `lost`: too old for the API; only the vendor's report screen can fill it. */
  readonly state: 'open' | 'lost'
}

export interface Coverage {
  /** Nothing before this is ours to read. */
  readonly anchorMs: number
  /** Sorted by start, not overlapping. */
  readonly slots: readonly Slot[]
  readonly gaps: readonly Gap[]
}

/** A range that was proved complete by a read begun at `readAtMs`. */
export interface Proved extends Window {
  readonly readAtMs: number
  /** Starts of the calls read in it, ascending, for the slots' counts. */
  readonly startsMs?: readonly number[]
}

/** A range that the API counts as the books do, but for calls that have come. */
export interface Counted extends Window {
  /** The starts of those calls. */
  readonly arrivedMs?: readonly number[]
}

/** The first start reaches back `startFromMs`, yet never so far that the API would refuse it before it can be asked. */
export function startCoverage(nowMs: number, startFromMs: number): Coverage {
  const reachMs = Math.min(startFromMs, HORIZON_MS - 5 * MINUTE_MS)
  return { anchorMs: Math.ceil((nowMs - reachMs) / MINUTE_MS) * MINUTE_MS, slots: [], gaps: [] }
}

/** Books what was proved. Slots that the proved ranges span only together count too; their read is as old as the oldest part. */
export function book(coverage: Coverage, proved: readonly Proved[], nowMs: number): Coverage {
  const known = new Map(coverage.slots.map(slot => [slot.fromMs, slot]))
  const read = union(proved)
    .flatMap(range => gridOf(range, coverage.anchorMs, nowMs))
    .map((cell): Slot => {
      const parts = proved.filter(part => part.fromMs < cell.untilMs && cell.fromMs < part.untilMs)
      const readAtMs = Math.min(...parts.map(part => part.readAtMs))
      const before = known.get(cell.fromMs)
      const firstReadMs = before?.untilMs === cell.untilMs ? before.firstReadMs : readAtMs
      // A part was asked for with a margin, and neighbours meet the calls in it twice.
      const count = sumOf(parts.map(part => countWithin(part.startsMs ?? [], intersect(part, cell))))
      return { ...cell, firstReadMs, newestReadMs: readAtMs, count, checkedMs: readAtMs }
    })
  // Slots grow coarser while a read is under way: a coarse one takes the place of the fine ones booked before.
  const replaced = union(read)
  const others = coverage.slots.flatMap(slot => subtract([slot], replaced).map(part => ({ ...slot, ...part })))
  const gaps = coverage.gaps.flatMap(gap => subtract([gap], proved).map(part => ({ ...gap, ...part })))
  return { ...coverage, slots: sorted([...others, ...read]), gaps }
}

/** Notes that the API counts as many calls in these whole slots as the books do, with those that have arrived. */
export function check(coverage: Coverage, counted: Counted, checkedMs: number): Coverage {
  const arrivedMs = counted.arrivedMs?.toSorted((a, b) => a - b) ?? []
  const checked = (slot: Slot) => ({ ...slot, checkedMs, count: slot.count + countWithin(arrivedMs, slot) })
  return { ...coverage, slots: coverage.slots.map(slot => (contains(counted, slot) ? checked(slot) : slot)) }
}

/** How many calls the whole slots in a window hold that were read after `sinceMs`. */
export function bookedSince(coverage: Coverage, window: Window, sinceMs: number): number {
  const slots = coverage.slots.filter(slot => contains(window, slot) && slot.newestReadMs > sinceMs)
  return sumOf(slots.map(({ count }) => count))
}

/** A slot's share in a part of it: where its calls lie is not known. */
function countIn(slot: Slot, part: Window): number {
  const overlapMs = Math.min(slot.untilMs, part.untilMs) - Math.max(slot.fromMs, part.fromMs)
  return Math.round((slot.count * overlapMs) / spanMs(slot))
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0)
}

/** How many of the ascending `startsMs` lie in a slot. */
function countWithin(startsMs: readonly number[], { fromMs, untilMs }: Window): number {
  return firstAtOrAfter(startsMs, untilMs) - firstAtOrAfter(startsMs, fromMs)
}

function firstAtOrAfter(ascending: readonly number[], value: number): number {
  let [low, high] = [0, ascending.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ascending[middle] ?? 0) < value) low = middle + 1
    else high = middle
  }
  return low
}

/** Notes that a range was tried and could not be proved. A gap known before keeps its age. */
export function openGap(coverage: Coverage, window: Window, reason: string, nowMs: number): Coverage {
  const known = coverage.gaps.find(gap => gap.fromMs <= window.fromMs && window.untilMs <= gap.untilMs)
  const others = coverage.gaps.flatMap(gap => subtract([gap], [window]).map(part => ({ ...gap, ...part })))
  const gap: Gap = {
    fromMs: window.fromMs,
    untilMs: window.untilMs,
    openedMs: known?.openedMs ?? nowMs,
    attemptedMs: nowMs,
    reason,
    state: 'open',
  }
  return { ...coverage, gaps: tidy([...others, gap], nowMs) }
}

/** Time passes: slots merge into coarser ones, what was not read in time is lost, and the oldest books are closed. */
export function age(coverage: Coverage, nowMs: number): Coverage {
  const oldestMs = floor(nowMs - BOOKS_MS, HOUR_MS)
  const kept = coverage.slots.filter(slot => slot.untilMs > oldestMs)
  const first = kept[0]
  const merged =
    first === undefined ? [] : mergeSlots(kept, gridOf({ fromMs: first.fromMs, untilMs: nowMs }, coverage.anchorMs, nowMs))
  const unreadable = { fromMs: Math.max(coverage.anchorMs, oldestMs), untilMs: floor(nowMs - HORIZON_MS, MINUTE_MS) }
  const lost = unreadable.fromMs < unreadable.untilMs ? subtract([unreadable], merged) : []
  const open = coverage.gaps.flatMap(gap => subtract([gap], lost).map(part => ({ ...gap, ...part })))
  const gone = lost.map((window): Gap => {
    const known = coverage.gaps.find(gap => gap.fromMs < window.untilMs && window.fromMs < gap.untilMs)
    return {
      ...window,
      openedMs: known?.openedMs ?? nowMs,
      attemptedMs: known?.attemptedMs ?? 0,
      reason: known?.reason ?? 'never read',
      state: 'lost',
    }
  })
  const gaps = tidy(
    [...open, ...gone].filter(gap => gap.untilMs > oldestMs),
    nowMs,
  )
  return { anchorMs: Math.max(coverage.anchorMs, oldestMs), slots: merged, gaps }
}

/** Everything between the anchor and `untilMs` that is not booked. */
export function unread(coverage: Coverage, untilMs: number): Window[] {
  if (untilMs <= coverage.anchorMs) return []
  return subtract([{ fromMs: coverage.anchorMs, untilMs }], coverage.slots)
}

/** The end of the newest booked slot, or `null` when nothing is booked. */
export function coveredThrough(coverage: Coverage): number | null {
  return coverage.slots.at(-1)?.untilMs ?? null
}

/** Up to where, from the anchor on without a hole, every slot was read again at least `settleMs` after its end. */
export function settledThrough(coverage: Coverage, settleMs: number): number {
  let throughMs = coverage.anchorMs
  for (const slot of coverage.slots) {
    if (slot.fromMs > throughMs || slot.newestReadMs < slot.untilMs + settleMs) break
    throughMs = slot.untilMs
  }
  return throughMs
}

/**
 * Gaps of one state in the same slot, or less than a minute apart, are told as one, so that the books stay small whatever the API does. That
 * hides nothing: a slot with a gap in it is unread as a whole.
 */
function tidy(gaps: readonly Gap[], nowMs: number): Gap[] {
  const sizeAt = slotSizeAt(nowMs)
  const slotOf = (atMs: number) => floor(atMs, sizeAt(atMs))
  const kept: Gap[] = []
  for (const gap of sorted(gaps)) {
    const last = kept.at(-1)
    const isNear =
      last !== undefined && (gap.fromMs - last.untilMs < MINUTE_MS || slotOf(last.untilMs - 1) === slotOf(gap.fromMs))
    if (last === undefined || last.state !== gap.state || !isNear) kept.push(gap)
    else {
      kept[kept.length - 1] = {
        ...last,
        untilMs: Math.max(last.untilMs, gap.untilMs),
        openedMs: Math.min(last.openedMs, gap.openedMs),
        attemptedMs: Math.max(last.attemptedMs, gap.attemptedMs),
      }
    }
  }
  return kept
}

/** Fine slots become one coarse slot when they fill it; a coarse slot with a hole is not covered, and will be read again. */
function mergeSlots(slots: readonly Slot[], grid: readonly Window[]): Slot[] {
  const merged: Slot[] = []
  let next = 0
  for (const cell of grid) {
    while (next < slots.length && (slots[next]?.untilMs ?? 0) <= cell.fromMs) next += 1
    const same = slots[next]
    if (same !== undefined && same.fromMs === cell.fromMs && same.untilMs === cell.untilMs) {
      merged.push(same)
      continue
    }
    const inside: Slot[] = []
    for (let at = next; at < slots.length; at += 1) {
      const slot = slots[at]
      if (slot === undefined || slot.fromMs >= cell.untilMs) break
      inside.push(slot)
    }
    if (inside.length === 0 || subtract([cell], inside).length > 0) continue
    merged.push({
      ...cell,
      firstReadMs: Math.max(...inside.map(slot => slot.firstReadMs)),
      newestReadMs: Math.min(...inside.map(slot => slot.newestReadMs)),
      checkedMs: Math.min(...inside.map(slot => slot.checkedMs)),
      count: sumOf(inside.map(slot => countIn(slot, cell))),
    })
  }
  return merged
}

function sorted<T extends Window>(windows: Iterable<T>): T[] {
  return [...windows].sort((a, b) => a.fromMs - b.fromMs)
}
