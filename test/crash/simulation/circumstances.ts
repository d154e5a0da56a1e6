/**
 * Everything that a seed decides before its story begins: how many accounts, what calls there are, how the API speaks and fails, how Kafka
 * fails, whose clock is wrong. Each choice has a stream of chance of its own name, so that a new choice changes no old one.
 */
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../src/model/window.ts'
import { Dice } from '../../support/simulator/dice.ts'
import { faultKinds } from '../../support/simulator/faults.ts'
import type { SimulatorOptions } from '../../support/simulator/options.ts'
import type { RowShape } from '../../support/simulator/row.ts'
import type { WorldSettings } from '../../support/simulator/world.ts'
import type { Assignment } from './owners.ts'

/** `bulky`: records so large that one window takes many transactions. `days`: days pass between lives, so that what was seen grows old. */
export type Kind = 'usual' | 'bulky' | 'days'

export interface AccountCircumstances {
  readonly id: string
  readonly world: Omit<WorldSettings, 'now'>
  readonly api: Partial<SimulatorOptions>
  readonly timeZone: string | undefined
  readonly pageSize: number
  readonly sendsBadRequest: boolean
  readonly burst: number
}

export interface Circumstances {
  readonly kind: Kind
  readonly assignment: Assignment
  readonly startMs: number
  readonly reachMs: number
  readonly accounts: readonly AccountCircumstances[]
  readonly hotEveryMs: number
  readonly maxRowsPerRead: number
  readonly requestsPerSecond: number
  readonly slideShare: number
  readonly commitFaultShare: number
  /** Added to every event's value. */
  readonly paddingBytes: number
  readonly lives: number
  /** Whether instances begin while others run, as a rule. */
  readonly crowdShare: number
  readonly deathShare: number
  /** Whether wall clocks of processes are set wrong and right again. */
  readonly hasWrongClocks: boolean
  readonly hasForeignTransactions: boolean
  /** Promises to stay away of minutes to an hour. */
  readonly longWaits: number
}

export function circumstancesOf(seed: number): Circumstances {
  const dice = new Dice(seed).fork('circumstances')
  const kind = dice.weighted<Kind>({ usual: 8, bulky: 1, days: 1 })
  const reachMs = kind === 'days' ? dice.whole(2, 7) * DAY_MS : dice.whole(MINUTE_MS, 4 * HOUR_MS)
  const accounts = dice.weighted({ 1: 6, 2: 3, 3: 1 })
  return {
    kind,
    assignment: dice.fork('assignment').pick(['group', 'quarrel']),
    startMs: Date.parse('2026-03-10T00:00:00Z') + dice.whole(0, DAY_MS),
    reachMs,
    accounts: Array.from({ length: Number(accounts) }, (_, index) =>
      accountOf(dice.fork(`account ${index}`), { seed, index, kind, reachMs, accounts: Number(accounts) }),
    ),
    hotEveryMs: dice.whole(1, 10) * MINUTE_MS,
    maxRowsPerRead: kind === 'bulky' ? 5_000 : dice.whole(10, 120),
    requestsPerSecond: dice.pick([1, 2, 5]),
    slideShare: dice.pick([0, 0.2]),
    // One failed commit costs all accounts of the process their state: with too many of them no window ends.
    commitFaultShare: dice.pick(kind === 'usual' && accounts === '1' ? [0, 0.1, 0.3] : [0, 0.05, 0.1]),
    paddingBytes: kind === 'bulky' ? dice.whole(80_000, 300_000) : 0,
    lives: dice.whole(1, 6),
    crowdShare: dice.pick([0, 0.3, 0.7]),
    deathShare: dice.pick([0.3, 0.6, 0.9]),
    hasWrongClocks: dice.chance(0.15),
    hasForeignTransactions: dice.chance(0.3),
    longWaits: dice.weighted({ 0: 7, 1: 2, 3: 1 }) === '0' ? 0 : dice.whole(1, 4),
  }
}

interface Place {
  readonly seed: number
  readonly index: number
  readonly kind: Kind
  readonly reachMs: number
  readonly accounts: number
}

function accountOf(dice: Dice, { seed, index, kind, reachMs, accounts }: Place): AccountCircumstances {
  const shape = shapeOf(dice)
  const dialect = dialectOf(dice.fork('dialect'))
  const history = Math.floor(dice.whole(0, kind === 'usual' ? 200 : 120) / accounts)
  // Nor can an API that counts nothing then be told from one with more rows than it shows.
  if (isDeaf(dialect)) Object.assign(dialect, { maxLimit: 1_000, total: 'true' })
  return {
    id: ['main', 'second', 'third'][index] ?? `account-${index}`,
    world: {
      seed: seed * 8 + index,
      history,
      historyMs: reachMs + HOUR_MS,
      livePerSecond: kind === 'days' ? dice.pick([0, 0.0002]) : dice.pick([0, 0.005, 0.03]) / accounts,
      lateShare: 0.2,
      lateMs: [MINUTE_MS, HOUR_MS],
      changeShare: 0.4,
      changeMs: [10 * SECOND_MS, HOUR_MS],
      badRowShare: 0.03,
      longShare: 0,
      shape,
    },
    api: { ...dialect, faultShares: faultSharesOf(dice.fork('faults')) },
    timeZone: shape.times === 'naive' ? shape.timeZone : undefined,
    // Without any way of paging, a second with more rows than a page holds is a gap that nobody can read.
    pageSize: isDeaf(dialect) ? dice.whole(30, 60) : dice.whole(5, 40),
    // Without it the answers themselves must show that a question is heard, and that takes calls.
    sendsBadRequest: history < 60 || kind === 'days' || dice.chance(0.6),
    burst: dice.pick([1, 1, 3]),
  }
}

/** What the vendor's page leaves open, in any combination; see `test/properties/dialects.test.ts` for the same over HTTP. */
function dialectOf(dice: Dice): Partial<SimulatorOptions> {
  return {
    styles: dice.pick([
      ['post-form'],
      ['get-query'],
      ['get-body'],
      ['post-form', 'get-query', 'get-body'],
      ['get-query', 'get-body'],
    ]),
    unheard: dice.pick(['ignored', 403, 405]),
    limitIn: dice.pick(['header', 'field', 'both']),
    maxLimit: dice.pick([10, 25, 40, 1_000]),
    page: dice.weighted({ index: 8, count: 1, ignored: 2 }),
    offset: dice.weighted({ rows: 4, 'from-page-2': 1, ignored: 1 }),
    echo: dice.pick(['obeyed', 'asked', 'absent']),
    filterBy: dice.weighted({ start: 5, end: 1 }),
    bounds: dice.pick(['inclusive', 'exclusive', 'half-open']),
    order: dice.weighted({ newest: 4, oldest: 2, 'by-id': 2, shuffled: 1 }),
    total: dice.weighted({ true: 6, absent: 2, text: 1, page: 1, zero: 1 }),
    instants: dice.pick(['both', 'z', 'offset']),
    authStatus: dice.pick([200, 401]),
    badTimeStatus: dice.pick([200, 400]),
    skewMs: dice.pick([0, 0, -40_000, 40_000]),
    requestsPerSecond: dice.pick([null, null, null, 2]),
    retryAfter: dice.pick(['seconds', 'date', 'absent']),
    rateHeaders: dice.chance(0.3),
  }
}

/** No way of paging is heard: only a total that counts all tells that a page holds all. */
function isDeaf({ page, offset }: Partial<SimulatorOptions>): boolean {
  return page !== 'index' && offset !== 'rows'
}

function shapeOf(dice: Dice): RowShape {
  return {
    keys: dice.pick(['io', 'io', 'legacy']),
    times: dice.pick(['z', 'z', 'offset', 'naive', 'epoch-seconds', 'epoch-ms']),
    timeZone: dice.pick(['UTC', 'Asia/Kolkata', 'America/New_York']),
    wobble: dice.chance(0.5),
  }
}

/** A few kinds of faults, seldom enough that most reads get through. */
function faultSharesOf(dice: Dice): SimulatorOptions['faultShares'] {
  const share = dice.pick([0, 0.02, 0.1])
  const kinds = [dice.pick(faultKinds), dice.pick(faultKinds), dice.pick(faultKinds)]
  return share === 0 ? {} : Object.fromEntries(kinds.map(kind => [kind, share / kinds.length]))
}
