import { describe, expect, test } from 'vitest'
import { fewerIn } from '../../src/flow/audit-ledger.ts'
import { type AuditReport, Findings, isProved, NOTHING_FOUND, verdictOf } from '../../src/flow/audit-report.ts'
import { HOUR_MS } from '../../src/model/window.ts'

const range = { fromMs: Date.UTC(2026, 0, 8), untilMs: Date.UTC(2026, 0, 9) }
const clean: AuditReport = {
  account: 'main',
  range,
  calls: 5_000,
  badRows: 0,
  windows: { read: 4, planned: 4 },
  requests: 60,
  notComparable: 0,
  unproved: [],
  findings: NOTHING_FOUND,
  beyond: 0,
  topic: null,
  interrupted: false,
}
const finding = { callId: 'a-1', startMs: null, detail: 'x', at: null }

describe('a verdict', () => {
  test('is proven equal when nothing at all speaks against it', () => {
    expect(isProved(clean)).toBe(true)
    expect(verdictOf(clean)).toBe('proven equal: 5000 calls in [2026-01-08T00:00:00Z, 2026-01-09T00:00:00Z), API = ledger')
  })

  test.each<[string, Partial<AuditReport>, string]>([
    ['a finding', { findings: { ...NOTHING_FOUND, missing: [finding] } }, 'not proven equal: 1 missing; 5000 calls in'],
    ['an unproved range', { unproved: [{ ...range, reason: 'moved' }] }, 'not proven equal: 1 range unproved; 5000 calls in'],
    ['what cannot be compared', { notComparable: 3 }, 'not proven equal: 3 not comparable, published under other record rules;'],
    ['findings nobody looked at again', { beyond: 2 }, 'not proven equal: 2 more that were not looked at again;'],
    ['an early end', { interrupted: true, windows: { read: 1, planned: 4 } }, 'interrupted after 1 of 4 windows: nothing proved'],
    ['nothing settled', { range: null }, 'nothing proved: no slot of the range is settled yet'],
  ])('is not, with %s', (_, change, verdict) => {
    const report = { ...clean, ...change }

    expect(isProved(report)).toBe(false)
    expect(verdictOf(report)).toContain(verdict)
  })
})

test('findings beyond the bound are counted, and one already kept may still be replaced', () => {
  const findings = new Findings()
  for (let index = 0; index < Findings.MOST + 7; index += 1) findings.set(`${index}`, finding)

  findings.set('0', { ...finding, detail: 'newer' })

  expect(findings.entries()).toHaveLength(Findings.MOST)
  expect(findings.entries()[0]?.[1].detail).toBe('newer')
  expect(findings.beyond).toBe(7)
})

test('a slot with fewer calls than were counted is told; one with more is not', () => {
  const slots = [2, 2, 1].map((count, index) => {
    const fromMs = range.fromMs + index * HOUR_MS
    return { fromMs, untilMs: fromMs + HOUR_MS, count }
  })
  const [first] = slots

  expect(fewerIn(slots, [1, 2, 3])).toEqual([{ slot: { fromMs: first?.fromMs, untilMs: first?.untilMs }, booked: 2, found: 1 }])
})
