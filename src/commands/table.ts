/**
 * A table for a terminal: as wide as its columns need, and no wider than the terminal, whose less important columns leave first. Where output
 * is no terminal nothing is left out and nothing is cut, so that `grep` finds what is there.
 */
import type { Terminal } from '../host/terminal.ts'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
  /** On a narrow terminal the column with the largest number leaves first; without one it stays. */
  readonly leaves?: number
  /** May be cut, with an ellipsis, to this many characters. */
  readonly least?: number
}

export type Look = Pick<Terminal, 'columns' | 'paint'>

const GAP = '  '

export class Table {
  private readonly columns: readonly Column[]
  private readonly look: Look
  private layout: readonly { readonly index: number; readonly width: number }[] | null = null

  constructor(columns: readonly Column[], look: Look) {
    this.columns = columns
    this.look = look
  }

  /** Lines for these rows, each with its line end; the first rows decide the widths and are headed by the titles. */
  lines(rows: readonly (readonly string[])[]): string {
    const clean = rows.map(row => row.map(printable))
    if (this.layout !== null) return clean.map(row => this.line(row)).join('')
    this.layout = this.laidOut(clean)
    const head = this.line(this.columns.map(({ title }) => title)).trimEnd()
    return `${this.look.paint('bold', head)}\n${clean.map(row => this.line(row)).join('')}`
  }

  private laidOut(rows: readonly (readonly string[])[]): { index: number; width: number }[] {
    let layout = this.columns.map(({ title }, index) => ({
      index,
      width: Math.max(title.length, ...rows.map(row => row[index]?.length ?? 0)),
    }))
    const room = this.look.columns ?? Number.POSITIVE_INFINITY
    const leastOf = ({ index, width }: { index: number; width: number }) => Math.min(width, this.columns[index]?.least ?? width)
    const total = (widths: readonly number[]) => widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length)
    while (total(layout.map(leastOf)) > room) {
      const leaving = Math.max(...layout.map(({ index }) => this.columns[index]?.leaves ?? 0))
      if (leaving === 0) break
      layout = layout.filter(({ index }) => this.columns[index]?.leaves !== leaving)
    }
    for (const column of layout) {
      const surplus = total(layout.map(({ width }) => width)) - room
      if (surplus > 0) column.width = Math.max(leastOf(column), column.width - surplus)
    }
    return layout
  }

  private line(row: readonly string[]): string {
    const cells = (this.layout ?? []).map(({ index, width }) => {
      const text = row[index] ?? ''
      const shown = this.look.columns !== null && text.length > width ? `${text.slice(0, width - 1)}…` : text
      return this.columns[index]?.align === 'right' ? shown.padStart(width) : shown.padEnd(width)
    })
    return `${cells.join(GAP).trimEnd()}\n`
  }
}

/** Text from outside must not move the cursor or colour the screen. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '·')
}

/** Breaks text between words into lines of at most `width`, a longer word apart. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

/** `1 call`, `2 calls`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
