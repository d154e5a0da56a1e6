/**
 * What the simulated world knows about a call: who and when (fixed), and its versions over time (what the API says about it, from when).
 * Facts are plain values with units; how they look as a row of JSON is `row.ts`'s business, so that the truth never depends on a shape.
 */

/** What may change after the call. `null` means that the API does not give it (yet). */
export interface CallFacts {
  readonly from: string | null
  readonly to: string | null
  readonly bridge: string | null
  readonly service: string | null
  readonly endMs: number | null
  readonly durationSeconds: number | null
  readonly billedSeconds: number | null
  /** Verbatim. */
  readonly status: string | null
  /** A decimal as text, `1.25`. */
  readonly credits: string | null
  /** The recording's id; rows show it as a link. */
  readonly recording: string | null
  readonly location: string | null
  readonly provider: string | null
  /** Further keys of the row, as they are. */
  readonly extra: Readonly<Record<string, unknown>>
}

export interface CallVersion {
  /** The API shows this version from here on, epoch milliseconds, until the next version takes over. */
  readonly visibleFrom: number
  readonly facts: CallFacts
}

export interface SimulatedCall {
  /** UUID plus `-1` or `-2`; `null` makes every row of this call a bad row. */
  readonly id: string | null
  readonly uniqueId: string
  readonly parentId: string | null
  /** A whole second, epoch milliseconds. */
  readonly startMs: number
  /** 32 bits, constant for the call: decides its order under `order: 'by-id'` and how its numbers and gaps are written. */
  readonly rank: number
  /** Ascending by `visibleFrom`; never empty; neighbours differ. */
  readonly versions: readonly CallVersion[]
  /** From here on the API shows the call no more. */
  readonly hiddenFrom: number
}

/** Index of the version that the API shows at this instant, -1 when it shows none. */
export function versionAt(call: SimulatedCall, nowMs: number): number {
  if (nowMs >= call.hiddenFrom) return -1
  let index = call.versions.length - 1
  while (index >= 0 && (call.versions[index] as CallVersion).visibleFrom > nowMs) index -= 1
  return index
}

export function sameFacts(a: CallFacts, b: CallFacts): boolean {
  const keys = Object.keys(a) as (keyof CallFacts)[]
  return keys.every(key => (key === 'extra' ? JSON.stringify(a.extra) === JSON.stringify(b.extra) : a[key] === b[key]))
}
