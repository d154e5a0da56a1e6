import { expect, test } from 'vitest'
import { auditProgress, progressText } from '../../src/commands/audit-progress.ts'
import type { AuditProgress } from '../../src/flow/audit.ts'

const pace = { pageSize: 100, requestsPerSecond: 0.1 }
const reading = (done: number, rowsPerWindowLeft: readonly number[]): AuditProgress => {
  return { doing: 'reading', done, all: 12, requests: 31, rowsPerWindowLeft }
}

test('progress names windows, requests and the time left at the pace: a page for a hundred rows, and the first again where there are several', () => {
  expect(progressText(reading(3, [0, 100]), pace)).toBe('reading: 3 of 12 windows, 31 requests, about 20 s left')
  expect(progressText(reading(3, [3_500, 101]), pace)).toBe('reading: 3 of 12 windows, 31 requests, about 7 min left')
  expect(progressText({ ...reading(4_000, []), doing: 'scanning', all: null }, pace)).toBe('scanning the topics: 4000 records')
})

test('on a terminal it is a line that replaces itself; elsewhere a line of the log every ten seconds', () => {
  const [shown, logged]: [string[], string[]] = [[], []]
  let nowMs = 0
  const tellOn = (showsProgress: boolean) => {
    const terminal = { showsProgress, progress: (text: string) => shown.push(text), remark: (line: string) => logged.push(line) }
    return auditProgress(terminal, { monotonic: () => nowMs }, 'main', pace)
  }
  const [onTerminal, inLog] = [tellOn(true), tellOn(false)]

  for (const atMs of [0, 5_000, 10_000, 19_000, 21_000]) {
    nowMs = atMs
    for (const tell of [onTerminal, inLog]) tell(reading(atMs / 1_000, []))
  }

  expect(shown).toHaveLength(5)
  expect(logged).toEqual(['main: reading: 10 of 12 windows, 31 requests', 'main: reading: 21 of 12 windows, 31 requests'])
})
