/**
 * Reading one window until it is proved complete. Rows flow on as they come, whether or not the read will be proved, because publishing is
 * safe (repeats are recognised) and waiting is not. What cannot be proved is read again, then cut in two, and at one second becomes a gap.
 *
 *   read ──proved──▶ covered
 *     │ too many rows, or pages not heard ──▶ split ──▶ read each part
 *     └ in doubt ──▶ read again, at most three times ──▶ split; at the floor of 1 s: gap
 *
 * A settled window is first only counted: for one request, and read where the count is not what the books say.
 */
import { ConnectorError, codeOf } from '../errors.ts'
import type { Proved, Slot } from '../model/coverage.ts'
import { badRowFingerprint, type Fingerprint, fingerprint } from '../model/fingerprint.ts'
import { constantShift, countOutside, type FirstPage, firstPageOf, ignoresFilter, shiftText } from '../model/plausible.ts'
import { type Doubt, ReadProof } from '../model/proof.ts'
import type { Due } from '../model/schedule.ts'
import type { BadSighting, Sighting } from '../model/sift.ts'
import { SECOND_MS, spanMs, split, type Window, windowText } from '../model/window.ts'
import type { Clock, Happening, Page, Source } from '../ports.ts'
import { Counting, rangeOf } from './counting.ts'
import { distinct, OneVersion, Twins } from './one-version.ts'

/** What a read comes to, piece by piece. */
export type Step =
  | { readonly kind: 'rows'; readonly calls: readonly Sighting[]; readonly bad: readonly BadSighting[] }
  | { readonly kind: 'proved'; readonly proved: Proved }
  | { readonly kind: 'unchanged'; readonly window: Window; readonly checkedMs: number }
  | { readonly kind: 'gap'; readonly window: Window; readonly reason: string }
  | { readonly kind: 'failed'; readonly error: unknown }

export interface ReaderParts {
  readonly source: Source
  readonly clock: Clock
  readonly note: (happening: Happening) => void
  /** Whether this is another content of a call that is known. */
  readonly isChange: (print: Fingerprint) => boolean
}

export interface ReaderOptions {
  readonly maxRowsPerRead: number
  /** Fields whose changes are no changes. */
  readonly ignored: ReadonlySet<string>
}

const MOST_READS = 3
/** Parts of a window that holds too many rows are planned to be this full, so that few need to be cut again. */
const PLANNED_FULLNESS = 0.7
const MOST_PARTS = 48

export class WindowReader {
  private readonly parts: ReaderParts
  private readonly options: ReaderOptions
  private readonly counting = new Counting()
  private readonly twins = new Twins()
  private before: FirstPage | null = null

  constructor(parts: ReaderParts, options: ReaderOptions) {
    this.parts = parts
    this.options = options
  }

  /**
   * Every second of the window ends as proved, as a gap or as unchanged, unless the last step is `failed` or the signal ended the read early; what was
   * yielded before stays true and must be committed.
   */
  async *read({ window, settled }: Pick<Due, 'window' | 'settled'>, signal: AbortSignal): AsyncGenerator<Step, void, void> {
    try {
      yield* settled.length > 0 ? this.compare(settled, signal) : this.readAll(window, signal)
    } catch (error) {
      if (codeOf(error) === 'BUG') throw error
      if (!signal.aborted) yield { kind: 'failed', error }
    }
  }

  /** One request for a settled range whose calls the API still counts as the books do; where it does not, the range is read. */
  private async *compare(slots: readonly Slot[], signal: AbortSignal): AsyncGenerator<Step, void, void> {
    const range = rangeOf(slots)
    const booked = slots.reduce((sum, { count }) => sum + count, 0)
    const bounds = this.counting.boundsOf(range)
    if (bounds === null) return yield* this.readAll(range, signal)
    const checkedMs = this.parts.clock.now()
    const { total, ...page } = await this.parts.source.glance(bounds, signal)
    const { calls, bad } = this.sightingsOf(page)
    this.refuseImplausible(bounds, calls)
    yield { kind: 'rows', calls: this.twins.without(calls), bad }
    if (total === booked) {
      this.counting.matched(booked)
      yield { kind: 'unchanged', window: range, checkedMs }
    } else if (this.counting.isProved && total !== null && slots.length > 1 && booked > 2 * page.rows.length) {
      const half = Math.ceil(slots.length / 2)
      yield* this.compare(slots.slice(0, half), signal)
      yield* this.compare(slots.slice(half), signal)
    } else {
      let found = 0
      for await (const step of this.readAll(range, signal)) {
        if (step.kind === 'proved') found += startsIn(step.proved)
        yield step
      }
      this.counting.differed({ total, found, booked })
    }
  }

  private async *readAll(window: Window, signal: AbortSignal): AsyncGenerator<Step, void, void> {
    const waiting: Window[] = [window]
    for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
      const verdict = yield* this.readPart(part, signal)
      if (verdict === null) continue
      const floor = spanMs(part) <= SECOND_MS
      if (floor) yield { kind: 'gap', window: part, reason: verdict.reason }
      else {
        const smaller = split(part, verdict.parts)
        this.parts.note({ kind: 'window.bisected', window: part, parts: smaller.length, reason: verdict.reason })
        waiting.unshift(...smaller)
      }
    }
  }

  /** `null` when the part was proved; else why it must be cut, and in how many pieces. */
  private async *readPart(part: Window, signal: AbortSignal): AsyncGenerator<Step, Cut | null, void> {
    let last: ReadProof | null = null
    for (let attempt = 1; attempt <= MOST_READS; attempt += 1) {
      const readAtMs = this.parts.clock.now()
      const proof = new ReadProof()
      const startsMs: number[] = []
      const cut = yield* this.readOnce(part, proof, startsMs, signal)
      if (cut !== null) return cut
      if (proof.drifted) this.parts.note({ kind: 'page.drift', window: part })
      const doubt: Doubt | null = proof.doubt(last)
      if (doubt === null) {
        yield { kind: 'proved', proved: { ...part, readAtMs, startsMs: startsMs.sort((a, b) => a - b) } }
        return null
      }
      this.parts.note({ kind: 'window.reread', window: part, reason: doubt })
      last = proof
    }
    return { reason: 'unproved', parts: 2 }
  }

  /** All pages, once. Why the part must be cut instead, or `null`. */
  private async *readOnce(
    part: Window,
    proof: ReadProof,
    startsMs: number[],
    signal: AbortSignal,
  ): AsyncGenerator<Step, Cut | null, void> {
    const versions = new OneVersion(this.parts.isChange, this.twins)
    try {
      for await (const page of this.parts.source.read(part, signal)) {
        const { calls, bad } = this.sightingsOf(page)
        if (page.number === 1 && !page.recheck) this.refuseImplausible(part, calls)
        proof.note({ ...page, rawRows: page.rows.length, calls, bad })
        if (!page.recheck) for (const { call } of calls) if (call.start_time !== null) startsMs.push(call.start_time)
        yield { kind: 'rows', calls: versions.take(calls), bad }
        const cut = this.cutFor(part, page, proof)
        if (cut !== null) return cut
      }
      return null
    } finally {
      // Also when the read failed, was cut or was stopped: what came is true, whatever did not.
      const calls = versions.rest()
      if (calls.length > 0) yield { kind: 'rows', calls, bad: [] }
    }
  }

  private cutFor(part: Window, page: Page, proof: ReadProof): Cut | null {
    if (page.unpaged) return { reason: 'unpaged', parts: 2 }
    if (spanMs(part) <= SECOND_MS) return null
    // A claim that comes with no row is no reason: it would cut a whole day down to single seconds.
    const claimed = page.rows.length > 0 ? (page.total ?? 0) : 0
    const rows = Math.max(claimed, proof.rawRows)
    if (rows <= this.options.maxRowsPerRead) return null
    return { reason: 'too_many_rows', parts: plannedParts(rows, this.options.maxRowsPerRead) }
  }

  private sightingsOf(page: Pick<Page, 'rows'>): { calls: Sighting[]; bad: BadSighting[] } {
    const calls: Sighting[] = []
    const bad: BadSighting[] = []
    for (const row of page.rows) {
      if (row.call === undefined) {
        const { callId, identity, json } = row.bad
        bad.push({ bad: row.bad, print: badRowFingerprint(callId ?? identity ?? null, json) })
      } else calls.push({ call: row.call, print: fingerprint(row.call, this.options.ignored) })
    }
    return { calls: distinct(calls), bad }
  }

  private refuseImplausible(part: Window, calls: readonly Sighting[]): void {
    const outside = countOutside(part, calls)
    if (outside > 0) this.parts.note({ kind: 'row.outside', count: outside })
    const shiftMs = constantShift(part, calls)
    if (shiftMs !== null) {
      throw new ConnectorError(
        'API_TIME_ZONE',
        `asked for ${windowText(part)}, the API answered with calls shifted by ${shiftText(shiftMs)} hours: set accounts[].timeZone to the zone of its times, nothing was covered`,
      )
    }
    const page = firstPageOf(part, calls)
    if (ignoresFilter(page, this.before)) {
      throw new ConnectorError(
        'API_FILTER_IGNORED',
        `two windows that share no time got the same ${page.rows} rows, the last for ${windowText(part)}: the API does not hear start_time and end_time; check api.style, nothing was covered`,
      )
    }
    this.before = page
  }
}

/** In how many parts a window with this many rows is read. */
export function plannedParts(rows: number, maxRowsPerRead: number): number {
  return Math.min(Math.max(2, Math.ceil(rows / (maxRowsPerRead * PLANNED_FULLNESS))), MOST_PARTS)
}

function startsIn({ fromMs, untilMs, startsMs = [] }: Proved): number {
  return startsMs.filter(startMs => fromMs <= startMs && startMs < untilMs).length
}

interface Cut {
  readonly reason: 'too_many_rows' | 'unproved' | 'unpaged'
  readonly parts: number
}
