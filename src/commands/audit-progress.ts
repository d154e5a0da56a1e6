/** How far an audit is: a line that replaces itself on a terminal, elsewhere one every ten seconds, so that a log shows it is alive. */
import type { AuditProgress } from '../flow/audit.ts'
import type { Terminal } from '../host/terminal.ts'
import type { Clock } from '../ports.ts'

const EVERY_MS = 10_000

export interface Pace {
  readonly pageSize: number
  readonly requestsPerSecond: number
}

/** Tells of one account. */
export function auditProgress(
  terminal: Pick<Terminal, 'showsProgress' | 'progress' | 'remark'>,
  clock: Pick<Clock, 'monotonic'>,
  account: string,
  pace: Pace,
): (progress: AuditProgress) => void {
  let toldMs = clock.monotonic()
  return progress => {
    const text = `${account}: ${progressText(progress, pace)}`
    if (terminal.showsProgress) return terminal.progress(text)
    if (clock.monotonic() - toldMs < EVERY_MS) return
    toldMs = clock.monotonic()
    terminal.remark(text)
  }
}

export function progressText({ doing, done, all, requests, rowsPerWindowLeft }: AuditProgress, pace: Pace): string {
  if (doing === 'scanning') return `scanning the topics: ${done} records`
  const leftSeconds = Math.ceil(
    rowsPerWindowLeft.reduce((sum, rows) => sum + requestsFor(rows, pace.pageSize), 0) / pace.requestsPerSecond,
  )
  const left = leftSeconds === 0 ? '' : `, about ${durationText(leftSeconds)} left`
  return `${doing}: ${done} of ${all} windows, ${requests} requests${left}`
}

/** Pages, and the first one once more when there are several. */
function requestsFor(rows: number, pageSize: number): number {
  const pages = Math.max(1, Math.ceil(rows / pageSize))
  return pages === 1 ? 1 : pages + 1
}

function durationText(seconds: number): string {
  if (seconds < 90) return `${seconds} s`
  const minutes = Math.ceil(seconds / 60)
  return minutes < 90 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`
}
