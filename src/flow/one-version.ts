/**
 * Of each call, one read hands over one version. An API may show an id twice with different contents, on one page or on two, and would do so at
 * every re-read: each time both would look like a change of the other. So within one read the more complete version counts, and a changed
 * version of a known call waits for the end of the read in case a better one comes. What is new, or as it was, flows on at once.
 */
import type { Fingerprint } from '../model/fingerprint.ts'
import type { SeenIndex, Sighting } from '../model/sift.ts'
import type { Clock } from '../ports.ts'

/** As much of a version as it takes to compare it with another. */
interface Version {
  readonly endMs: number
  /** The content, as `content_hash` has it. */
  readonly high: number
  readonly low: number
}

/** What a reader may ask about a call before it is sifted. */
export interface Memory {
  /** Whether this is another content of a call that is known. */
  readonly isChange: (print: Fingerprint) => boolean
  /** Whether this call was never seen. */
  readonly isNew: (print: Fingerprint) => boolean
}

export function memoryOf(seen: SeenIndex, clock: Clock): Memory {
  return {
    isChange: print => seen.find(print, clock.now())?.sameContent === false,
    isNew: print => seen.find(print, clock.now()) === null,
  }
}

const MOST_TWINS = 10_000

/** Ids that came with two contents in one read, so that a single page of them is not believed. Bounded; forgets with the reader. */
export class Twins {
  private readonly ids = new Set<string>()

  note(callId: string): void {
    if (this.ids.size < MOST_TWINS) this.ids.add(callId)
  }

  without(calls: readonly Sighting[]): readonly Sighting[] {
    return this.ids.size === 0 ? calls : calls.filter(({ call }) => !this.ids.has(call.call_id))
  }
}

/** One read of one window. Of the calls it met it keeps ids and numbers only: a window may hold many. */
export class OneVersion {
  private readonly isChange: (print: Fingerprint) => boolean
  private readonly twins: Twins
  /** Where the numbers of a call stand in the lists below. */
  private readonly met = new Map<string, number>()
  private readonly endsMs: number[] = []
  private readonly highs: number[] = []
  private readonly lows: number[] = []
  private readonly startsMs: number[] = []
  private readonly held = new Map<string, Sighting>()

  constructor(isChange: (print: Fingerprint) => boolean, twins: Twins) {
    this.isChange = isChange
    this.twins = twins
  }

  /** What of a page flows on now. */
  take(calls: readonly Sighting[]): Sighting[] {
    return calls.filter(sighting => this.flows(sighting))
  }

  /** What was held back, at the end of the read or when it failed. */
  rest(): Sighting[] {
    const calls = [...this.held.values()]
    this.held.clear()
    return calls
  }

  /** The starts of all calls met, each once, ascending. Calls without one are left out. */
  starts(): number[] {
    return this.startsMs.filter(startMs => !Number.isNaN(startMs)).sort((a, b) => a - b)
  }

  private flows(sighting: Sighting): boolean {
    const id = sighting.call.call_id
    const version = versionOf(sighting)
    const at = this.met.get(id)
    const before = at === undefined ? null : this.versionAt(at)
    const isSecond = before !== null && (before.high !== version.high || before.low !== version.low)
    if (isSecond) this.twins.note(id)
    if (isSecond && !isRather(version, before)) return false
    if (at === undefined || isSecond) this.keep(at ?? this.met.size, sighting, version)
    if (!isSecond && !this.held.has(id) && !this.isChange(sighting.print)) return true
    this.held.set(id, sighting)
    return false
  }

  private versionAt(at: number): Version {
    return { endMs: this.endsMs[at] ?? 0, high: this.highs[at] ?? 0, low: this.lows[at] ?? 0 }
  }

  private keep(at: number, { call }: Sighting, { endMs, high, low }: Version): void {
    this.met.set(call.call_id, at)
    this.endsMs[at] = endMs
    this.highs[at] = high
    this.lows[at] = low
    this.startsMs[at] = call.start_time ?? Number.NaN
  }
}

/** The same call twice on one page: one of them, the same in whatever order they come. */
export function distinct(sightings: readonly Sighting[]): Sighting[] {
  const calls = new Map<string, Sighting>()
  for (const sighting of sightings) {
    const known = calls.get(sighting.call.call_id)
    if (known === undefined || isRather(versionOf(sighting), versionOf(known))) calls.set(sighting.call.call_id, sighting)
  }
  return [...calls.values()]
}

function versionOf({ call, print }: Sighting): Version {
  return { endMs: call.end_time ?? 0, high: print[4] ?? 0, low: print[5] ?? 0 }
}

/** The one with the later end; of equals always the same one. */
function isRather(one: Version, other: Version): boolean {
  if (one.endMs !== other.endMs) return one.endMs > other.endMs
  return one.high === other.high ? one.low > other.low : one.high > other.high
}
