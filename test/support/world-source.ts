/** A `Source` on a simulated world, without HTTP: pages that move while they are read, because every request takes its time. */
import type { ConnectorError } from '../../src/errors.ts'
import { createNormaliser } from '../../src/kaleyra/normalise.ts'
import type { Dialect } from '../../src/model/dialect.ts'
import { edgeOf } from '../../src/model/schedule.ts'
import { MINUTE_MS, SECOND_MS, type Window } from '../../src/model/window.ts'
import type { Clock, Page, Source } from '../../src/ports.ts'
import { type CallVersion, versionAt } from './simulator/call.ts'
import { renderRow } from './simulator/row.ts'
import type { World } from './simulator/world.ts'

export interface WorldSourceOptions {
  readonly world: World
  readonly clock: Clock
  readonly pageSize: number
  readonly order: 'newest' | 'oldest' | 'by-id'
  /** What the API claims to match. */
  readonly total: (matches: number) => number | null
  /** How long this request takes, milliseconds, and how it fails. Called once for each request. */
  readonly next: () => { readonly latencyMs: number; readonly failure: ConnectorError | null }
  /**
   * Whether a row of page 1 is gone while the later pages of this read are asked for, so that others slide past. Never twice in a row, and not
   * once another row has arrived.
   */
  readonly slides: () => boolean
  /** More requests than this mean that the reader runs in a circle. */
  readonly mostRequests: number
}

export class WorldSource implements Source {
  private readonly options: WorldSourceOptions
  private readonly normalise = createNormaliser({ timeZone: undefined, optIn: [], note: () => undefined })
  private sent = 0
  private slid = false
  private matched = 0

  constructor(options: WorldSourceOptions) {
    this.options = options
  }

  async *read(window: Window, signal: AbortSignal): AsyncIterable<Page> {
    const { pageSize } = this.options
    let rawRows = 0
    this.slid = !this.slid && this.options.slides()
    for (let number = 1; ; number += 1) {
      const page = await this.ask(window, number, signal)
      rawRows += page.rows.length
      yield page
      const more = page.total === null ? page.rows.length === pageSize : rawRows < page.total && page.rows.length > 0
      if (more) continue
      if (number > 1) yield { ...(await this.ask(window, 1, signal)), recheck: true }
      return
    }
  }

  async probe(signal: AbortSignal): Promise<void> {
    const untilMs = edgeOf(this.options.clock.now(), 0)
    await this.ask({ fromMs: untilMs - MINUTE_MS, untilMs }, 1, signal)
  }

  glance(window: Window, signal: AbortSignal): Promise<Page> {
    this.slid = false
    return this.ask(window, 1, signal, 0)
  }

  dialect = (): Dialect | null => null
  adopt = (): void => undefined
  forget = (): void => undefined
  skewMs = (): number | null => 0
  requests = (): number => this.sent
  notBeforeMs = (): number => 0
  holdUntil = (): void => undefined

  private async ask(window: Window, number: number, signal: AbortSignal, marginMs = SECOND_MS): Promise<Page> {
    const { world, clock, pageSize, order, total, next, mostRequests } = this.options
    this.sent += 1
    if (this.sent > mostRequests) throw new Error(`more than ${mostRequests} requests: the reader runs in a circle`)
    const { latencyMs, failure } = next()
    await clock.sleep(latencyMs, signal)
    if (failure !== null) throw failure
    const nowMs = clock.now()
    const matches = world.select({ from: window.fromMs - marginMs, until: window.untilMs + marginMs + 1, by: 'start' }, nowMs)
    if (order === 'newest') matches.reverse()
    if (order === 'by-id') matches.sort((a, b) => a.rank - b.rank)
    if (number === 1) this.matched = matches.length
    // A row that leaves just as another arrives keeps the total: no reader of this API can see that (README, "What is not").
    if (this.slid && number > 1 && matches.length === this.matched) matches.shift()
    const rows = matches.slice((number - 1) * pageSize, number * pageSize).map(call => {
      const { facts } = call.versions[versionAt(call, nowMs)] as CallVersion
      return renderRow(call, facts, world.shape, this.sent)
    })
    return { number, rows: this.normalise(rows), total: total(matches.length), recheck: false, unpaged: false }
  }
}
