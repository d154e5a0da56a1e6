import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../src/model/dialect.ts'
import { StatusBoard } from '../../src/server/status-board.ts'
import { usualDialect } from '../support/usual-dialect.ts'

const nowMs = Date.parse('2026-03-10T12:00:00Z')
const dialect: Dialect = usualDialect({ instants: 'z', probedAtMs: nowMs - 60_000 })

/** A board of the accounts `a` and `b`, and how it shows one of them. */
function boardOfTwo() {
  const board = new StatusBoard(['a', 'b'], () => nowMs)
  const shown = (account: string) =>
    board.report('kaleyra', '0.1.0').accounts.find(({ account: label }) => label === account) ?? {}
  return { board, shown }
}

describe('the status of an account', () => {
  test('shows no dialect and no promise before anything is known', () => {
    expect(boardOfTwo().shown('a')).toMatchObject({ state: 'starting', dialect: null, notBefore: null })
  })

  test('shows the dialect from the moment it is known, each account its own', () => {
    const { board, shown } = boardOfTwo()
    let known: Dialect | null = null
    board.follow('a', { dialect: () => known, notBeforeMs: () => 0, skewMs: () => null })
    board.follow('b', { dialect: () => null, notBeforeMs: () => 0, skewMs: () => null })

    const before = shown('a').dialect
    known = dialect

    const { probedAtMs: _, ...spoken } = dialect
    expect(before).toBeNull()
    expect(shown('a').dialect).toEqual({ ...spoken, probedAt: '2026-03-10T11:59:00.000Z' })
    expect(shown('b').dialect).toBeNull()
  })

  test('shows until when the API asked to stay away, and nothing once that has passed', () => {
    const { board, shown } = boardOfTwo()
    board.follow('a', { dialect: () => null, notBeforeMs: () => nowMs + 90_000, skewMs: () => null })
    board.follow('b', { dialect: () => null, notBeforeMs: () => nowMs, skewMs: () => null })

    expect([shown('a').notBefore, shown('b').notBefore]).toEqual(['2026-03-10T12:01:30.000Z', null])
  })

  test('shows the error of a failed account, and the others as they are; the whole is as bad as its worst', () => {
    const { board, shown } = boardOfTwo()
    board.note('a', { kind: 'task', state: 'running' })
    board.note('b', { kind: 'task', state: 'failed', error: new Error('RBC001') })

    expect(shown('a')).toMatchObject({ state: 'running', error: null })
    expect(shown('b')).toMatchObject({ state: 'failed', error: 'RBC001' })
    expect(board.report('kaleyra', '0.1.0').state).toBe('failed')
  })
})
