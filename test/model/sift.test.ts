import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Seen } from '../../src/ledger/seen.ts'
import type { CallLog } from '../../src/model/call-log.ts'
import { badRowFingerprint, DIGEST_GROUPS, fingerprint } from '../../src/model/fingerprint.ts'
import { type SiftContext, sift } from '../../src/model/sift.ts'
import { DAY_MS, HOUR_MS } from '../../src/model/window.ts'
import { callLog, sighting } from '../support/calls.ts'

const now = Date.parse('2026-03-01T10:10:00Z')
const context = (overrides: Partial<SiftContext> = {}): SiftContext => ({
  account: 'main',
  rules: 0,
  observedAtMs: now,
  window: { fromMs: now - HOUR_MS, untilMs: now },
  readBy: 'hot',
  ...overrides,
})
const siftOne = (seen: Seen, overrides: Partial<CallLog>, at: Partial<SiftContext> = {}) =>
  sift(seen, [sighting(overrides)], [], context(at))
const eventOf = (found: ReturnType<typeof sift>) => found.news[0]?.event

describe('sift', () => {
  test('a call never seen is CREATED with revision 1', () => {
    const event = eventOf(siftOne(new Seen(10), {}))

    expect(event).toMatchObject({
      change_type: 'CREATED',
      revision: 1,
      changed_fields: [],
      regressed: false,
      first_seen_at: now,
      observed_at: now,
      read_by: 'hot',
      account: 'main',
    })
    expect(event?.content_hash).toMatch(/^[0-9a-f]{16}$/)
  })

  test('the same call with the same content is a repeat, however often', () => {
    const seen = new Seen(10)
    siftOne(seen, {})

    const again = sift(seen, [sighting(), sighting()], [], context())

    expect(again).toMatchObject({ news: [], repeats: 2, rows: 2 })
  })

  test('a change is UPDATED with the next revision and names exactly the field that changed', () => {
    const seen = new Seen(10)
    siftOne(seen, { cost: null, cost_unit: 'credits' })

    const event = eventOf(siftOne(seen, { cost: 500_000n }, { observedAtMs: now + 1_000 }))

    expect(event).toMatchObject({
      change_type: 'UPDATED',
      revision: 2,
      changed_fields: ['cost'],
      regressed: false,
      first_seen_at: now,
      observed_at: now + 1_000,
    })
  })

  test('an update that takes a value back is flagged as regressed', () => {
    const seen = new Seen(10)
    siftOne(seen, {})

    expect(eventOf(siftOne(seen, { end_time: null }))).toMatchObject({ regressed: true, changed_fields: ['end_time'] })
  })

  test('going back to an earlier content is published and counted as a flip', () => {
    const seen = new Seen(10)
    siftOne(seen, { status: 'A' })
    const there = siftOne(seen, { status: 'B' })
    const back = siftOne(seen, { status: 'A' })

    expect([there.flips, back.flips]).toEqual([0, 1])
    expect(eventOf(back)).toMatchObject({ change_type: 'UPDATED', revision: 3 })
  })

  test('a new release or new record settings re-base an entry without publishing', () => {
    const seen = new Seen(10)
    siftOne(seen, { status: 'old spelling' })

    const rebased = siftOne(seen, {}, { rules: 1 })
    const after = siftOne(seen, {}, { rules: 1 })

    expect(rebased).toMatchObject({ rebased: 1, repeats: 0 })
    expect(rebased.news.map(news => news.event)).toEqual([undefined])
    expect(rebased.news[0]?.entry).toHaveLength(11)
    expect(after).toMatchObject({ rebased: 0, repeats: 1, news: [] })
  })

  test('a bad row is a dead letter once, and again only when the row has changed', () => {
    const seen = new Seen(10)
    const bad = (json: string, callId: string | null = null) => ({
      bad: { reason: 'no_call_id' as const, detail: 'no id', path: '', json, callId },
      print: badRowFingerprint(callId, json),
    })

    const first = sift(seen, [], [bad('{"a":1}'), bad('{"a":1}')], context())
    const changed = sift(seen, [], [bad('{"a":2}')], context())
    const underNewRules = sift(seen, [], [bad('{"a":2}')], context({ rules: 1 }))

    expect(first.news.filter(news => news.deadLetter !== undefined)).toHaveLength(1)
    expect(changed.news).toHaveLength(1)
    expect(underNewRules.news.map(news => news.deadLetter)).toEqual([undefined])
    expect(underNewRules).toMatchObject({ rebased: 1, repeats: 0 })
  })

  test('a bad row that new rules only show in another way is re-based, and a later change of it is a dead letter again', () => {
    const seen = new Seen(10)
    const bad = (json: string) => ({
      bad: { reason: 'naive_time' as const, detail: 'no zone', path: 'start_time', json, callId: 'a-1' },
      print: badRowFingerprint('a-1', json),
    })
    const letters = (json: string, rules: number) =>
      sift(seen, [], [bad(json)], context({ rules })).news.filter(news => news.deadLetter !== undefined).length

    expect([letters('{"from":"919800000001"}', 0), letters('{"from":"91********01"}', 1)]).toEqual([1, 0])
    expect([letters('{"from":"91********01"}', 1), letters('{"from":"91********02"}', 1)]).toEqual([0, 1])
  })

  test('a bad row that new rules can read becomes CREATED', () => {
    const seen = new Seen(10)
    const { call, print } = sighting({ call_id: 'a-1' })
    const bad = { reason: 'naive_time' as const, detail: 'no zone', path: 'start_time', json: '{"id":"a-1"}', callId: 'a-1' }
    sift(seen, [], [{ bad, print: badRowFingerprint('a-1', bad.json) }], context())

    const readable = sift(seen, [{ call, print }], [], context({ rules: 1 }))

    expect(eventOf(readable)).toMatchObject({ call_id: 'a-1', change_type: 'CREATED', revision: 1 })
  })

  test('an entry that is still being seen after a week is written again, so that it cannot expire', () => {
    const seen = new Seen(10)
    siftOne(seen, {})

    const week = siftOne(seen, {}, { observedAtMs: now + 7 * DAY_MS })
    const later = siftOne(seen, {}, { observedAtMs: now + 15 * DAY_MS })

    expect(week).toMatchObject({ repeats: 1 })
    expect(week.news).toHaveLength(1)
    expect(later.news.map(news => news.event?.change_type)).toEqual([undefined])
  })

  test('an unanswered call without an end becomes final after six hours', () => {
    const unanswered = { end_time: null, status: 'NOANSWER', disposition: 'NO_ANSWER' }

    expect(eventOf(siftOne(new Seen(10), unanswered))?.is_final).toBe(false)
    expect(eventOf(siftOne(new Seen(10), unanswered, { observedAtMs: now + 7 * HOUR_MS }))?.is_final).toBe(true)
    expect(eventOf(siftOne(new Seen(10), {}))?.is_final).toBe(true)
  })

  test('event_time is the start, else the end, else the first sighting', () => {
    const eventTime = (overrides: Partial<CallLog>) => eventOf(siftOne(new Seen(10), overrides))?.event_time

    expect(eventTime({ start_time: 5_000, end_time: 9_000 })).toBe(5_000)
    expect(eventTime({ start_time: null, end_time: 9_000 })).toBe(9_000)
    expect(eventTime({ start_time: null, end_time: null })).toBe(now)
  })
})

describe('fingerprints', () => {
  const text = fc.option(fc.string({ unit: 'binary', maxLength: 8 }), { nil: null })
  const field = fc.record({
    status: text,
    from_number: text,
    to_number: text,
    bridge_number: text,
    cost: fc.option(fc.bigInt({ min: -1_000n, max: 1_000n }), { nil: null }),
    end_time: fc.option(fc.integer(), { nil: null }),
    extra: fc.dictionary(fc.string({ maxLength: 3 }), fc.string({ maxLength: 3 }), { maxKeys: 3 }),
  })
  const none: ReadonlySet<string> = new Set()
  const content = (overrides: Partial<CallLog>) => [...fingerprint(callLog(overrides), none).subarray(4, 6)]

  test('two calls have the same content hash exactly when their content is equal', () => {
    fc.assert(
      fc.property(field, field, (one, other) => {
        const canonical = (value: Partial<CallLog>) =>
          JSON.stringify([
            value.status,
            value.from_number,
            value.to_number,
            value.bridge_number,
            String(value.cost),
            value.end_time,
            Object.entries(value.extra ?? {}).sort(),
          ])

        expect(String(content(one)) === String(content(other))).toBe(canonical(one) === canonical(other))
        expect(content({ ...one, extra: Object.fromEntries(Object.entries(one.extra).reverse()) })).toEqual(content(one))
      }),
    )
  })

  test('another spelling of the same start is no change; of an unreadable start it is', () => {
    expect(content({ start_time: 5_000, start_time_raw: '1970-01-01T00:00:05Z' })).toEqual(
      content({ start_time: 5_000, start_time_raw: '5' }),
    )
    expect(content({ start_time: null, start_time_raw: 'five' })).not.toEqual(
      content({ start_time: null, start_time_raw: 'six' }),
    )
  })

  test('an ignored field decides nothing', () => {
    const ignored = new Set(['cost', 'extra', 'disposition'])

    expect(fingerprint(callLog({ cost: 1n, extra: { a: 'b' }, disposition: 'BUSY' }), ignored)).toEqual(
      fingerprint(callLog({ cost: 2n }), ignored),
    )
    expect(fingerprint(callLog({ cost: 1n, status: 'BUSY' }), ignored)).not.toEqual(fingerprint(callLog({ cost: 1n }), ignored))
  })

  test('every field but the id belongs to exactly one digest group', () => {
    const fields = DIGEST_GROUPS.flat()

    expect([...fields].sort()).toEqual(
      Object.keys(callLog())
        .filter(name => name !== 'call_id')
        .sort(),
    )
    expect(DIGEST_GROUPS.length).toBeLessThanOrEqual(11)
  })

  test('a change in any one field changes the content, and its group is named in all but a few of 255 cases', () => {
    let unnamed = 0
    for (let round = 0; round < 500; round += 1) {
      const seen = new Seen(10)
      siftOne(seen, { duration_seconds: round })
      const event = eventOf(siftOne(seen, { duration_seconds: round + 1 }))
      expect(event?.change_type).toBe('UPDATED')
      if (!event?.changed_fields.includes('duration_seconds')) unnamed += 1
    }

    expect(unnamed).toBeLessThan(12)
  })
})
