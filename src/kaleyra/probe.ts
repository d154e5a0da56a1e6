/**
 * Finds out how an account's API behaves, by evidence. HTTP 200 proves nothing: an API that does not see the fields of a style answers with the
 * empty window of its defaults. So a style counts as heard only when it changed the answer:
 *
 *   a start that is no time, refused four times where a good one is not ──▶ heard       (not sent with `sendsBadRequest: false`)
 *     └ a limit of 7 or 8 as field ──echoed──▶ heard
 *         └ the moment of the page's oldest call ──calls of then and no others──▶ heard
 *             └ the next style; when none is left: API_UNPROVED, or `assumed` for a style that the settings name
 *
 * One refusal may be chance, and a style proved by chance loses calls in silence: it counts together with an echo, which no chance brings, or
 * when the same is refused three times more after a good question was answered. The answers on the way also tell where `limit` is heard, what `page`,
 * `offset` and `total` mean, and how instants are written. A style that is heard costs 3 requests on a quiet account, 6 where no limit is echoed,
 * and up to 8 on a busy one, those before it up to 5 each, and 3 more where chance refuses; all of it once in the life of a ledger, and again when
 * the API stops answering as it did.
 */
import { ConnectorError, codeOf } from '../errors.ts'
import type { Row } from '../model/call-log.ts'
import type { Dialect, RequestStyle } from '../model/dialect.ts'
import { edgeOf } from '../model/schedule.ts'
import { DAY_MS, MINUTE_MS, SECOND_MS, type Window } from '../model/window.ts'
import type { Clock } from '../ports.ts'
import type { Answer } from './envelope.ts'
import { compare, identity } from './pages.ts'
import { boundsOf, type Spoken } from './question.ts'
import type { Send } from './retry.ts'

export interface ProbeDeps {
  readonly send: Send
  readonly clock: Clock
  readonly normalise: (rows: readonly unknown[]) => Row[]
  /** In the order to try them; only one when the settings name it. */
  readonly styles: readonly RequestStyle[]
  /** Whether requests may go out that are wrong on purpose. */
  readonly sendsBadRequest: boolean
  readonly filters: Readonly<Record<string, string>>
}

export type Found = Omit<Dialect, 'probedAtMs'>

/** Odd, small and different from the documented default of 25, so that an echo can be nothing but an echo. */
const FIELD_LIMIT = 7
const HEADER_LIMIT = 9
const LONE_LIMIT = 8
/** After the first, with an answered question between: refusals by chance at one question in thirty come all at once in one probe of 810,000. */
const MORE_REFUSALS = 3
/** What still arrives is left out, so that pages asked one after the other fit together. */
const SETTLED_MS = 5 * MINUTE_MS

/**
 * Resolves with the first style that is heard. Throws `API_UNPROVED` when none shows that it is, what the first one met when none was even
 * answered, and at once whatever has nothing to do with the style: a key that the API itself rejects, an API that is down, a wrong clock.
 */
export async function probe(deps: ProbeDeps, signal: AbortSignal): Promise<Found> {
  const met: unknown[] = []
  for (const style of deps.styles) {
    try {
      const found = await new Trial(deps, style, signal).run()
      if (found !== null) return found
    } catch (error) {
      if (!isAboutStyle(error)) throw error
      met.push(error)
    }
  }
  if (met.length === deps.styles.length) throw met[0]
  throw new ConnectorError(
    'API_UNPROVED',
    `the API answers, but nothing shows that it hears start_time and end_time (tried ${deps.styles.join(', ')}): name the right one in api.style`,
  )
}

/**
 * Refused as asked, or not by the API itself but by something in front of it. A redirect is no refusal, it says that the address is another; and
 * what is no answer at all says nothing about the way of asking.
 */
function isAboutStyle(error: unknown): boolean {
  if (!(error instanceof ConnectorError)) return false
  if (error.code === 'API_UNAUTHORIZED') return error.apiCode === undefined
  return error.code === 'API_REJECTED'
}

const isRefusedStart = (error: unknown) => error instanceof ConnectorError && error.apiCode === 'RBC3004'

/** One style, tried. */
class Trial {
  private readonly deps: ProbeDeps
  private readonly style: RequestStyle
  private readonly signal: AbortSignal
  private readonly window: Window

  constructor(deps: ProbeDeps, style: RequestStyle, signal: AbortSignal) {
    this.deps = deps
    this.style = style
    this.signal = signal
    const untilMs = edgeOf(deps.clock.now(), null) - SETTLED_MS
    this.window = { fromMs: untilMs - DAY_MS, untilMs }
  }

  async run(): Promise<Found | null> {
    const { answer, instants } = await this.firstAnswer()
    const wasRefused = this.deps.sendsBadRequest && (await this.refusesBadStart(instants))
    const { limitIn, isEchoed } = await this.limits(answer, instants)
    const isRefused = wasRefused && (isEchoed || (await this.refusesAgain(instants)))
    const provedBy = isRefused ? 'bad_start_refused' : isEchoed ? 'limit_echoed' : await this.evidenceIn(answer, instants)
    if (provedBy === null) return null
    return { style: this.style, provedBy, limitIn, largestLimit: null, instants, ...(await this.pagingAfter(answer, instants)) }
  }

  /**
   * With whatever code or status a refusal comes: the same question with a start that is a time was answered. A server that stumbles over the
   * bad one, or a gateway that keeps it away, proves nothing, and is no outage either.
   */
  private async refusesBadStart(instants: Spoken['instants']): Promise<boolean> {
    const fields = { ...boundsOf(this.window, { instants }), start_time: 'no-time', limit: String(FIELD_LIMIT) }
    try {
      await this.ask(fields, HEADER_LIMIT)
      return false
    } catch (error) {
      const code = codeOf(error)
      if (code === 'API_REJECTED') return true
      const asksToWait = error instanceof ConnectorError && error.retryAfterMs !== undefined
      if (asksToWait || !(code === 'API_UNAVAILABLE' || code === 'API_MALFORMED' || isAboutStyle(error))) throw error
      return false
    }
  }

  private async refusesAgain(instants: Spoken['instants']): Promise<boolean> {
    for (let left = MORE_REFUSALS; left > 0; left -= 1) if (!(await this.refusesBadStart(instants))) return false
    return true
  }

  /** The last day, in the first way of writing instants that is not refused. */
  private async firstAnswer(): Promise<{ answer: Answer; instants: Spoken['instants'] }> {
    try {
      return { answer: await this.askWindow(this.window, 'z'), instants: 'z' }
    } catch (error) {
      if (!isRefusedStart(error)) throw error
      return { answer: await this.askWindow(this.window, 'offset'), instants: 'offset' }
    }
  }

  private async evidenceIn(answer: Answer, instants: Spoken['instants']): Promise<Dialect['provedBy'] | null> {
    const calls = this.callsOf(answer)
    const oldest = calls.reduce<Times | null>((found, call) => (found !== null && found.start <= call.start ? found : call), null)
    for (const aroundMs of oldest === null ? [] : [oldest.start, oldest.end]) {
      if (await this.hearsWindow(calls, aroundMs, instants)) return 'window_heard'
    }
    return this.deps.styles.length === 1 ? 'assumed' : null
  }

  /** Asked for a moment that some calls of the first answer lie far from, it gives calls of that moment and no others. */
  private async hearsWindow(calls: readonly Times[], aroundMs: number, instants: Spoken['instants']): Promise<boolean> {
    const fromMs = Math.floor(aroundMs / SECOND_MS) * SECOND_MS - SECOND_MS
    const untilMs = fromMs + 3 * SECOND_MS
    const isThen = ({ start, end }: Times) => [start, end].some(atMs => fromMs <= atMs && atMs <= untilMs)
    if (calls.every(isThen)) return false
    const found = this.callsOf(await this.askWindow({ fromMs, untilMs }, instants))
    return found.length > 0 && found.every(isThen)
  }

  /** Where `limit` is heard, and whether the answer named the one that only a heard field can have told. */
  private async limits(first: Answer, instants: Spoken['instants']): Promise<{ limitIn: Dialect['limitIn']; isEchoed: boolean }> {
    const bounds = boundsOf(this.window, { instants })
    const both = heardLimit(first)
    if (both === FIELD_LIMIT) {
      const byHeader = heardLimit(await this.ask(bounds, LONE_LIMIT)) === LONE_LIMIT
      return { limitIn: byHeader ? 'both' : 'field', isEchoed: first.limit === FIELD_LIMIT }
    }
    const lone = await this.ask({ ...bounds, limit: String(LONE_LIMIT) }, null)
    const [byField, byHeader] = [heardLimit(lone) === LONE_LIMIT, both === HEADER_LIMIT]
    const limitIn = byField && byHeader ? 'both' : byHeader ? 'header' : byField ? 'field' : both === null ? 'unknown' : 'neither'
    return { limitIn, isEchoed: lone.limit === LONE_LIMIT }
  }

  /** A call without an end ends where it starts. */
  private callsOf({ rows }: Answer): Times[] {
    return this.deps.normalise(rows).flatMap(({ call }) => {
      const startMs = call?.start_time ?? null
      return startMs === null ? [] : [{ start: startMs, end: call?.end_time ?? startMs }]
    })
  }

  /** Needs a page with more behind it; else everything about paging stays open until a window needs a second page. */
  private async pagingAfter(answer: Answer, instants: Spoken['instants']): Promise<Pick<Found, 'page' | 'offset' | 'total'>> {
    const first = this.deps.normalise(answer.rows)
    const claimed = answer.total === null ? 'absent' : answer.total > first.length ? 'all' : 'unknown'
    const isFull = first.length > 0 && first.length >= (heardLimit(answer) ?? FIELD_LIMIT)
    if (!isFull && claimed !== 'all') return { page: 'unknown', offset: 'unknown', total: claimed }
    const known = new Set(first.map(identity))
    const again = async (cursor: Record<string, string>) => {
      const rows = this.deps.normalise((await this.askWindow(this.window, instants, cursor)).rows)
      return { rows, news: compare(rows, known, first) }
    }
    const second = await again({ page: '2' })
    const skipped = await again({ offset: String(first.length) })
    const isCount = second.news === 'repeat' && second.rows.length > first.length
    const hasMore = second.news === 'new' || skipped.news === 'new' || isCount
    return {
      page: second.news === 'new' ? 'index' : isCount ? 'count' : second.news === 'repeat' ? 'ignored' : 'unknown',
      offset: skipped.news === 'new' ? 'rows' : skipped.news === 'repeat' ? 'ignored' : 'unknown',
      total: claimed === 'unknown' && hasMore ? 'page' : claimed,
    }
  }

  private askWindow(
    window: Window,
    instants: Spoken['instants'],
    cursor: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    return this.ask({ ...boundsOf(window, { instants }), limit: String(FIELD_LIMIT), ...cursor }, HEADER_LIMIT)
  }

  private ask(fields: Readonly<Record<string, string>>, limit: number | null): Promise<Answer> {
    const ask = { style: this.style, fields: { ...this.deps.filters, ...fields }, limit, priority: 0, isTrial: true }
    return this.deps.send(ask, this.signal)
  }
}

/** The limit an answer obeyed, by its echo or by its length; `null` when it has too few rows to tell. */
function heardLimit({ limit, rows, total }: Answer): number | null {
  if (limit !== null) return limit
  const isCut = total === null || total > rows.length
  return rows.length > HEADER_LIMIT || (isCut && rows.length >= FIELD_LIMIT) ? rows.length : null
}

/** Of one call, epoch milliseconds. */
interface Times {
  readonly start: number
  readonly end: number
}
