/**
 * Of each call, one read hands over one version. An API may show an id twice with different contents, on one page or on two, and would do so at
 * every re-read: each time both would look like a change of the other. So within one read the more complete version counts, and a changed
 * version of a known call waits for the end of the read in case a better one comes. What is new, or as it was, flows on at once.
 */
import { contentHash, type Fingerprint } from '../model/fingerprint.ts'
import type { SeenIndex, Sighting } from '../model/sift.ts'
import type { Clock } from '../ports.ts'

/** As much of a version as it takes to compare it with another; the calls themselves are not kept. */
interface Version {
  readonly endMs: number
  readonly print: Fingerprint
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

/** One read of one window. */
export class OneVersion {
  private readonly isChange: (print: Fingerprint) => boolean
  private readonly twins: Twins
  private readonly met = new Map<string, Version>()
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

  private flows(sighting: Sighting): boolean {
    const id = sighting.call.call_id
    const version = versionOf(sighting)
    const before = this.met.get(id)
    const isSecond = before !== undefined && !saysTheSame(before.print, version.print)
    if (isSecond) this.twins.note(id)
    if (isSecond && !isRather(version, before)) return false
    if (before === undefined || isSecond) this.met.set(id, version)
    if (!isSecond && !this.held.has(id) && !this.isChange(sighting.print)) return true
    this.held.set(id, sighting)
    return false
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

function saysTheSame(one: Fingerprint, other: Fingerprint): boolean {
  return one[4] === other[4] && one[5] === other[5]
}

function versionOf({ call, print }: Sighting): Version {
  return { endMs: call.end_time ?? 0, print }
}

/** The one with the later end; of equals always the same one. */
function isRather(one: Version, other: Version): boolean {
  const laterMs = one.endMs - other.endMs
  return laterMs > 0 || (laterMs === 0 && contentHash(one.print) > contentHash(other.print))
}
