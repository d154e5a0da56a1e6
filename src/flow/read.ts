/**
 * Reading one window until it is proved complete. Rows flow on as they come, whether or not the read will be proved, because publishing is
 * safe (repeats are recognised) and waiting is not. What cannot be proved is read again, then cut in two, and at one second becomes a gap.
 *
 *   read ──proved──▶ covered
 *     │ too many rows, or pages not heard ──▶ split ──▶ read each part
 *     └ in doubt ──▶ read again, at most three times ──▶ split; at the floor of 1 s: gap
 *
 * A settled window is compared with the books instead (`compare.ts`), and read where they differ.
 */
import { ConnectorError, codeOf } from '../errors.ts'
import type { Counted, Proved } from '../model/coverage.ts'
import { badRowFingerprint, fingerprint } from '../model/fingerprint.ts'
import {
  constantShift,
  countOutside,
  FEWEST_ROWS,
  type FirstPage,
  firstPageOf,
  ignoresFilter,
  shiftText,
} from '../model/plausible.ts'
import { type Doubt, ReadProof } from '../model/proof.ts'
import type { Due } from '../model/schedule.ts'
import type { BadSighting, Sighting } from '../model/sift.ts'
import { SECOND_MS, spanMs, split, type Window, windowText } from '../model/window.ts'
import type { Clock, Happening, Page, Source } from '../ports.ts'
import { Comparison, type Glance } from './compare.ts'
import { distinct, type Memory, OneVersion, Twins } from './one-version.ts'

/** The rows of one page. */
export interface Rows {
  readonly calls: readonly Sighting[]
  readonly bad: readonly BadSighting[]
}

/** What a read comes to, piece by piece. */
export type Step =
  | ({ readonly kind: 'rows' } & Rows)
  | { readonly kind: 'proved'; readonly proved: Proved }
  | { readonly kind: 'unchanged'; readonly window: Counted; readonly checkedMs: number }
  | { readonly kind: 'gap'; readonly window: Window; readonly reason: string }
  | { readonly kind: 'failed'; readonly error: unknown }

export interface ReaderParts extends Memory {
  /** Calls in a window that the API has shown since its way of being asked was proved; 0 when not given. */
  readonly shown?: (window: Window) => number
  readonly source: Source
  readonly clock: Clock
  readonly note: (happening: Happening) => void
}

export interface ReaderOptions {
  readonly maxRowsPerRead: number
  /** Fields whose changes are no changes. */
  readonly ignored: ReadonlySet<string>
  /** By how much the clocks of the account's time zone are set within a window or near it, milliseconds; not given when it never is. */
  readonly clockChangeMs?: (window: Window) => number
}

const MOST_READS = 3
/** Parts of a window that holds too many rows are planned to be this full, so that few need to be cut again. */
const PLANNED_FULLNESS = 0.7
const MOST_PARTS = 48

export class WindowReader {
  private readonly parts: ReaderParts
  private readonly options: ReaderOptions
  private readonly comparison: Comparison
  private readonly twins = new Twins()
  private before: FirstPage | null = null

  constructor(parts: ReaderParts, options: ReaderOptions) {
    this.parts = parts
    this.options = options
    this.comparison = new Comparison({
      clock: parts.clock,
      isNew: parts.isNew,
      glance: (bounds, signal) => this.glance(bounds, signal),
      readAll: (window, signal) => this.readAll(window, signal),
    })
  }

  /**
   * Every second of the window ends as proved, as a gap or as unchanged, unless the last step is `failed` or the signal ended the read early; what was
   * yielded before stays true and must be committed.
   */
  async *read({ window, settled }: Pick<Due, 'window' | 'settled'>, signal: AbortSignal): AsyncGenerator<Step, void, void> {
    try {
      yield* settled.length > 0 ? this.comparison.compare(settled, signal) : this.readAll(window, signal)
    } catch (error) {
      if (codeOf(error) === 'BUG') throw error
      if (!signal.aborted) yield { kind: 'failed', error }
    }
  }

  private async glance(bounds: Window, signal: AbortSignal): Promise<Glance> {
    const { total, ...page } = await this.parts.source.glance(bounds, signal)
    const { calls, bad } = this.sightingsOf(page)
    this.refuseImplausible(bounds, calls)
    return { rows: { calls: this.twins.without(calls), bad }, rawRows: page.rows.length, total }
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
      const versions = new OneVersion(this.parts.isChange, this.twins)
      const cut = yield* this.readOnce(part, proof, versions, signal)
      if (cut !== null) return cut
      if (proof.drifted) this.parts.note({ kind: 'page.drift', window: part })
      const doubt: Doubt | null = proof.doubt(last)
      if (doubt === null) {
        if (proof.rawRows === 0) this.refuseVanished(part)
        yield { kind: 'proved', proved: { ...part, readAtMs, startsMs: versions.starts() } }
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
    versions: OneVersion,
    signal: AbortSignal,
  ): AsyncGenerator<Step, Cut | null, void> {
    try {
      for await (const page of this.parts.source.read(part, signal)) {
        const { calls, bad } = this.sightingsOf(page)
        if (page.number === 1 && !page.recheck) this.refuseImplausible(part, calls)
        proof.note({ ...page, rawRows: page.rows.length, calls, bad })
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

  /** A question that is heard no more is answered with the empty window of the API's defaults, which looks like success. */
  private refuseVanished(part: Window): void {
    const count = this.parts.shown?.(part) ?? 0
    if (count < FEWEST_ROWS) return
    throw new ConnectorError(
      'API_FILTER_IGNORED',
      `asked for ${windowText(part)}, the API answers with no calls where it showed ${count} before: it may hear start_time and end_time no more; check api.style, nothing was covered`,
    )
  }

  private refuseImplausible(part: Window, calls: readonly Sighting[]): void {
    const outside = countOutside(part, calls)
    if (outside > 0) this.parts.note({ kind: 'row.outside', count: outside })
    const shiftMs = constantShift(part, calls, this.options.clockChangeMs?.(part))
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

interface Cut {
  readonly reason: 'too_many_rows' | 'unproved' | 'unpaged'
  readonly parts: number
}
