import { describe, expect, test } from 'vitest'
import { ConnectorError } from '../../src/errors.ts'
import { type Step, WindowReader } from '../../src/flow/read.ts'
import type { CallLog } from '../../src/model/call-log.ts'
import { HOUR_MS, MINUTE_MS, SECOND_MS, subtract, type Window } from '../../src/model/window.ts'
import type { Happening } from '../../src/ports.ts'
import { callLog, callsFrom } from '../support/calls.ts'
import { type Script, ScriptedSource } from '../support/scripted-source.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const from = Date.parse('2026-03-10T10:00:00Z')
const window: Window = { fromMs: from, untilMs: from + 10 * MINUTE_MS }
const calls = callsFrom(from, 500)
const never = new AbortController().signal
const toRead = (asked: Window) => ({ window: asked, settled: [] })

async function read(
  script: Partial<Script>,
  options: { maxRowsPerRead?: number; window?: Window; signal?: AbortSignal; shown?: number } = {},
) {
  const source = new ScriptedSource({ calls: () => calls, pageSize: 100, ...script })
  const notes: Happening[] = []
  const reader = new WindowReader(
    {
      source,
      clock: new VirtualClock({ startMs: from + HOUR_MS }),
      note: happening => notes.push(happening),
      isChange: () => false,
      isNew: () => false,
      shown: () => options.shown ?? 0,
    },
    { maxRowsPerRead: options.maxRowsPerRead ?? 5_000, ignored: new Set() },
  )
  const steps: Step[] = []
  for await (const step of reader.read(toRead(options.window ?? window), options.signal ?? never)) steps.push(step)
  const proved = steps.flatMap(step => (step.kind === 'proved' ? [step.proved] : []))
  const gaps = steps.flatMap(step => (step.kind === 'gap' ? [step.window] : []))
  const ids = new Set(steps.flatMap(step => (step.kind === 'rows' ? step.calls.map(({ call }) => call.call_id) : [])))
  const failed = steps.flatMap(step => (step.kind === 'failed' ? [step.error] : []))
  return { source, notes, steps, proved, gaps, ids, failed }
}

describe('a read is proved', () => {
  test('when rows, total and a second look at page 1 agree', async () => {
    const { proved, ids, source } = await read({})

    expect(proved).toMatchObject([window])
    expect(ids.size).toBe(500)
    expect(source.requests()).toBe(7)
  })

  test('on a single page with one request', async () => {
    const { proved, source } = await read({ pageSize: 1_000 })

    expect(proved).toMatchObject([window])
    expect(source.requests()).toBe(1)
  })

  test('without a usable total, by reading the same set twice', async () => {
    const { proved, source, notes } = await read({ total: () => null })

    expect(proved).toMatchObject([window])
    expect(source.reads).toHaveLength(2)
    expect(notes).toContainEqual({ kind: 'window.reread', window, reason: 'no_total' })
  })

  test('and counts a call once that slides to the next page, and one that page 1 only shows when asked again', async () => {
    const newestFirst = (request: number) => callsFrom(from, 250 + (request >= 2 ? 1 : 0) + (request >= 4 ? 1 : 0)).toReversed()
    const { proved, ids } = await read({ calls: newestFirst })

    expect(ids.size).toBe(252)
    expect(proved.map(({ startsMs }) => startsMs?.length)).toEqual([252])
  })

  test('when it only grew while being read', async () => {
    const { proved, ids, source } = await read({ calls: request => calls.slice(0, 400 + request) })

    expect(proved).toMatchObject([window])
    expect(ids.size).toBeGreaterThanOrEqual(401)
    expect(source.reads).toHaveLength(1)
  })
})

describe('a read in doubt', () => {
  test('is read again when a row left while pages were read, and the rows that slid past are found', async () => {
    const { proved, ids, notes } = await read({ calls: request => (request === 1 ? calls : calls.slice(1)) })

    expect(ids.size).toBe(500)
    expect(proved).toMatchObject([window])
    expect(notes.some(note => note.kind === 'window.reread')).toBe(true)
  })

  test('is cut in two after three tries, and every half is proved for itself', async () => {
    const moving = (request: number): readonly CallLog[] => calls.map(call => ({ ...call, status: `${request}` }))
    const { proved, gaps, notes } = await read({ calls: moving })

    expect(gaps).toEqual([])
    expect(subtract([window], proved)).toEqual([])
    expect(proved.length).toBeGreaterThan(1)
    expect(notes.some(note => note.kind === 'window.bisected' && note.reason === 'unproved')).toBe(true)
  })

  test('ends as a gap at one second, never as coverage', async () => {
    const second = { fromMs: from, untilMs: from + SECOND_MS }
    const moving = await read(
      { calls: request => [callLog({ start_time: from, status: `${request}` })], total: () => 5 },
      { window: second },
    )

    expect(moving.proved).toEqual([])
    expect(moving.gaps).toEqual([second])
    expect(moving.source.reads).toHaveLength(3)
  })

  test('covers or gaps every second of the window, whatever the total claims', async () => {
    const short = { fromMs: from, untilMs: from + 8 * SECOND_MS }
    for (const total of [(matches: number) => matches + 1, (matches: number) => Math.max(0, matches - 1), () => 0]) {
      const { proved, gaps, ids } = await read({ total, pageSize: 3 }, { window: short })

      expect(subtract([short], [...proved, ...gaps])).toEqual([])
      expect(
        proved.every(range =>
          calls
            .filter(call => range.fromMs <= (call.start_time ?? 0) && (call.start_time ?? 0) < range.untilMs)
            .every(call => ids.has(call.call_id)),
        ),
      ).toBe(true)
    }
  })
})

describe('a window is cut', () => {
  test('when it holds more rows than one read may, into parts planned by the total', async () => {
    const { proved, ids, notes } = await read({}, { maxRowsPerRead: 100 })

    expect(subtract([window], proved)).toEqual([])
    expect(ids.size).toBe(500)
    expect(notes).toContainEqual({ kind: 'window.bisected', window, parts: 8, reason: 'too_many_rows' })
  })

  test('when neither page nor offset is heard, until one page holds a part', async () => {
    const { proved, gaps, ids } = await read({ paged: false, pageSize: 20 })

    expect(gaps).toEqual([])
    expect(subtract([window], proved)).toEqual([])
    expect(ids.size).toBe(500)
  })

  test('but not second by second because an empty page claims a billion rows', async () => {
    const few = [
      callLog({ call_id: 'one', start_time: from + MINUTE_MS }),
      callLog({ call_id: 'two', start_time: from + 5 * MINUTE_MS }),
    ]
    const { source, proved, gaps, ids } = await read({ calls: () => few, total: () => 1_000_000_000 })

    expect(gaps).toEqual([])
    expect(subtract([window], proved)).toEqual([])
    expect(ids).toEqual(new Set(['one', 'two']))
    expect(source.requests()).toBeLessThan(200)
  })

  test('but one second with more rows than the bound is paged to its end', async () => {
    const second = { fromMs: from, untilMs: from + SECOND_MS }
    const crowd = Array.from({ length: 350 }, (_, index) => callLog({ call_id: `crowd-${index}`, start_time: from }))
    const { proved, ids } = await read({ calls: () => crowd }, { window: second, maxRowsPerRead: 100 })

    expect(proved).toMatchObject([second])
    expect(ids.size).toBe(350)
  })
})

describe('an answer that cannot be believed', () => {
  test('fails the account when a page is shifted by a constant, and covers nothing', async () => {
    const shifted = calls.map(call => ({
      ...call,
      start_time: (call.start_time ?? 0) + 5.5 * HOUR_MS,
      end_time: (call.end_time ?? 0) + 5.5 * HOUR_MS,
    }))
    const source = new ScriptedSource({ calls: () => calls, pageSize: 1_000 })
    const original = source.read.bind(source)
    source.read = async function* (asked, signal) {
      for await (const page of original(asked, signal)) yield { ...page, rows: shifted.map(call => ({ call })) }
    }
    const reader = new WindowReader(
      { source, clock: new VirtualClock({ startMs: from }), note: () => undefined, isChange: () => false, isNew: () => false },
      { maxRowsPerRead: 5_000, ignored: new Set() },
    )
    const steps: Step[] = []
    for await (const step of reader.read(toRead(window), never)) steps.push(step)

    expect(steps).toHaveLength(1)
    expect(steps[0]).toMatchObject({ kind: 'failed', error: { code: 'API_TIME_ZONE' } })
    expect(String(steps[0]?.kind === 'failed' ? steps[0].error : '')).toContain('+5:30')
  })

  test('fails the account when two windows without common time get the same rows', async () => {
    const source = new ScriptedSource({ calls: () => calls, pageSize: 1_000 })
    const rows = calls.slice(0, 5).map(call => ({ call: { ...call, start_time: null, end_time: null } }))
    source.read = async function* () {
      yield { number: 1, rows, total: 5, recheck: false, unpaged: false }
    }
    const reader = new WindowReader(
      { source, clock: new VirtualClock({ startMs: from }), note: () => undefined, isChange: () => false, isNew: () => false },
      { maxRowsPerRead: 5_000, ignored: new Set() },
    )
    const steps: Step[] = []
    for await (const step of reader.read(toRead(window), never)) steps.push(step)
    for await (const step of reader.read(toRead({ fromMs: from + HOUR_MS, untilMs: from + 2 * HOUR_MS }), never)) steps.push(step)

    expect(steps.at(-1)).toMatchObject({ kind: 'failed', error: { code: 'API_FILTER_IGNORED' } })
  })

  test('fails the account when nothing is left where calls were shown before, unless they were so few that they may have gone', async () => {
    const [lost, few] = [await read({ calls: () => [] }, { shown: 3 }), await read({ calls: () => [] }, { shown: 2 })]

    expect(lost.failed).toMatchObject([
      { code: 'API_FILTER_IGNORED', message: expect.stringContaining('no calls where it showed 3') },
    ])
    expect([lost.proved, lost.gaps]).toEqual([[], []])
    expect(few.proved).toMatchObject([window])
  })

  test('single rows outside the window are published and counted', async () => {
    const stray = callLog({ call_id: 'stray', start_time: from - 30 * HOUR_MS, end_time: from - 30 * HOUR_MS })
    const source = new ScriptedSource({ calls: () => [], pageSize: 100 })
    source.read = async function* () {
      yield { number: 1, rows: [{ call: stray }], total: 1, recheck: false, unpaged: false }
    }
    const notes: Happening[] = []
    const reader = new WindowReader(
      {
        source,
        clock: new VirtualClock({ startMs: from }),
        note: happening => notes.push(happening),
        isChange: () => false,
        isNew: () => false,
      },
      { maxRowsPerRead: 5_000, ignored: new Set() },
    )
    const kinds: string[] = []
    for await (const step of reader.read(toRead(window), never)) kinds.push(step.kind)

    expect(kinds).toEqual(['rows', 'proved'])
    expect(notes).toContainEqual({ kind: 'row.outside', count: 1 })
  })
})

describe('a read that breaks', () => {
  test('hands over what came before, then the error, and proves nothing', async () => {
    const { ids, proved, failed } = await read({
      fail: request => (request === 3 ? new ConnectorError('API_UNAUTHORIZED', 'rejected') : null),
    })

    expect(ids.size).toBe(200)
    expect(proved).toEqual([])
    expect(failed).toMatchObject([{ code: 'API_UNAUTHORIZED' }])
  })

  test('just ends when it is told to stop', async () => {
    const stop = new AbortController()
    const { steps } = await read(
      {
        calls: request => {
          if (request === 3) stop.abort()
          return calls
        },
      },
      { signal: stop.signal },
    )

    expect(steps.map(step => step.kind)).toEqual(['rows', 'rows', 'rows'])
  })
})

test('the same call twice on one page counts once, the row with the later end', async () => {
  const early = callLog({ call_id: 'twice', start_time: from, end_time: null, status: 'NOANSWER' })
  const late = callLog({ call_id: 'twice', start_time: from, end_time: from + 1_000, status: 'ANSWER' })
  const { steps } = await read({ calls: () => [late, early] })

  expect(steps[0]?.kind === 'rows' ? steps[0].calls.map(({ call }) => call.status) : []).toEqual(['ANSWER'])
})

test('of two rows of a call that end alike always the same one counts, in whatever order they come', async () => {
  const one = callLog({ call_id: 'twice', start_time: from, cost: 1n })
  const other = callLog({ call_id: 'twice', start_time: from, cost: 2n })
  const costOf = async (rows: readonly CallLog[]) => {
    const { steps } = await read({ calls: () => rows })
    return steps[0]?.kind === 'rows' ? steps[0].calls.map(({ call }) => call.cost) : []
  }

  expect(await costOf([one, other])).toEqual(await costOf([other, one]))
})
