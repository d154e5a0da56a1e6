/** A `Source` that answers from a list of calls, page by page, and can be told to misbehave between pages. */
import { ConnectorError } from '../../src/errors.ts'
import type { CallLog, Row } from '../../src/model/call-log.ts'
import type { Dialect } from '../../src/model/dialect.ts'
import { SECOND_MS, type Window } from '../../src/model/window.ts'
import type { Page, Source } from '../../src/ports.ts'

export interface Script {
  /** The calls as of this page request; may change from one request to the next. */
  readonly calls: (request: number) => readonly CallLog[]
  readonly pageSize: number
  /** What the API claims; the true number of matches when not given. */
  readonly total?: (matches: number, request: number) => number | null
  readonly paged?: boolean
  /** As the API has told by now. */
  readonly notBeforeMs?: () => number
  /** The window is that of a probe when it begins at 0. */
  readonly fail?: (request: number, window: Window) => Error | null
}

export class ScriptedSource implements Source {
  /** Every instant before which nothing was to be sent, with the number of reads begun before it was told. */
  readonly holds: { readonly untilMs: number; readonly readsBefore: number }[] = []
  /** Every window asked for, once per read. */
  readonly reads: Window[] = []
  /** Every window asked for exactly. */
  readonly glances: Window[] = []
  /** `probe`, `adopt` and `forget`, in order. */
  readonly probing: string[] = []
  private readonly script: Script
  private sent = 0

  constructor(script: Script) {
    this.script = script
  }

  async *read(window: Window, signal: AbortSignal): AsyncIterable<Page> {
    this.reads.push(window)
    for (let number = 1; ; number += 1) {
      const { rows, total } = this.ask(window, number, signal)
      const more = rows.length === this.script.pageSize
      const unpaged = more && this.script.paged === false
      yield { number, rows, total, recheck: false, unpaged }
      if (unpaged) return
      if (more) continue
      if (number > 1) yield { number: 1, ...this.ask(window, 1, signal), recheck: true, unpaged: false }
      return
    }
  }

  async probe(signal: AbortSignal): Promise<void> {
    this.probing.push('probe')
    this.ask({ fromMs: 0, untilMs: SECOND_MS }, 1, signal)
  }

  async glance(window: Window, signal: AbortSignal): Promise<Page> {
    this.glances.push(window)
    // Inclusive on both ends, and asked without a margin.
    return { number: 1, ...this.ask(window, 1, signal, 0), recheck: false, unpaged: false }
  }

  dialect = (): Dialect | null => null
  adopt = (): void => void this.probing.push('adopt')
  forget = (): void => void this.probing.push('forget')
  skewMs = (): number | null => 0
  requests = (): number => this.sent
  notBeforeMs = (): number => this.script.notBeforeMs?.() ?? 0
  holdUntil = (untilMs: number): void => void this.holds.push({ untilMs, readsBefore: this.reads.length })

  private ask(window: Window, number: number, signal: AbortSignal, marginMs = SECOND_MS): { rows: Row[]; total: number | null } {
    if (signal.aborted) throw new ConnectorError('STOPPED', 'told to stop')
    this.sent += 1
    const failure = this.script.fail?.(this.sent, window) ?? null
    if (failure !== null) throw failure
    const inside = (call: CallLog) => {
      const startMs = call.start_time ?? 0
      return window.fromMs - marginMs <= startMs && startMs <= window.untilMs + marginMs
    }
    const matches = this.script.calls(this.sent).filter(inside)
    const from = (number - 1) * this.script.pageSize
    const total = this.script.total === undefined ? matches.length : this.script.total(matches.length, this.sent)
    return { rows: matches.slice(from, from + this.script.pageSize).map(call => ({ call })), total }
  }
}
