/**
 * The truth behind the simulated API: every call that exists, what the API says about it at any instant, and what it will say later. Knows no
 * HTTP. Live calls are made as the clock moves, from their own stream of chance, so that it does not matter how often anybody looks.
 */
import { type CallFacts, type CallVersion, type SimulatedCall, sameFacts, versionAt } from './call.ts'
import { Dice } from './dice.ts'
import { type CallHabits, generateCall, generateUuid, usualHabits } from './generate.ts'
import { ioShape, type RowShape } from './row.ts'
import { type Truth, tellTruth } from './truth.ts'

export interface WorldSettings extends Partial<CallHabits> {
  readonly seed: number
  /** Epoch milliseconds; default `Date.now`. History ends, and live calls begin, at its value when the world is made. */
  readonly now?: () => number
  /** Rows, default 0, spread evenly over the `historyMs` (default 24 h) before now. */
  readonly history?: number
  readonly historyMs?: number
  /** Calls starting per second on average; default 0. */
  readonly livePerSecond?: number
  readonly shape?: RowShape
}

/** A call placed by a test. Whatever is not given is plausible; by default it starts now, ends 30 s later, and is visible at once. */
export interface NewCall extends Partial<CallFacts> {
  readonly id?: string | null
  readonly parentId?: string | null
  readonly startMs?: number
  readonly visibleFrom?: number
}

/** Which calls a request means; bounds half-open in epoch milliseconds. */
export interface Selection {
  readonly from: number
  readonly until: number
  /** A call without an end counts by its start. */
  readonly by: 'start' | 'end'
  readonly accepts?: (call: SimulatedCall, facts: CallFacts) => boolean
}

const maxLiveCalls = 5_000_000

export class World {
  shape: RowShape
  readonly now: () => number
  private readonly sorted: SimulatedCall[] = []
  // The three numbers that a search looks at, side by side with `sorted`: following 200,000 pointers for each page would take 100 ms.
  private readonly starts: number[] = []
  private readonly shownFrom: number[] = []
  private readonly hiddenFrom: number[] = []
  private readonly byId = new Map<string, SimulatedCall>()
  private readonly habits: CallHabits
  private readonly live: Dice
  private readonly placed: Dice
  private readonly gapMs: number
  private nextLiveMs: number
  private liveCalls = 0
  /** The longest time between a start and an end; how far a search by end must look back. */
  private longestMs = 0

  constructor(settings: WorldSettings) {
    const dice = new Dice(settings.seed)
    this.now = settings.now ?? Date.now
    this.shape = settings.shape ?? ioShape
    this.habits = { ...usualHabits, ...settings }
    this.live = dice.fork('live')
    this.placed = dice.fork('placed')
    const nowMs = this.now()
    const rate = settings.livePerSecond ?? 0
    this.gapMs = rate > 0 ? 1000 / rate : Number.POSITIVE_INFINITY
    this.nextLiveMs = nowMs + this.live.exponential(1) * this.gapMs
    this.makeHistory(dice.fork('history'), settings.history ?? 0, nowMs, settings.historyMs ?? 86_400_000)
  }

  /** All calls, visible or not, by ascending start. */
  get calls(): readonly SimulatedCall[] {
    this.advance()
    return this.sorted
  }

  find(id: string): SimulatedCall {
    this.advance()
    const call = this.byId.get(id)
    if (call === undefined) throw new Error(`the world has no call ${id}`)
    return call
  }

  add(place: NewCall = {}): SimulatedCall {
    const nowMs = this.now()
    const { id, parentId = null, startMs = Math.floor(nowMs / 1000) * 1000, visibleFrom = nowMs, ...given } = place
    if (startMs % 1000 !== 0) throw new Error('a call starts on a whole second')
    const uuid = generateUuid(this.placed)
    const facts: CallFacts = {
      from: '919000000001',
      to: '919000000002',
      bridge: '918000000000',
      service: 'Incoming',
      endMs: startMs + 30_000,
      durationSeconds: 30,
      billedSeconds: 20,
      status: 'ANSWER',
      credits: '0.5',
      recording: null,
      location: null,
      provider: null,
      extra: {},
      ...given,
    }
    const call: SimulatedCall = {
      id: id === undefined ? `${uuid}-1` : id,
      uniqueId: `${uuid.slice(0, 2)}_${startMs / 1000}.1`,
      parentId,
      startMs,
      rank: this.placed.word(),
      versions: [{ visibleFrom, facts }],
      hiddenFrom: Number.POSITIVE_INFINITY,
    }
    this.advance()
    this.insert(call)
    return call
  }

  /**
   * From `atMs` (default now) the API says this about the call. What the world had planned for the call after that is forgotten, so the
   * test has the last word. A call that is not visible yet appears with the change, when it appears. A change of nothing is no version.
   */
  change(id: string, patch: Partial<CallFacts>, atMs = this.now()): SimulatedCall {
    const call = this.find(id)
    const shown = call.versions.filter(version => version.visibleFrom <= atMs)
    const last = shown.at(-1)
    if (last === undefined) {
      const versions = call.versions.map(version => ({ ...version, facts: { ...version.facts, ...patch } }))
      return this.replace(call, {
        ...call,
        versions: versions.filter((version, i) => i === 0 || !sameFacts(version.facts, (versions[i - 1] as CallVersion).facts)),
      })
    }
    const facts = { ...last.facts, ...patch }
    return this.replace(call, {
      ...call,
      versions: sameFacts(facts, last.facts) ? shown : [...shown, { visibleFrom: atMs, facts }],
    })
  }

  /** The API forgets the call; what it showed before stays true. */
  hide(id: string, atMs = this.now()): SimulatedCall {
    const call = this.find(id)
    return this.replace(call, { ...call, hiddenFrom: atMs })
  }

  /** The calls that the API would count at `nowMs`, by ascending start. */
  select({ from, until, by, accepts }: Selection, nowMs = this.now()): SimulatedCall[] {
    this.advance(nowMs)
    const end = lowerBound(this.starts, until)
    const selected: SimulatedCall[] = []
    for (let i = lowerBound(this.starts, by === 'start' ? from : from - this.longestMs); i < end; i++) {
      if ((this.shownFrom[i] as number) > nowMs || nowMs >= (this.hiddenFrom[i] as number)) continue
      const call = this.sorted[i] as SimulatedCall
      if (by === 'end' || accepts !== undefined) {
        const { facts } = call.versions[versionAt(call, nowMs)] as CallVersion
        const instant = by === 'end' ? (facts.endMs ?? call.startMs) : call.startMs
        if (instant < from || instant >= until || accepts?.(call, facts) === false) continue
      }
      selected.push(call)
    }
    return selected
  }

  /** What an observer of the API can know at this instant: every call and version shown so far. */
  truthAt(nowMs = this.now()): Truth {
    this.advance(nowMs)
    return tellTruth(this.sorted, this.shape, nowMs)
  }

  /** Makes the live calls that have started by now. */
  private advance(nowMs = this.now()): void {
    while (this.nextLiveMs <= nowMs) {
      const startMs = Math.floor(this.nextLiveMs / 1000) * 1000
      for (const call of generateCall(this.live, startMs, this.habits)) this.insert(call)
      this.nextLiveMs += this.live.exponential(1) * this.gapMs
      this.liveCalls += 1
      if (this.liveCalls > maxLiveCalls)
        throw new Error(`more than ${maxLiveCalls} live calls: the clock moved too far, or livePerSecond is too high`)
    }
  }

  private makeHistory(dice: Dice, rows: number, nowMs: number, historyMs: number): void {
    const all: SimulatedCall[] = []
    while (all.length < rows) {
      const startMs = Math.floor((nowMs - dice.roll() * historyMs) / 1000) * 1000
      all.push(...generateCall(dice, startMs, this.habits).slice(0, rows - all.length))
    }
    for (const call of all.sort((a, b) => a.startMs - b.startMs)) this.insert(call)
  }

  private insert(call: SimulatedCall): void {
    if (call.id !== null && this.byId.has(call.id)) throw new Error(`the world has a call ${call.id} already`)
    const last = this.starts.at(-1) ?? Number.NEGATIVE_INFINITY
    this.place(call, last <= call.startMs ? this.sorted.length : lowerBound(this.starts, call.startMs + 1), 0)
  }

  private replace(call: SimulatedCall, by: SimulatedCall): SimulatedCall {
    this.place(by, this.sorted.indexOf(call, lowerBound(this.starts, call.startMs)), 1)
    return by
  }

  private place(call: SimulatedCall, index: number, replaced: 0 | 1): void {
    if (call.id !== null) this.byId.set(call.id, call)
    for (const { facts } of call.versions)
      if (facts.endMs !== null) this.longestMs = Math.max(this.longestMs, facts.endMs - call.startMs)
    this.sorted.splice(index, replaced, call)
    this.starts.splice(index, replaced, call.startMs)
    this.shownFrom.splice(index, replaced, (call.versions[0] as CallVersion).visibleFrom)
    this.hiddenFrom.splice(index, replaced, call.hiddenFrom)
  }
}

/** The first index whose value is `value` or more. */
function lowerBound(ascending: readonly number[], value: number): number {
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ascending[middle] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}
