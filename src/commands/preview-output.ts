/**
 * What a preview prints: each call once however often it is met, as lines of JSON or of a table, and the count of it all. Remembers 16 bytes of
 * hash for each row it has printed, which with what the runtime adds is some 100 bytes a row.
 */
import type { Terminal } from '../host/terminal.ts'
import type { NumberProtection } from '../model/number-protection.ts'
import type { BadSighting, Sighting } from '../model/sift.ts'
import { badRowJson, badRowLine, CALL_COLUMNS, callCells, callJson } from './preview-rows.ts'
import { printable, Table } from './table.ts'

export interface PreviewOutputOptions {
  readonly terminal: Terminal
  readonly account: string
  readonly numbers: NumberProtection
  readonly form: 'json' | 'table'
  /** Rows to print at most. */
  readonly limit: number
}

interface Rows {
  readonly calls: readonly Sighting[]
  readonly bad: readonly BadSighting[]
}

export class PreviewOutput {
  calls = 0
  /** Rows that would be dead letters, by reason. */
  readonly bad = new Map<string, number>()
  private readonly options: PreviewOutputOptions
  private readonly known = new Set<string>()
  private readonly table: Table

  constructor(options: PreviewOutputOptions) {
    this.options = options
    this.table = new Table(CALL_COLUMNS, options.terminal)
  }

  get rows(): number {
    return this.known.size
  }

  isFull(): boolean {
    return this.rows >= this.options.limit
  }

  /** Prints what is new of these rows, in their order, and no more than the limit allows. */
  async take(rows: Rows): Promise<void> {
    const { terminal, account, numbers, form } = this.options
    const calls = rows.calls.filter(sighting => this.isNew(sighting)).map(({ call }) => call)
    const bad = rows.bad.filter(sighting => this.isNew(sighting)).map(sighting => sighting.bad)
    this.calls += calls.length
    for (const { reason } of bad) this.bad.set(reason, (this.bad.get(reason) ?? 0) + 1)
    const text =
      form === 'json'
        ? [...calls.map(call => callJson(account, call, numbers)), ...bad.map(row => badRowJson(account, row))].join('')
        : this.tableText(calls.map(callCells)) +
          bad.map(row => `${terminal.paint('yellow', printable(badRowLine(row)))}\n`).join('')
    if (text !== '') await terminal.print(text)
  }

  private tableText(cells: readonly string[][]): string {
    return cells.length === 0 ? '' : this.table.lines(cells)
  }

  private isNew({ print }: Sighting | BadSighting): boolean {
    const id = Buffer.from(print.buffer, print.byteOffset, 16).toString('latin1')
    if (this.isFull() || this.known.has(id)) return false
    this.known.add(id)
    return true
  }
}
