/** Settled ranges are counted for one request, and read only where the count is not what the books say. */
import { describe, expect, test } from 'vitest'
import { memoryOf } from '../../src/flow/one-version.ts'
import { type Step, WindowReader } from '../../src/flow/read.ts'
import { Seen } from '../../src/ledger/seen.ts'
import type { CallLog } from '../../src/model/call-log.ts'
import { book, type Slot, startCoverage } from '../../src/model/coverage.ts'
import { fingerprint } from '../../src/model/fingerprint.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, type Window } from '../../src/model/window.ts'
import { callLog, callsFrom } from '../support/calls.ts'
import { type Script, ScriptedSource } from '../support/scripted-source.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const from = Date.parse('2026-03-10T10:00:00Z')
const window: Window = { fromMs: from, untilMs: from + 16 * MINUTE_MS }
const calls = callsFrom(from, 960)
const never = new AbortController().signal

/** The books after a complete read of `known`. */
function slotsOf(known: readonly CallLog[]): readonly Slot[] {
  const nowMs = from + HOUR_MS
  const startsMs = known.map(call => call.start_time ?? 0)
  return book(startCoverage(nowMs, DAY_MS), [{ ...window, readAtMs: nowMs, startsMs }], nowMs).slots
}

function accountOf(script: Partial<Script>) {
  const source = new ScriptedSource({ calls: () => calls, pageSize: 100, ...script })
  const clock = new VirtualClock({ startMs: from + 2 * HOUR_MS })
  const seen = new Seen(10_000)
  for (const call of calls) seen.add(fingerprint(call, new Set()), from, 0)
  const reader = new WindowReader(
    { source, clock, note: () => undefined, ...memoryOf(seen, clock) },
    { maxRowsPerRead: 5_000, ignored: new Set() },
  )
  const compare = async (settled: readonly Slot[]) => {
    const before = source.requests()
    const steps: Step[] = []
    for await (const step of reader.read({ window, settled }, never)) steps.push(step)
    const ids = steps.flatMap(step => (step.kind === 'rows' ? step.calls.map(({ call }) => call.call_id) : []))
    return { kinds: new Set(steps.map(({ kind }) => kind)), steps, ids, requests: source.requests() - before }
  }
  return { source, seen, compare }
}

describe('a settled range', () => {
  test('with as many calls as the books say costs one request, and is unchanged', async () => {
    const { steps, requests } = await accountOf({}).compare(slotsOf(calls))

    expect(requests).toBe(1)
    expect(steps).toContainEqual({ kind: 'unchanged', window, checkedMs: from + 2 * HOUR_MS })
  })

  test('hands over the rows of that one page, so that a change among them is news', async () => {
    const { ids } = await accountOf({}).compare(slotsOf(calls))

    expect(ids).toHaveLength(100)
  })

  test('with a call that arrived late is read, and the call is found', async () => {
    const late = callLog({ call_id: 'late', start_time: from + 7 * MINUTE_MS + 500 })
    const { kinds, ids } = await accountOf({ calls: () => [...calls, late] }).compare(slotsOf(calls))

    expect(kinds).toContain('proved')
    expect(kinds).not.toContain('unchanged')
    expect(ids).toContain('late')
  })

  test('once counts have matched, a late call is looked for in halves, not in every page', async () => {
    const late = callLog({ call_id: 'late', start_time: from + 7 * MINUTE_MS + 500 })
    const arrived: CallLog[] = []
    const { compare } = accountOf({ calls: () => [...calls, ...arrived], pageSize: 20 })
    await compare(slotsOf(calls))
    arrived.push(late)
    const { ids, requests, steps } = await compare(slotsOf(calls))

    expect(ids).toContain('late')
    // The range has 49 pages.
    expect(requests).toBeLessThan(20)
    const seconds = steps.flatMap(step =>
      step.kind === 'unchanged' ? [step.window] : step.kind === 'proved' ? [step.proved] : [],
    )
    expect(seconds.reduce((sum, { fromMs, untilMs }) => sum + untilMs - fromMs, 0)).toBe(16 * MINUTE_MS)
  })

  test('is unchanged but for a late call that comes along with its count, and the books are told where it starts', async () => {
    const late = callLog({ call_id: 'late', start_time: from + 30 * SECOND_MS + 500 })
    const arrived: CallLog[] = []
    const { compare } = accountOf({ calls: () => [...arrived, ...calls] })
    await compare(slotsOf(calls))
    arrived.push(late)
    const { ids, requests, steps } = await compare(slotsOf(calls))

    expect(requests).toBe(1)
    expect(ids).toContain('late')
    expect(steps.at(-1)).toMatchObject({ kind: 'unchanged', window: { ...window, arrivedMs: [from + 30 * SECOND_MS + 500] } })
  })

  test('does not take a known call for one that has arrived: what the books miss is read', async () => {
    const late = callLog({ call_id: 'late', start_time: from + 30 * SECOND_MS + 500 })
    const arrived: CallLog[] = []
    const { compare, seen } = accountOf({ calls: () => [...arrived, ...calls] })
    await compare(slotsOf(calls))
    arrived.push(late)
    seen.add(fingerprint(late, new Set()), from, 0)
    const { steps } = await compare(slotsOf(calls))

    const proved = steps.flatMap(step => (step.kind === 'proved' ? [step.proved] : []))
    expect(proved.some(({ fromMs, untilMs }) => fromMs <= from && from + MINUTE_MS <= untilMs)).toBe(true)
  })

  test.each(['oldest', 'newest', 'shuffled'])(
    'finds every one of several late calls when the API gives the %s first',
    async order => {
      const late = [1, 6, 15].map(minute => callLog({ call_id: `late-${minute}`, start_time: from + minute * MINUTE_MS }))
      const arrived: CallLog[] = []
      const rank = ({ call_id }: CallLog) => [...call_id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 1_009, 7)
      const ordered = () => {
        const all = [...calls, ...arrived].sort((a, b) => (a.start_time ?? 0) - (b.start_time ?? 0))
        return order === 'oldest' ? all : order === 'newest' ? all.reverse() : all.sort((a, b) => rank(a) - rank(b))
      }
      const { compare } = accountOf({ calls: ordered })
      await compare(slotsOf(calls))
      arrived.push(...late)
      const { ids, requests, steps } = await compare(slotsOf(calls))

      expect(ids).toEqual(expect.arrayContaining(late.map(({ call_id }) => call_id)))
      expect(requests).toBeLessThanOrEqual(11)
      const told = steps.flatMap(step =>
        step.kind === 'unchanged' ? (step.window.arrivedMs ?? []) : step.kind === 'proved' ? (step.proved.startsMs ?? []) : [],
      )
      for (const { start_time } of late) expect(told).toContain(start_time)
    },
  )

  test('is read when a call has gone', async () => {
    const { kinds } = await accountOf({ calls: () => calls.slice(1) }).compare(slotsOf(calls))

    expect(kinds).toContain('proved')
    expect(kinds).not.toContain('unchanged')
  })

  test('of an API without a usable total is read, and soon counting is tried no more', async () => {
    const { compare, source } = accountOf({ total: () => null })
    for (let round = 0; round < 8; round += 1) {
      const { kinds } = await compare(slotsOf(calls))
      expect(kinds).toContain('proved')
    }

    expect(source.glances.length).toBeLessThan(7)
  })

  test('of an API whose bounds are exclusive is counted once the way to ask has been found out', async () => {
    const { source, compare } = accountOf({})
    const glance = source.glance.bind(source)
    source.glance = (asked, signal) => glance({ fromMs: asked.fromMs + SECOND_MS, untilMs: asked.untilMs - SECOND_MS }, signal)
    const requests = []
    for (let round = 0; round < 4; round += 1) requests.push((await compare(slotsOf(calls))).requests)

    expect(requests.at(0)).toBeGreaterThan(10)
    expect(requests.at(-1)).toBe(1)
  })
})
