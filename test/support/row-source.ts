/** A `Source` that answers every window with the same few rows as an API would send them, through a normaliser, on one page. */

import type { Row } from '../../src/model/call-log.ts'
import type { Dialect } from '../../src/model/dialect.ts'
import type { Window } from '../../src/model/window.ts'
import type { Page, Source } from '../../src/ports.ts'

export class RowSource implements Source {
  private readonly rows: readonly Readonly<Record<string, unknown>>[]
  private readonly normalise: (rows: readonly unknown[]) => Row[]
  private sent = 0

  constructor(rows: readonly Readonly<Record<string, unknown>>[], normalise: (rows: readonly unknown[]) => Row[]) {
    this.rows = rows
    this.normalise = normalise
  }

  async *read(window: Window): AsyncIterable<Page> {
    yield this.page(window)
  }

  async glance(window: Window): Promise<Page> {
    return this.page(window)
  }

  probe = async (): Promise<void> => undefined
  dialect = (): Dialect | null => null
  adopt = (): void => undefined
  forget = (): void => undefined
  skewMs = (): number | null => 0
  requests = (): number => this.sent
  notBeforeMs = (): number => 0
  holdUntil = (): void => undefined

  /** Filtered on the end: a row whose start is unreadable belongs somewhere, too. */
  private page({ fromMs, untilMs }: Window): Page {
    this.sent += 1
    const inside = this.rows.filter(({ end_time }) => {
      const endMs = Date.parse(String(end_time))
      return fromMs <= endMs && endMs < untilMs
    })
    return { number: 1, rows: this.normalise(inside), total: inside.length, recheck: false, unpaged: false }
  }
}
