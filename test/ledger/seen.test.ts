import { describe, expect, test } from 'vitest'
import { ENTRY_BYTES, RETENTION_DAYS } from '../../src/ledger/entry.ts'
import { Seen } from '../../src/ledger/seen.ts'
import { DAY_MS } from '../../src/model/window.ts'
import { sighting } from '../support/calls.ts'

const now = Date.parse('2026-03-10T12:00:00Z')
const printOf = (index: number, status = 'ANSWER') => sighting({ call_id: `call-${index}`, status }).print

describe('seen', () => {
  test('remembers every one of 100,000 calls, and none it was not told', () => {
    const seen = new Seen(1_000_000)
    const prints = Array.from({ length: 100_000 }, (_, index) => printOf(index))

    for (const print of prints) seen.add(print, now, 0)

    expect(seen.size).toBe(100_000)
    expect(prints.every(print => seen.find(print, now)?.sameContent === true)).toBe(true)
    expect(seen.find(printOf(100_000), now)).toBeNull()
  })

  test('takes at most 50 bytes a call', () => {
    const seen = new Seen(1_000_000)
    for (let index = 0; index < 200_000; index += 1) seen.add(printOf(index), now, 0)

    expect(ENTRY_BYTES).toBe(44)
    expect(seen.bytes / seen.size).toBeLessThanOrEqual(50)
  })

  test('an entry read back from the ledger is the entry that was stored', () => {
    const [before, after] = [new Seen(10), new Seen(10)]
    before.add(printOf(1, 'NOANSWER'), now, 0)
    const slot = before.find(printOf(1), now)?.slot ?? -1
    const stored = before.rewrite(slot, printOf(1), 2, 0, now + DAY_MS)

    after.setToday(now + DAY_MS)
    after.import(stored, 0, now + DAY_MS, 3)

    expect(after.find(printOf(1), now + DAY_MS)).toMatchObject({
      sameContent: true,
      revision: 2,
      firstSeenMs: now,
      ageDays: 0,
      rules: 3,
      previousContentByte: before.find(printOf(1), now + DAY_MS)?.previousContentByte,
    })
  })

  test('a stored entry is a copy: later changes do not reach into it', () => {
    const seen = new Seen(10)
    const stored = seen.add(printOf(1, 'NOANSWER'), now, 0)
    const asStored = [...stored]

    seen.rewrite(seen.find(printOf(1), now)?.slot ?? -1, printOf(1), 2, 0, now)

    expect([...stored]).toEqual(asStored)
  })

  test('an entry lives nine days after it was last written, not after it was first seen', () => {
    const seen = new Seen(10)
    seen.add(printOf(1), now, 0)
    seen.add(printOf(2), now, 0)
    seen.rewrite(seen.find(printOf(2), now)?.slot ?? -1, printOf(2), 1, 0, now + 7 * DAY_MS)

    expect(seen.find(printOf(1), now + RETENTION_DAYS * DAY_MS)?.ageDays).toBe(RETENTION_DAYS)
    expect(seen.find(printOf(1), now + (RETENTION_DAYS + 1) * DAY_MS)).toBeNull()
    expect(seen.find(printOf(2), now + (RETENTION_DAYS + 1) * DAY_MS)?.revision).toBe(1)
  })

  test('a call that comes back after it expired takes its old place', () => {
    const seen = new Seen(10)
    seen.add(printOf(1), now, 0)

    seen.add(printOf(1), now + 20 * DAY_MS, 0)

    expect(seen.size).toBe(1)
    expect(seen.find(printOf(1), now + 20 * DAY_MS)).toMatchObject({ revision: 1, firstSeenMs: now + 20 * DAY_MS })
  })

  test('the room of expired calls is used again', () => {
    const seen = new Seen(1_000_000)
    for (let day = 0; day < 40; day += 1)
      for (let index = 0; index < 5_000; index += 1) seen.add(printOf(day * 5_000 + index), now + day * DAY_MS, 0)

    expect(seen.size).toBeLessThan(110_000)
    expect(seen.find(printOf(39 * 5_000), now + 39 * DAY_MS)).not.toBeNull()
  })

  test('a clock set back a few days expires nothing', () => {
    const seen = new Seen(10)
    seen.add(printOf(1), now, 0)

    expect(seen.find(printOf(1), now - 5 * DAY_MS)?.ageDays).toBe(0)
  })

  test('at the bound, calls that have expired make room before it stops', () => {
    const seen = new Seen(1_000)
    for (let index = 0; index < 1_000; index += 1) seen.add(printOf(index), now + (index < 400 ? 0 : 5 * DAY_MS), 0)
    const laterMs = now + 12 * DAY_MS

    for (let index = 1_000; index < 1_400; index += 1) seen.add(printOf(index), laterMs, 0)

    expect(seen.size).toBe(1_000)
    expect(() => seen.add(printOf(1_400), laterMs, 0)).toThrow(/records\.maxSeen/)
    expect(seen.find(printOf(400), laterMs)).not.toBeNull()
  })

  test('at the bound it stops with advice and forgets nothing', () => {
    const seen = new Seen(2)
    seen.add(printOf(1), now, 0)
    seen.add(printOf(2), now, 0)

    expect(() => seen.add(printOf(3), now, 0)).toThrow(/records\.maxSeen: 2 calls .* raise records\.maxSeen/)
    expect(seen.find(printOf(1), now)).not.toBeNull()
  })
})
