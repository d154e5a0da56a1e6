/** Which time a preview reads: `--since`, or `--from` and `--to`, within what the API still knows, in windows of at most a day. */
import { ConnectorError } from '../errors.ts'
import { createInstantReader, NAIVE } from '../kaleyra/instants.ts'
import { HORIZON_MS } from '../model/coverage.ts'
import { edgeOf } from '../model/schedule.ts'
import { DURATION, durationMs } from '../model/units.ts'
import { DAY_MS, instantText, MINUTE_MS, SECOND_MS, spanMs, split, type Window } from '../model/window.ts'

export interface RangeOptions {
  readonly since?: string
  readonly from?: string
  readonly to?: string
  /** The same as `to`. */
  readonly until?: string
}

const DEFAULT_SINCE = '1h'
const readInstant = createInstantReader(undefined)

/** `end` is what the option of the end is called. The range in whole seconds, at the latest until a few seconds ago, where rows stop moving. Throws `ARGUMENTS_INVALID`. */
export function rangeOf({ since, from, until, to = until }: RangeOptions, nowMs: number, end = '--to'): Window {
  if (since !== undefined && (from !== undefined || to !== undefined))
    throw refused(`--since goes without --from and ${end}: it means the time before now`)
  if (to !== undefined && from === undefined) throw refused(`${end} goes with --from`)
  const edgeMs = edgeOf(nowMs, null)
  const untilMs = to === undefined ? edgeMs : Math.min(Math.ceil(instantIn(end, to) / SECOND_MS) * SECOND_MS, edgeMs)
  const fromMs =
    from === undefined
      ? Math.floor((nowMs - spanIn(since ?? DEFAULT_SINCE)) / SECOND_MS) * SECOND_MS
      : Math.floor(instantIn('--from', from) / SECOND_MS) * SECOND_MS
  if (fromMs >= untilMs)
    throw refused(
      to === undefined
        ? `the range begins at ${instantText(fromMs)}, and ${instantText(untilMs)} is the newest that can be read`
        : `--from must be before ${end}, and before now`,
    )
  // The minute is for the time it takes to get there.
  if (fromMs < nowMs - HORIZON_MS - MINUTE_MS)
    throw refused(`${instantText(fromMs)} is too long ago: the API keeps 6 days, back to ${instantText(nowMs - HORIZON_MS)}`)
  return { fromMs, untilMs }
}

/** The range in neighbours of at most a day, oldest first. */
export function windowsOf(range: Window): Window[] {
  return split(range, Math.ceil(spanMs(range) / DAY_MS))
}

function spanIn(text: string): number {
  const ms = DURATION.test(text) ? durationMs(text) : 0
  if (ms >= SECOND_MS && ms <= HORIZON_MS) return ms
  throw refused(`--since: "${text}" is no duration from 1s to 6d, such as 30m, 1h or 2d`)
}

function instantIn(option: string, text: string): number {
  const instantMs = /^\d{4}-\d{2}-\d{2}T/.test(text) ? readInstant(text) : Number.NaN
  if (instantMs === NAIVE) throw refused(`${option}: "${text}" names no zone; append Z for UTC, or an offset such as +05:30`)
  if (!Number.isFinite(instantMs)) throw refused(`${option}: "${text}" is no instant such as 2026-01-02T03:04:05Z`)
  return instantMs
}

function refused(text: string): ConnectorError {
  return new ConnectorError('ARGUMENTS_INVALID', text)
}
