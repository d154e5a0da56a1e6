/** What the API says when nothing goes wrong: key, times, selection, slice, envelope, in that order, each as loose or strict as the options say. */
import { type Ask, type Slice, sliceOf } from './ask.ts'
import { type CallFacts, type SimulatedCall, versionAt } from './call.ts'
import type { Dice } from './dice.ts'
import type { SimulatorOptions } from './options.ts'
import { renderRow } from './row.ts'
import type { Selection, World } from './world.ts'

export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly rows: number
}

/** The page's own failures, word for word: without `status`, with an empty `data`. */
export const incorrectKey = refusal('RBC001', 'Incorrect SID or API key.')
export const incorrectStart = refusal('RBC3004', 'Incorrect start time.')

export class CallLogApi {
  private readonly world: World
  private readonly options: SimulatorOptions
  private readonly shuffles: Dice

  constructor(world: World, options: SimulatorOptions, shuffles: Dice) {
    this.world = world
    this.options = options
    this.shuffles = shuffles
  }

  /** `turn` is the number of the request; it matters only to a wobbling shape. `without` are calls that this answer leaves out. */
  answer(ask: Ask, key: 'known' | 'unknown', nowMs: number, turn: number, without?: ReadonlySet<SimulatedCall>): Answer {
    const { options } = this
    if (key === 'unknown') return { status: options.authStatus, body: incorrectKey, rows: 0 }
    if (!options.styles.includes(ask.style) && options.unheard !== 'ignored')
      return { status: options.unheard, body: { message: 'Forbidden' }, rows: 0 }
    // Both default to the current time: a request without bounds is an empty window that looks like success.
    const apiNowMs = nowMs + options.skewMs
    const from = ask.from ?? apiNowMs
    const until = ask.until ?? apiNowMs
    const horizonMs = apiNowMs - options.horizonMs
    // The page has no code for a bad end; one code for both is the least surprise.
    if (from === 'malformed' || until === 'malformed' || (from < horizonMs && options.beyondHorizon === 'refuse'))
      return { status: options.badTimeStatus, body: incorrectStart, rows: 0 }
    const calls = this.world.select({ ...within(Math.max(from, horizonMs), until, options), ...filterOf(ask) }, nowMs)
    const shown = without === undefined || without.size === 0 ? calls : calls.filter(call => !without.has(call))
    return this.success(shown, sliceOf(ask, options), nowMs, turn)
  }

  private success(calls: SimulatedCall[], slice: Slice, nowMs: number, turn: number): Answer {
    const { options, world } = this
    const rows = this.ordered(calls, slice).map(call =>
      renderRow(call, call.versions[versionAt(call, nowMs)]?.facts as CallFacts, world.shape, turn),
    )
    const total = { true: calls.length, absent: undefined, text: String(calls.length), page: rows.length, zero: 0 }[options.total]
    const envelope = {
      status: 200,
      code: 'RBC103',
      message: 'Request successfully executed!',
      data: rows,
      error: {},
      total,
      ...slice.echo,
    }
    return { status: 200, body: options.rewrite === null ? envelope : options.rewrite(envelope), rows: rows.length }
  }

  private ordered(calls: SimulatedCall[], { first, count }: Slice): SimulatedCall[] {
    const { order } = this.options
    if (order === 'newest')
      return calls.slice(Math.max(0, calls.length - first - count), Math.max(0, calls.length - first)).reverse()
    if (order === 'by-id') calls.sort((a, b) => a.rank - b.rank)
    if (order === 'shuffled') {
      for (let i = calls.length - 1; i > 0; i--) {
        const j = this.shuffles.whole(0, i + 1)
        ;[calls[i], calls[j]] = [calls[j] as SimulatedCall, calls[i] as SimulatedCall]
      }
    }
    return calls.slice(first, first + count)
  }
}

/** What the API takes for these bounds. */
export function within(from: number, until: number, { bounds, filterBy: by }: SimulatorOptions): Selection {
  return { from: from + (bounds === 'exclusive' ? 1 : 0), until: until + (bounds === 'inclusive' ? 1 : 0), by }
}

export function refusal(code: string, message: string) {
  return { code, message, data: [], error: { error: message } }
}

function filterOf({ callIds, statuses, bridges }: Ask): Pick<Selection, 'accepts'> {
  if (callIds === null && statuses === null && bridges === null) return {}
  const allows = (wanted: ReadonlySet<string> | null, value: string | null) =>
    wanted === null || (value !== null && wanted.has(value))
  return { accepts: (call, facts) => allows(callIds, call.id) && allows(statuses, facts.status) && allows(bridges, facts.bridge) }
}
