/**
 * When is a read complete? The API offers no cursor and no stated order, and rows move while pages are read. So a read is believed only
 * when the numbers agree, or when a second read shows the same set. Rows are published either way; only coverage waits for the proof.
 *
 *   proved:  raw rows = total on first and last page, no row twice, page 1 unchanged when asked again, or changed only by as many new
 *            rows as the total has grown since the first, which pushed only its last ones off
 *            or only grown: every row the first page counted was met, none conflicts, page 1 shows what the growth explains
 *            or the same set of rows and contents as the read before, and no row came twice in either
 *
 * A row that comes twice may have pushed another one out of sight, and would do so again where pages are put together anew for each request:
 * then two reads may agree and both be wrong.
 */
import type { BadSighting, Sighting } from './sift.ts'

export type Doubt = 'total_mismatch' | 'moved' | 'conflicting_rows' | 'no_total'

export interface PageFacts {
  readonly number: number
  readonly total: number | null
  readonly recheck: boolean
  /** As many as the API sent, before anything was dropped. */
  readonly rawRows: number
  readonly calls: readonly Sighting[]
  readonly bad: readonly BadSighting[]
}

/** Collects one read of one window. Bounded by the rows of the window. */
export class ReadProof {
  rawRows = 0
  /** 53 bits of the id → 52 bits of the content; two ids meeting here would only cost a second read. */
  private readonly contents = new Map<number, number>()
  private firstTotal: number | null = null
  private lastTotal: number | null = null
  /** A total fell from one page to the next: a row left while others may have come. */
  private fell = false
  private pages = 0
  private repeated = 0
  private conflicts = 0
  private firstPage = ''
  private firstIds: { readonly calls: readonly number[]; readonly bad: readonly number[] } = { calls: [], bad: [] }
  /** Page 1, asked again, is another, and what came after the last page does not explain it. */
  private moved = false
  /** Order-independent sum over (id, content): equal sums and sizes mean equal sets. */
  private sumLow = 0
  private sumHigh = 0

  note(page: PageFacts): void {
    const sightings = [...page.calls, ...page.bad]
    if (page.recheck) {
      this.moved = pageText(sightings) !== this.firstPage && !this.isExplained(page)
      return
    }
    if (this.pages === 0) {
      this.firstTotal = page.total
      this.firstPage = pageText(sightings)
      this.firstIds = { calls: page.calls.map(({ print }) => idOf(print)), bad: page.bad.map(({ print }) => idOf(print)) }
    }
    if (page.total !== null && this.lastTotal !== null && page.total < this.lastTotal) this.fell = true
    this.lastTotal = page.total
    this.pages += 1
    this.rawRows += page.rawRows
    for (const { print } of sightings) {
      const [id, content] = [idOf(print), contentOf(print)]
      const known = this.contents.get(id)
      if (known === undefined) {
        this.contents.set(id, content)
        this.sumLow = (this.sumLow + ((print[0] ?? 0) ^ (print[4] ?? 0))) >>> 0
        this.sumHigh = (this.sumHigh + ((print[1] ?? 0) ^ (print[5] ?? 0))) >>> 0
      } else {
        this.repeated += 1
        if (known !== content) this.conflicts += 1
      }
    }
  }

  /** Whether the pages moved under the reader: a row on two pages, or page 1 changed. */
  get drifted(): boolean {
    return this.repeated > 0 || this.moved
  }

  /**
   * Rows that have come since the first page are none that the read has missed; all others must be as they were. New rows push the
   * last ones off the page: where another one is gone, it has left, and a row that slid up into its place may be one that the read has missed.
   */
  private isExplained({ total, calls, bad }: PageFacts): boolean {
    if (total === null || this.lastTotal === null) return false
    const sightings = [...calls, ...bad]
    const unseen = sightings.filter(({ print }) => !this.contents.has(idOf(print)))
    const isAsBefore = sightings.every(({ print }) => (this.contents.get(idOf(print)) ?? contentOf(print)) === contentOf(print))
    const isPushed = unseen.length === 0 || (this.isBeginning(calls, 'calls') && this.isBeginning(bad, 'bad'))
    return isAsBefore && isPushed && unseen.length <= total - (this.firstTotal ?? this.lastTotal)
  }

  /** Whether these rows, but for new ones, are those at the beginning of page 1. */
  private isBeginning(sightings: readonly { readonly print: Uint32Array }[], of: 'calls' | 'bad'): boolean {
    const known = sightings.map(({ print }) => idOf(print)).filter(id => this.contents.has(id))
    return known.every((id, index) => id === this.firstIds[of][index])
  }

  /** `null` when the read is proved, alone or by the read before it; else what is in doubt. */
  doubt(before: ReadProof | null): Doubt | null {
    const alone = this.doubtAlone()
    return alone !== null && before !== null && this.sameSet(before) ? null : alone
  }

  private doubtAlone(): Doubt | null {
    const { firstTotal, lastTotal } = this
    if (firstTotal === null || lastTotal === null) return 'no_total'
    if (this.conflicts > 0) return 'conflicting_rows'
    if (this.fell) return 'total_mismatch'
    const grown = lastTotal > firstTotal
    if (grown && this.moved) return 'moved'
    if (grown) return this.contents.size >= firstTotal && this.rawRows >= lastTotal ? null : 'total_mismatch'
    if (firstTotal !== lastTotal || this.rawRows !== firstTotal) return 'total_mismatch'
    return this.drifted ? 'moved' : null
  }

  private sameSet(other: ReadProof): boolean {
    return (
      this.repeated === 0 &&
      other.repeated === 0 &&
      this.contents.size === other.contents.size &&
      this.sumLow === other.sumLow &&
      this.sumHigh === other.sumHigh
    )
  }
}

function idOf(print: Uint32Array): number {
  return (print[0] ?? 0) * 0x200000 + ((print[1] ?? 0) & 0x1fffff)
}

function contentOf(print: Uint32Array): number {
  return (print[4] ?? 0) * 0x100000 + ((print[5] ?? 0) & 0xfffff)
}

function pageText(sightings: readonly { readonly print: Uint32Array }[]): string {
  return sightings.map(({ print }) => print.join('.')).join('\n')
}
