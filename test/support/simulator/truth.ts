/**
 * What an observer of the API can have seen by an instant: for each call, every version shown so far. A version that came and went between
 * two polls need never be noticed; so a judge asks for the newest one, and checks the others only when they were published.
 */
import type { CallFacts, SimulatedCall } from './call.ts'
import { type Row, type RowShape, renderRow } from './row.ts'

export interface TruthVersion {
  /** From 0. */
  readonly index: number
  readonly visibleFrom: number
  /** Half-open; infinite for a version nothing is planned to replace. */
  readonly visibleUntil: number
  readonly facts: CallFacts
  readonly row: Row
}

export interface TruthCall {
  readonly id: string
  readonly startMs: number
  /** Every version that the API has shown, or could have shown, by the instant of the truth. Never empty. */
  readonly versions: readonly TruthVersion[]
}

export interface Truth {
  readonly atMs: number
  readonly calls: readonly TruthCall[]
  /** Rows without an id. */
  readonly badRows: readonly { readonly startMs: number; readonly row: Row }[]
}

/** What a judge needs of a truth: plain JSON, so that it can come from a simulator in another process. */
export interface Testimony {
  readonly atMs: number
  readonly calls: readonly JudgedCall[]
}

export interface JudgedCall extends Pick<TruthCall, 'id' | 'startMs'> {
  readonly versions: readonly Pick<TruthVersion, 'index' | 'visibleFrom' | 'facts'>[]
}

export function testimonyOf({ atMs, calls }: Truth): Testimony {
  const judged = calls.map(({ id, startMs, versions }) => ({
    id,
    startMs,
    versions: versions.map(({ index, visibleFrom, facts }) => ({ index, visibleFrom, facts })),
  }))
  return { atMs, calls: judged }
}

export function tellTruth(all: readonly SimulatedCall[], shape: RowShape, nowMs: number): Truth {
  const calls: TruthCall[] = []
  const badRows: { startMs: number; row: Row }[] = []
  for (const call of all) {
    const shown = call.versions.filter(version => version.visibleFrom <= nowMs && version.visibleFrom < call.hiddenFrom)
    const first = shown[0]
    if (first === undefined) continue
    if (call.id === null) {
      badRows.push({ startMs: call.startMs, row: renderRow(call, first.facts, shape) })
      continue
    }
    const versions = shown.map(({ visibleFrom, facts }, index) => ({
      index,
      visibleFrom,
      visibleUntil: Math.min(call.versions[index + 1]?.visibleFrom ?? Number.POSITIVE_INFINITY, call.hiddenFrom),
      facts,
      // Only on demand: a judge of 200,000 calls reads facts.
      get row() {
        return renderRow(call, facts, shape)
      },
    }))
    calls.push({ id: call.id, startMs: call.startMs, versions })
  }
  return { atMs: nowMs, calls, badRows }
}
