/** What `plan` foretells is what `run` then needs: the real account in virtual time, with calls that come evenly. */
import { describe, expect, test } from 'vitest'
import { type Forecast, forecast } from '../../src/flow/forecast.ts'
import { DAY_MS, HOUR_MS, SECOND_MS } from '../../src/model/window.ts'
import { type Life, liveOneDay, usualPolling } from '../support/account-life.ts'
import { evenCalls } from '../support/even-calls.ts'

const startMs = Date.parse('2026-03-10T12:34:56Z')
const usual = { ...usualPolling, requestsPerSecond: 1, callsPerDay: 50_000, pageSize: 100, maxRowsPerRead: 5_000 }

function foretold(options: Partial<typeof usual> & { readonly account?: string } = {}): Forecast {
  const found = forecast({ ...usual, ...options }, startMs)
  if (found === null) throw new Error('never catches up')
  return found
}

/** Within a tenth of what was needed. */
function expectNear(forecast: number | undefined, needed: number | undefined, what: string): void {
  expect(needed, what).toBeGreaterThan(0)
  expect((forecast ?? 0) / (needed ?? 0), `${what}: ${forecast} foretold, ${needed} needed`).toBeGreaterThan(0.9)
  expect((forecast ?? 0) / (needed ?? 0), `${what}: ${forecast} foretold, ${needed} needed`).toBeLessThan(1.1)
}

function expectForetold(life: Life, plan: Forecast): void {
  const { catchUp, day } = life
  const daySeconds = (day.untilMs - day.fromMs) / SECOND_MS
  expectNear(plan.catchUp.requests, catchUp.allRequests, 'requests of the first start')
  expectNear(plan.catchUp.durationMs, catchUp.untilMs - catchUp.fromMs, 'milliseconds of the first start')
  expectNear(plan.requestsPerDay, day.allRequests, 'requests a day')
  expectNear(plan.share, day.allRequests / daySeconds, 'share of the budget')
}

function expectForetoldBySchedule({ day }: Life, plan: Forecast): void {
  for (const { name } of usual.schedule) expectNear(plan.day.get(name)?.requests, day.requests[name], `${name} requests a day`)
}

describe('the forecast', () => {
  // In tenths: a tenth of the calls on pages of a tenth of the rows need the same requests at the same moments, and a tenth of the computing.
  test.each([
    { callsPerDay: 50_000, settlingMs: HOUR_MS },
    { callsPerDay: 500_000, settlingMs: 6 * HOUR_MS },
  ])(
    'of $callsPerDay calls a day, 100 rows a page and 1 request/s is what the account then needs',
    async ({ callsPerDay, settlingMs }) => {
      const tenth = { callsPerDay: callsPerDay / 10, pageSize: 10, maxRowsPerRead: 500 }
      const life = await liveOneDay({ ...usual, ...tenth, startMs, settlingMs, calls: () => evenCalls(tenth.callsPerDay) })

      expectForetold(life, foretold({ callsPerDay }))
      expectForetoldBySchedule(life, foretold({ callsPerDay, account: 'main' }))
    },
    300_000,
  )

  test('is nothing when the budget never catches up', () => {
    expect(forecast({ ...usual, requestsPerSecond: 0.01, callsPerDay: 500_000 }, startMs)).toBeNull()
  })

  test('of no calls at all is one request for each run', () => {
    const { day, catchUp } = foretold({ callsPerDay: 0 })

    expect(catchUp.requests).toBeLessThan(12)
    expect(day.get('warm')?.requests).toBe(day.get('warm')?.windows)
    expect(day.get('hot')?.requests).toBeLessThanOrEqual(2 * 1_441)
  })

  test('says that a schedule which costs more than half its interval runs less often', () => {
    const { stretched, share } = foretold({ callsPerDay: 700_000 })

    expect(stretched.get('hot')).toBeGreaterThanOrEqual(1.5)
    expect(share).toBeLessThanOrEqual(1)
  })

  test('of half the rate takes twice as long to catch up', () => {
    const slow = foretold({ requestsPerSecond: 0.5 }).catchUp
    const quick = foretold().catchUp

    expect(slow.durationMs / quick.durationMs).toBeGreaterThan(1.9)
    expect(slow.durationMs / quick.durationMs).toBeLessThan(2.2)
    expect(quick.durationMs).toBeLessThan(DAY_MS)
  })
})
