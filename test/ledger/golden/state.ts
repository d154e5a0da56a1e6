/** What the golden ledgers say, whichever release wrote them. */
import type { Identity } from '../../../src/ledger/identity.ts'
import type { Backfill } from '../../../src/model/backfill.ts'
import type { Coverage } from '../../../src/model/coverage.ts'
import type { Dialect } from '../../../src/model/dialect.ts'
import type { Lateness } from '../../../src/model/lateness.ts'
import type { AccountState } from '../../../src/model/state.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../src/model/window.ts'
import type { Chunk } from '../../../src/ports.ts'
import { sighting } from '../../support/calls.ts'
import { identity } from '../../support/ledger-on-memory.ts'

export const startMs = Date.parse('2026-03-10T12:00:00Z')
export const TOMBSTONED_AFTER_MS = 11 * DAY_MS
export const identityOfGolden: Identity = { ...identity, filters: 'status ANSWER' }

export const dialect: Dialect = {
  style: 'get-query',
  provedBy: 'bad_start_refused',
  limitIn: 'field',
  largestLimit: 100,
  page: 'index',
  offset: 'ignored',
  total: 'all',
  instants: 'offset',
  probedAtMs: startMs - DAY_MS,
}

export function coverageAt(nowMs: number): Coverage {
  const [fromMs, untilMs] = [nowMs - 2 * HOUR_MS, nowMs - HOUR_MS]
  return {
    anchorMs: nowMs - DAY_MS,
    slots: [{ fromMs, untilMs, firstReadMs: untilMs - 7, newestReadMs: nowMs, count: 12, checkedMs: nowMs }],
    gaps: [
      {
        fromMs: nowMs - DAY_MS,
        untilMs: fromMs,
        openedMs: nowMs - MINUTE_MS,
        attemptedMs: nowMs,
        reason: 'unproved',
        state: 'open',
      },
    ],
  }
}

/** What else a checkpoint keeps. */
export function upkeepAt(nowMs: number) {
  const window = { fromMs: nowMs - DAY_MS, untilMs: nowMs - 23 * HOUR_MS }
  const backfills: readonly Backfill[] = [{ ...window, orderedMs: nowMs, left: [window], unproved: [window], triedMs: nowMs }]
  const counted: [string, number[]][] = [
    ['late', [0, 2]],
    ['reach:cold', [1]],
  ]
  const lateness: Lateness = { sinceMs: nowMs, older: new Map(counted), newer: new Map(counted) }
  return { backfills, lateness, paused: true }
}

export function fillBooks(state: AccountState, nowMs: number): void {
  state.coverage = coverageAt(nowMs)
  Object.assign(state, upkeepAt(nowMs))
}

/** `changed` has a second version, `refused` became a dead letter. */
export function remember(state: AccountState, callIds: readonly string[], atMs: number): Chunk {
  const entries = callIds.map(callId => {
    const { print } = sighting({ call_id: callId })
    const entry = state.seen.add(print, atMs, state.rules)
    if (callId === 'refused') return state.seen.refuse(entry)
    const slot = state.seen.find(print, atMs)?.slot ?? -1
    const changed = sighting({ call_id: callId, status: 'BUSY' }).print
    return callId === 'changed' ? state.seen.rewrite(slot, changed, 2, state.rules, atMs) : entry
  })
  const messages = callIds.map(key => ({ partition: 1, key, value: Buffer.from('event'), timestampMs: atMs }))
  return { rest: [{ topic: 'events', messages }], entries }
}
