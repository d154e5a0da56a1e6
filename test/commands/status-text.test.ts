import { expect, test } from 'vitest'
import { statusSchema } from '../../src/commands/status-report.ts'
import { accountText, isFine } from '../../src/commands/status-text.ts'
import { book, startCoverage } from '../../src/model/coverage.ts'
import { count, NO_LATENESS } from '../../src/model/lateness.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/window.ts'
import { StatusBoard } from '../../src/server/status-board.ts'

const now = Date.parse('2026-03-10T12:00:00Z')
const plain = { paint: (_colour: string, text: string) => text }
const schedule = [{ name: 'hot', everyMs: MINUTE_MS, spanMs: 30 * MINUTE_MS }]

/** As a command gets it: through JSON and the check at its door. */
function reportOf(board: StatusBoard) {
  const document = { version: 1, ...board.report('kaleyra', '0.1.0') }
  const [report] = statusSchema.parse(JSON.parse(JSON.stringify(document))).accounts
  if (report === undefined) throw new Error('no account')
  return report
}

function boardWithBooks() {
  const board = new StatusBoard(['main'], () => now)
  const range = { fromMs: now - 12 * HOUR_MS, untilMs: now - 10 * MINUTE_MS, readAtMs: now }
  const coverage = book(startCoverage(now, DAY_MS), [range], now)
  const lateness = count(NO_LATENESS, [{ kind: 'late', ageMs: 9 * MINUTE_MS, reachMs: 9 * MINUTE_MS, readBy: 'hot' }], now)
  board.note('main', { kind: 'task', state: 'running' })
  board.note('main', {
    kind: 'books',
    books: { coverage, lateness, backfills: [], paused: false, settleMs: 5 * MINUTE_MS, schedule },
  })
  return board
}

test('an account before its books are there is told without them, and is not fine yet', () => {
  const report = reportOf(new StatusBoard(['main'], () => now))

  expect(accountText(report, plain)).toMatch(/^main {2}starting since 2026-03-10T12:00:00Z\n/)
  expect(isFine(report)).toBe(false)
})

test('one that runs shows a mark for every two hours, the newest at the right end', () => {
  const report = reportOf(boardWithBooks())

  expect(accountText(report, plain)).toContain('[......#####.]')
  expect(accountText(report, plain)).toContain('99.9 % within 10m of their end (1 late call)')
  expect(accountText(report, plain)).toContain('hot every 1m over 30m: found 1 late or changed, 99.9 % of them within 10m')
  expect(isFine(report)).toBe(true)
})

test('a failed one shows why and what to do, and is not fine; a paused one is', () => {
  const failed = boardWithBooks()
  failed.note('main', { kind: 'task', state: 'failed', error: new Error('RBC001'), remedy: 'check sid and apiKey' })
  const paused = boardWithBooks()
  paused.note('main', { kind: 'task', state: 'paused' })

  expect(accountText(reportOf(failed), plain)).toContain('  BUG: RBC001\n  → check sid and apiKey\n')
  expect([isFine(reportOf(failed)), isFine(reportOf(paused))]).toEqual([false, true])
})

test('what another instance reads from now on is not told any more', () => {
  const board = boardWithBooks()
  board.note('main', { kind: 'task', state: 'standby' })

  expect(reportOf(board)).toMatchObject({ state: 'standby', ranges: null, hours: null, lateness: null, coveredThrough: null })
})
