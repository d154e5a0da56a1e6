/**
 * Comparing settled slots with the API for one request where nothing has come or gone, and finding what has for a few, instead of a page
 * for every hundred rows. A count's answer brings its first page along: calls on it that were never seen explain so much of the difference.
 * What is left is searched for in parts:
 *
 *   count ──equal, or the new calls on its page explain it──▶ unchanged but for those
 *     └ differs ──▶ count the part that the page did not show; what is left over is the other part's difference, for no request
 *           └ a single slot, or so many differences that counting would not spare the reading ──▶ read
 *
 * A call that comes between two of these counts makes the second wrong by one. That costs a request or a minute: nothing is covered by
 * counting, and the next count tells.
 */
import type { Slot } from '../model/coverage.ts'
import type { Fingerprint } from '../model/fingerprint.ts'
import type { Sighting } from '../model/sift.ts'
import type { Window } from '../model/window.ts'
import type { Clock } from '../ports.ts'
import { Counting, rangeOf } from './counting.ts'
import type { Rows, Step } from './read.ts'

/** The first page of some bounds, and what the API counts there. */
export interface Glance {
  /** As they flow on. */
  readonly rows: Rows
  readonly rawRows: number
  readonly total: number | null
}

/** What a comparison goes by. */
export interface Looks {
  readonly clock: Clock
  /** Whether a call was never seen. */
  readonly isNew: (print: Fingerprint) => boolean
  /** One request for exactly these bounds. */
  readonly glance: (bounds: Window, signal: AbortSignal) => Promise<Glance>
  readonly readAll: (window: Window, signal: AbortSignal) => AsyncGenerator<Step, void, void>
}

/** What is known of some touching slots while they are compared. */
interface Finding {
  /** With the arrivals counted in. */
  readonly slots: readonly Slot[]
  /** How many more calls the API has than that; `null` when it does not count. */
  readonly missing: number | null
  /** As the API counts exactly this range; `null` when it was not asked, but worked out from the range around. */
  readonly total: number | null
  /** Starts of the calls never seen before, in these slots and perhaps around them. */
  readonly arrivedMs: readonly number[]
  /** The earliest start on the page that came with the count: the same rows are not to be asked for again. */
  readonly shownFromMs: number
  readonly checkedMs: number
}

/** Of so many differences to a page, nearly every page has one. */
const MOST_A_PAGE = 2
const NOTHING_SHOWN = Number.NEGATIVE_INFINITY

export class Comparison {
  private readonly counting = new Counting()
  private readonly looks: Looks
  private pageRows = 1

  constructor(looks: Looks) {
    this.looks = looks
  }

  /** Every second of the slots ends as unchanged, as proved or as a gap. Throws what the requests throw. */
  async *compare(slots: readonly Slot[], signal: AbortSignal): AsyncGenerator<Step, void, void> {
    const finding = yield* this.look(slots, [], signal)
    if (finding === null) return yield* this.looks.readAll(rangeOf(slots), signal)
    if (this.counting.isProved && finding.missing !== null) return yield* this.search(finding, signal)
    if (finding.missing !== 0) return yield* this.readAfter(finding, signal)
    this.counting.matched(sumOf(slots))
    yield unchanged(finding)
  }

  private async *search(finding: Finding, signal: AbortSignal): AsyncGenerator<Step, void, void> {
    const { slots, missing, total, checkedMs, arrivedMs, shownFromMs } = finding
    if (missing === null) return yield* this.readAfter(finding, signal)
    if (missing === 0) return yield unchanged(finding)
    const pages = Math.ceil((sumOf(slots) + missing) / this.pageRows)
    if (pages <= 1 && total === null) {
      const looked = yield* this.look(slots, arrivedMs, signal)
      return yield* looked === null ? this.readAfter(finding, signal) : this.search(looked, signal)
    }
    if (pages <= 1 || slots.length === 1 || Math.abs(missing) > MOST_A_PAGE * pages) return yield* this.readAfter(finding, signal)
    const { older, newer } = cut(slots, this.looks.clock.now())
    const isNewerShown = shownFromMs >= rangeOf(newer).fromMs
    const [asked, other] = isNewerShown ? [older, newer] : [newer, older]
    const looked = yield* this.look(asked, arrivedMs, signal)
    if (looked === null || looked.total === null) return yield* this.readAfter(finding, signal)
    yield* this.search(looked, signal)
    const left = missing - (looked.total - sumOf(asked))
    const rest = {
      slots: other,
      missing: left,
      total: null,
      arrivedMs,
      shownFromMs: isNewerShown ? shownFromMs : NOTHING_SHOWN,
      checkedMs,
    }
    yield* this.search(rest, signal)
  }

  /** One request. `null` when this range is better read. */
  private async *look(
    slots: readonly Slot[],
    before: readonly number[],
    signal: AbortSignal,
  ): AsyncGenerator<Step, Finding | null, void> {
    const range = rangeOf(slots)
    const bounds = this.counting.boundsOf(range)
    if (bounds === null) return null
    const checkedMs = this.looks.clock.now()
    const { rows, rawRows, total } = await this.looks.glance(bounds, signal)
    this.pageRows = Math.max(this.pageRows, rawRows)
    const arrivedMs = this.counting.isProved ? startsOf(rows.calls.filter(({ print }) => this.looks.isNew(print))) : []
    const arrivals = arrivedMs.filter(startMs => range.fromMs <= startMs && startMs < range.untilMs)
    yield { kind: 'rows', ...rows }
    const counted = slots.map(slot => ({ ...slot, count: slot.count + startsIn(slot, arrivals) }))
    const missing = total === null ? null : total - sumOf(counted)
    const shownFromMs = rows.calls.length === 0 ? NOTHING_SHOWN : Math.min(...startsOf(rows.calls))
    return { slots: counted, missing, total, arrivedMs: [...before, ...arrivals], shownFromMs, checkedMs }
  }

  /** Reads the range, and learns from it whether its bounds count what the books count. */
  private async *readAfter({ slots, total }: Finding, signal: AbortSignal): AsyncGenerator<Step, void, void> {
    let found = 0
    for await (const step of this.looks.readAll(rangeOf(slots), signal)) {
      if (step.kind === 'proved') found += startsIn(step.proved, step.proved.startsMs ?? [])
      yield step
    }
    this.counting.differed({ total, found, booked: sumOf(slots) })
  }
}

function unchanged({ slots, arrivedMs, checkedMs }: Finding): Step {
  const window = rangeOf(slots)
  const arrived = arrivedMs.filter(startMs => window.fromMs <= startMs && startMs < window.untilMs)
  return { kind: 'unchanged', window: { ...window, ...(arrived.length > 0 && { arrivedMs: arrived }) }, checkedMs }
}

/** Calls appear about as often within each doubling of their age, so that is where half the difference is to be expected. */
function cut(slots: readonly Slot[], nowMs: number): { older: readonly Slot[]; newer: readonly Slot[] } {
  const { fromMs, untilMs } = rangeOf(slots)
  const middleMs = Math.sqrt(Math.max(1, nowMs - untilMs) * Math.max(1, nowMs - fromMs))
  const index = slots.findIndex(slot => nowMs - slot.untilMs < middleMs)
  const at = Math.min(Math.max(index, 1), slots.length - 1)
  return { older: slots.slice(0, at), newer: slots.slice(at) }
}

/** How many of the starts lie in the window. */
function startsIn({ fromMs, untilMs }: Window, startsMs: readonly number[]): number {
  return startsMs.filter(startMs => fromMs <= startMs && startMs < untilMs).length
}

function startsOf(calls: readonly Sighting[]): number[] {
  return calls.flatMap(({ call }) => (call.start_time === null ? [] : [call.start_time]))
}

function sumOf(slots: readonly Slot[]): number {
  return slots.reduce((sum, { count }) => sum + count, 0)
}
