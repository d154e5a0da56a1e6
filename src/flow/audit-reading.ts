/**
 * Reads windows for an audit as the connector reads them, with the same proof, and says what could not be proved and how far it has come. What has
 * become too old for the API on the way is unproved, and no reason to fail.
 */
import { ConnectorError, codeOf } from '../errors.ts'
import type { Hole } from '../model/audit-plan.ts'
import { HORIZON_MS } from '../model/coverage.ts'
import { intersect, SECOND_MS, type Window } from '../model/window.ts'
import type { Clock } from '../ports.ts'
import { type AuditRow, rowsInside } from './audit-ledger.ts'
import type { WindowReader } from './read.ts'

export interface Reading {
  readonly reader: WindowReader
  readonly clock: Clock
  /** Whether a call that starts then is audited. */
  readonly isInside: (startMs: number) => boolean
}

/** Hands every row over as it comes; resolves with what could not be proved. Throws what the API's requests throw, and `STOPPED`. */
export async function readForAudit(
  { reader, clock, isInside }: Reading,
  window: Window,
  onRow: (row: AuditRow) => void,
  signal: AbortSignal,
): Promise<Hole[]> {
  const oldestMs = Math.ceil((clock.now() - HORIZON_MS) / SECOND_MS) * SECOND_MS
  const open = intersect(window, { fromMs: oldestMs, untilMs: Number.POSITIVE_INFINITY })
  const tooOld = { fromMs: window.fromMs, untilMs: Math.min(open.fromMs, window.untilMs) }
  const unproved: Hole[] = tooOld.fromMs < tooOld.untilMs ? [{ ...tooOld, reason: 'too old for the API by now' }] : []
  if (open.fromMs >= open.untilMs) return unproved
  for await (const step of reader.read({ window: open, settled: [] }, signal)) {
    if (step.kind === 'failed') throw step.error
    if (step.kind === 'rows') for (const row of rowsInside(isInside, step.calls, step.bad)) onRow(row)
    if (step.kind === 'gap') unproved.push({ ...step.window, reason: step.reason })
  }
  // The reader ends quietly when told to stop; what it leaves is no result.
  if (signal.aborted) throw new ConnectorError('STOPPED', 'stopped while auditing', { cause: signal.reason })
  return unproved
}

export function isStop(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && codeOf(error) === 'STOPPED'
}
