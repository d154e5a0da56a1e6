import { describe, expect, test } from 'vitest'
import { type Column, type Look, printable, Table, wrapped } from '../../src/commands/table.ts'

const COLUMNS: readonly Column[] = [
  { title: 'time' },
  { title: 'kind', leaves: 2 },
  { title: 'cost', align: 'right', leaves: 1 },
  { title: 'id', least: 4 },
]
const ROWS = [
  ['10:00', 'in', '1.25', '75abcdef-1'],
  ['10:01', 'outbound', '0', '75abcdef-2'],
]
const look = (columns: number | null): Look => ({ columns, paint: (_, text) => text })
const linesAt = (columns: number | null) => new Table(COLUMNS, look(columns)).lines(ROWS).trimEnd().split('\n')

describe('a table', () => {
  test('is as wide as what it holds', () => {
    expect(linesAt(null)).toEqual([
      'time   kind      cost  id',
      '10:00  in        1.25  75abcdef-1',
      '10:01  outbound     0  75abcdef-2',
    ])
  })

  test('cuts what may be cut on a narrow terminal, then leaves out the least important', () => {
    expect(linesAt(33)[1]).toBe('10:00  in        1.25  75abcdef-1')
    expect(linesAt(30)[1]).toBe('10:00  in        1.25  75abcd…')
    expect(linesAt(26)).toEqual(['time   cost  id', '10:00  1.25  75abcdef-1', '10:01     0  75abcdef-2'])
    expect(linesAt(14)).toEqual(['time   id', '10:00  75abcd…', '10:01  75abcd…'])
  })

  test('never is wider than the terminal while anything may leave', () => {
    for (let columns = 11; columns < 40; columns += 1)
      for (const line of linesAt(columns)) expect(line.length).toBeLessThanOrEqual(columns)
  })

  test('keeps its columns for later rows and has one head', () => {
    const table = new Table(COLUMNS, look(26))
    table.lines(ROWS)

    expect(table.lines([['10:02', 'in', '12', 'a-much-longer-id-than-the-first']])).toBe('10:02    12  a-much-lo…\n')
  })

  test('cuts nothing where output is no terminal', () => {
    const table = new Table(COLUMNS, look(null))
    table.lines(ROWS)

    expect(table.lines([['10:02', 'in', '12', 'a-much-longer-id-than-the-first']])).toContain('a-much-longer-id-than-the-first')
  })

  test('does not let text from outside steer the terminal', () => {
    expect(printable('\u001b[31mred\u001b[0m\r\n\u202e')).toBe('·[31mred·[0m···')
  })
})

test('text is wrapped between words, a word too long for a line stands alone', () => {
  expect(wrapped('one two three incomprehensibilities four', 9)).toEqual(['one two', 'three', 'incomprehensibilities', 'four'])
})
