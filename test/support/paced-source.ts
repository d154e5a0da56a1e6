/**
 * A `Source` without HTTP in virtual time: the connector's own paging and request budget, in front of calls that a test makes up. What it
 * counts is what the API would have been asked.
 */
import { type Budget, createBudget } from '../../src/kaleyra/budget.ts'
import { readFirstPage, readPages } from '../../src/kaleyra/pages.ts'
import { unprovedPaging } from '../../src/kaleyra/paging.ts'
import { asDocumented } from '../../src/kaleyra/question.ts'
import type { Ask, Send } from '../../src/kaleyra/retry.ts'
import type { Row } from '../../src/model/call-log.ts'
import { edgeOf } from '../../src/model/schedule.ts'
import { MINUTE_MS, SECOND_MS, type Window } from '../../src/model/window.ts'
import type { Clock, Page, Source } from '../../src/ports.ts'

/** What an API knows. */
export interface Calls {
  /** The calls that start in `[fromMs, untilMs)`, whole seconds, as of `nowMs`: how many, and some of them. */
  select(
    fromMs: number,
    untilMs: number,
    nowMs: number,
  ): { readonly total: number; rows(skip: number, most: number): readonly Row[] }
}

export interface PacedSourceOptions {
  readonly calls: Calls
  readonly clock: Clock
  readonly pageSize: number
  readonly requestsPerSecond: number
}

/** From a request to its answer. */
const LATENCY_MS = 150

export class PacedSource implements Source {
  private readonly options: PacedSourceOptions
  private readonly budget: Budget
  private readonly pages
  private sent = 0

  constructor(options: PacedSourceOptions) {
    const { clock, pageSize, requestsPerSecond } = options
    this.options = options
    this.budget = createBudget({ requestsPerSecond, burst: 1 }, clock)
    const normalise = (rows: readonly unknown[]) => rows as Row[]
    this.pages = { send: this.send, normalise, paging: unprovedPaging(), spoken: asDocumented(), pageSize, filters: {} }
  }

  async probe(signal: AbortSignal): Promise<void> {
    const untilMs = edgeOf(this.options.clock.now(), 0)
    await this.glance({ fromMs: untilMs - MINUTE_MS, untilMs }, signal)
  }

  read(window: Window, signal: AbortSignal): AsyncIterable<Page> {
    return readPages(window, this.pages, signal)
  }

  glance(window: Window, signal: AbortSignal): Promise<Page> {
    return readFirstPage(window, this.pages, signal)
  }

  dialect = () => null
  adopt = (): void => undefined
  forget = (): void => undefined
  skewMs = (): number => 0
  requests = (): number => this.sent
  notBeforeMs = (): number => 0
  holdUntil = (): void => undefined

  /** Both bounds inclusive. */
  private readonly send: Send = ({ fields, priority }: Ask, signal) =>
    this.budget.run(priority, signal, async permit => {
      const { calls, clock, pageSize } = this.options
      permit.sent()
      this.sent += 1
      await clock.sleep(LATENCY_MS, signal)
      const [fromMs, untilMs] = [instantOf(fields.start_time), instantOf(fields.end_time) + SECOND_MS]
      const found = calls.select(fromMs, untilMs, clock.now())
      const skip = (Number(fields.page ?? 1) - 1) * pageSize
      return { rows: found.rows(skip, pageSize), total: found.total, limit: pageSize }
    })
}

function instantOf(text: string | undefined): number {
  const ms = Date.parse(text ?? '')
  if (Number.isNaN(ms)) throw new Error(`no instant: ${text}`)
  return ms
}
