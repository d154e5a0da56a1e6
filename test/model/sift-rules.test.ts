/** What becomes of known calls under changed record settings, and of events that no record could hold. */
import { describe, expect, test } from 'vitest'
import { Seen } from '../../src/ledger/seen.ts'
import type { CallLog } from '../../src/model/call-log.ts'
import { fingerprint } from '../../src/model/fingerprint.ts'
import { type SiftContext, type SiftOptions, sift } from '../../src/model/sift.ts'
import { DAY_MS, HOUR_MS } from '../../src/model/window.ts'
import { callLog } from '../support/calls.ts'

const now = Date.parse('2026-03-01T10:10:00Z')
const base: Omit<SiftContext, 'rules' | 'observedAtMs'> = {
  account: 'main',
  window: { fromMs: now - HOUR_MS, untilMs: now },
  readBy: 'hot',
}
interface Under extends Partial<SiftOptions> {
  readonly rules?: number
  readonly ignored?: readonly string[]
  readonly atMs?: number
}

function memory() {
  const seen = new Seen(10)
  const read = (overrides: Partial<CallLog>, under: Under = {}) => {
    const { rules = 0, ignored = [], atMs = now, updates = 'publish', onRulesChange = 'adopt' } = under
    const call = callLog(overrides)
    const sightings = [{ call, print: fingerprint(call, new Set(ignored)) }]
    const found = sift(seen, sightings, [], { ...base, rules, observedAtMs: atMs }, { updates, onRulesChange })
    return { ...found, event: found.news[0]?.event ?? null }
  }
  /** As the packer does with an event that cannot be encoded. */
  const readRefused = (overrides: Partial<CallLog>, under: Under = {}) => {
    const found = read(overrides, under)
    const [news] = found.news
    if (news === undefined) throw new Error('no news')
    return { ...found, entry: seen.refuse(news.entry) }
  }
  return { seen, read, readRefused }
}

describe('onRulesChange: publish', () => {
  const publish = { rules: 1, onRulesChange: 'publish' } as const

  test('a call that the new rules show otherwise is UPDATED and names the fields it shows otherwise', () => {
    const { read } = memory()
    read({ from_number: '919800000001' })

    const { event, rebased } = read({ from_number: '91********01' }, publish)

    expect(event).toMatchObject({
      change_type: 'UPDATED',
      revision: 2,
      changed_fields: ['from_number', 'to_number', 'bridge_number'],
      regressed: false,
    })
    expect(rebased).toBe(0)
    expect(read({ from_number: '91********01' }, publish)).toMatchObject({ event: null, repeats: 1 })
  })

  test('a call that is as it was is re-based silently', () => {
    const { read } = memory()
    read({})

    expect(read({}, publish)).toMatchObject({ event: null, rebased: 1, repeats: 0 })
  })

  test('a field that is no longer given is regressed, one whose changes are only ignored from now on is not', () => {
    const { read } = memory()
    read({ cost: 5n, location: 'Pune' })

    expect(read({ cost: 5n, location: 'Pune' }, { ...publish, ignored: ['cost'] }).event).toMatchObject({ regressed: false })
    expect(read({ cost: 5n, location: null }, { ...publish, rules: 2 }).event).toMatchObject({ regressed: true })
  })

  test('changes that were suppressed before are caught up, in one revision that names them all', () => {
    const { read } = memory()
    read({ status: 'RINGING', cost: 1n })
    read({ status: 'RINGING', cost: 2n }, { updates: 'suppress' })
    read({ status: 'BUSY', cost: 2n }, { updates: 'suppress' })

    const { event } = read({ status: 'BUSY', cost: 2n }, publish)

    expect(event).toMatchObject({ change_type: 'UPDATED', revision: 2, changed_fields: ['status', 'disposition', 'cost'] })
  })
})

describe('updates: suppress', () => {
  const suppress = { updates: 'suppress' } as const

  test('a change is remembered and counted, published never, and raises no revision', () => {
    const { read } = memory()
    read({ cost: 1n }, suppress)

    const first = read({ cost: 2n }, suppress)
    const again = read({ cost: 2n }, suppress)

    expect(first).toMatchObject({ event: null, suppressed: 1, repeats: 0 })
    expect(first.news).toHaveLength(1)
    expect(again).toMatchObject({ event: null, suppressed: 0, repeats: 1, news: [] })
  })

  test('a new call is CREATED all the same', () => {
    expect(memory().read({}, suppress).event).toMatchObject({ change_type: 'CREATED' })
  })

  test('what was held back stays so when changes are published again, and the next change is the next revision', () => {
    const { read } = memory()
    read({ cost: 1n }, suppress)
    read({ cost: 2n }, suppress)

    expect(read({ cost: 2n }, { rules: 1 })).toMatchObject({ event: null, rebased: 1 })
    expect(read({ cost: 3n }, { rules: 1 }).event).toMatchObject({
      change_type: 'UPDATED',
      revision: 2,
      changed_fields: ['cost'],
    })
  })

  test('survives being written again after a week: the digests stay those of what was published', () => {
    const { read } = memory()
    read({ cost: 1n }, suppress)
    read({ cost: 2n }, suppress)
    read({ cost: 2n }, { ...suppress, atMs: now + 8 * DAY_MS })

    const caughtUp = read({ cost: 2n }, { rules: 1, onRulesChange: 'publish', atMs: now + 9 * DAY_MS })

    expect(caughtUp.event).toMatchObject({ revision: 2, changed_fields: ['cost'] })
  })
})

describe('an event that no record could hold', () => {
  test('is a dead letter once, and tried again under new rules whatever onRulesChange says', () => {
    const { read, readRefused } = memory()
    readRefused({})

    expect(read({})).toMatchObject({ event: null, repeats: 1 })
    expect(read({}, { rules: 1 })).toMatchObject({
      event: { change_type: 'CREATED', revision: 1, changed_fields: [] },
      rebased: 0,
    })
    expect(read({}, { rules: 1 })).toMatchObject({ event: null, repeats: 1 })
  })

  test('is CREATED when the call has changed so that it fits', () => {
    const { read, readRefused } = memory()
    readRefused({ cost: 1n })

    expect(read({ cost: 2n }).event).toMatchObject({ change_type: 'CREATED', revision: 1, first_seen_at: now })
  })

  test('as an update is followed by the next revision after the one that was published', () => {
    const { read, readRefused } = memory()
    read({ cost: 1n })
    readRefused({ cost: 2n })

    const { event, news } = read({ cost: 2n }, { rules: 1 })

    expect(event).toMatchObject({ change_type: 'UPDATED', revision: 2, regressed: false })
    expect(event?.changed_fields).toContain('cost')
    expect(news[0]?.isRetry).toBe(true)
  })

  test('that is refused under new rules, too, is tried again under the rules after those', () => {
    const { read, readRefused } = memory()
    readRefused({})
    readRefused({}, { rules: 1 })

    expect(read({}, { rules: 2 }).event).toMatchObject({ change_type: 'CREATED', revision: 1 })
  })

  test('is told from the ledger as what it is', () => {
    const { readRefused } = memory()
    const { entry } = readRefused({})
    const next = new Seen(10)
    next.setToday(now)
    next.import(entry, 0, now, 7)

    expect(next.find(entry, now)).toMatchObject({ refused: true, revision: 0, rules: 7, sameContent: true })
  })
})
