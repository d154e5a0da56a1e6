/** What a checkpoint holds beside the books, and what one holds that was written before there was any of it. */
import { expect, test } from 'vitest'
import { CHECKPOINT_MAX_BYTES, type Checkpoint, decodeCheckpoint, encodeCheckpoint } from '../../src/ledger/codec.ts'
import { checkpointKey, LedgerGlance } from '../../src/ledger/memory.ts'
import { type Backfill, MOST_BACKFILLS, order } from '../../src/model/backfill.ts'
import { startCoverage } from '../../src/model/coverage.ts'
import { AGES_MS, count, NO_LATENESS, type Sample } from '../../src/model/lateness.ts'
import { DAY_MS, HOUR_MS, SECOND_MS } from '../../src/model/window.ts'

const now = Date.parse('2026-03-10T12:00:00Z')
const bare: Checkpoint = {
  account: 'main',
  sidHash: 'hash',
  incarnation: 3,
  instance: 'one',
  writtenAt: now,
  coverage: startCoverage(now, DAY_MS),
  notBefore: 0,
  dialect: null,
  filters: '',
  offsets: { events: [7] },
  lateness: NO_LATENESS,
  backfills: [],
  paused: false,
}
/** latenessSince, lateness, paused, backfills: each one byte when there is none. */
const APPENDED_BYTES = 4

test('lateness, backfills and a pause are read back as they were', () => {
  const samples: Sample[] = [{ kind: 'late', ageMs: HOUR_MS, reachMs: 2 * HOUR_MS, readBy: 'warm' }]
  const lateness = count(count(NO_LATENESS, samples, now - 8 * DAY_MS), samples, now)
  const [backfill] = order([], { fromMs: now - DAY_MS, untilMs: now - HOUR_MS }, now)
  const whole: Checkpoint = {
    ...bare,
    lateness,
    backfills: backfill === undefined ? [] : [{ ...backfill, unproved: [{ fromMs: now - DAY_MS, untilMs: now }], triedMs: 5 }],
    paused: true,
  }

  const { lateness: read, ...rest } = decodeCheckpoint(encodeCheckpoint(whole))

  expect(rest).toMatchObject({ paused: true, backfills: whole.backfills })
  expect([read.sinceMs, read.newer.get('late'), read.older.get('reach:warm')]).toEqual([
    now,
    lateness.newer.get('late'),
    lateness.older.get('reach:warm'),
  ])
})

test.each([4, 3, 2, 1])('a checkpoint that ends %i fields before the newest layout has the defaults of those', missing => {
  const bytes = encodeCheckpoint(bare)

  expect(decodeCheckpoint(bytes.subarray(0, bytes.length - missing))).toEqual(decodeCheckpoint(bytes))
})

test('one that ends inside of a field is refused', () => {
  const bytes = encodeCheckpoint(bare)

  expect(() => decodeCheckpoint(bytes.subarray(0, bytes.length - APPENDED_BYTES - 1))).toThrow('cannot be read to its end')
})

test('of those that compaction has left, only the newest is decoded, and it must be one', () => {
  const glance = new LedgerGlance('main')
  const take = (value: Buffer | null) => glance.take({ key: checkpointKey('main'), value, timestampMs: now })

  take(Buffer.alloc(0))
  take(encodeCheckpoint(bare))
  const newest = glance.checkpoint
  take(encodeCheckpoint({ ...bare, incarnation: 4 }))

  expect([newest?.incarnation, glance.checkpoint?.incarnation]).toEqual([3, 4])
  take(null)
  expect(glance.checkpoint).toBeNull()
  take(Buffer.alloc(0))
  expect(() => glance.checkpoint).toThrow(expect.objectContaining({ code: 'LEDGER_UNREADABLE' }))
})

test('with every schedule and as many backfills as there can be it leaves room for the books', () => {
  const names = Array.from({ length: 40 }, (_, index) => `schedule-of-a-long-name-${index}`)
  const samples = names.flatMap(readBy =>
    AGES_MS.flatMap(ageMs => Array.from({ length: 3 }, (): Sample => ({ kind: 'late', ageMs, reachMs: ageMs, readBy }))),
  )
  const lateness = count(count(NO_LATENESS, samples, now - 8 * DAY_MS), samples, now)
  const part = (index: number) => ({ fromMs: now - index * HOUR_MS, untilMs: now - index * HOUR_MS + SECOND_MS })
  const parts = Array.from({ length: 24 }, (_, index) => part(index + 2))
  const backfills = Array.from({ length: MOST_BACKFILLS }, (): Backfill => {
    return { ...part(1), orderedMs: now, triedMs: now, left: parts, unproved: parts }
  })

  expect(encodeCheckpoint({ ...bare, lateness, backfills }).length).toBeLessThan(CHECKPOINT_MAX_BYTES / 2)
})
