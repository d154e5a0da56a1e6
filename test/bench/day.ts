/**
 * What a day of 50,000 calls costs in requests with the default schedule, in virtual time, beside the arithmetic minimum for that schedule. The
 * calls are the simulator's usual ones: they are shown when they have ended, some of them hours late, and a tenth of them changes.
 * Deterministic. `npm run bench` runs it along; `node test/bench/day.ts` runs it alone.
 */
import { DAY_MS, SECOND_MS } from '../../src/model/window.ts'
import { type Life, liveOneDay, usualPolling } from '../support/account-life.ts'
import { minimumRequests } from '../support/schedule-minimum.ts'
import { World } from '../support/simulator/world.ts'
import type { VirtualClock } from '../support/virtual-clock.ts'
import { worldCalls } from '../support/world-calls.ts'
import { type Section, sectionText, versionText, whole, writeSection } from './results.ts'

export const CALLS_PER_DAY = 50_000
const PAGE_SIZE = 100
const MINUTE_MS = 60 * SECOND_MS
const START_MS = Date.parse('2026-03-10T12:34:56Z')
/** Calls have a second leg, a row of its own, now and then. */
const ROWS_PER_LIVE_CALL = 1.1

export interface Day {
  readonly life: Life
  /** By schedule. */
  readonly minimum: Readonly<Record<string, number>>
  readonly allMinimum: number
}

export async function measureDay(): Promise<Day> {
  let world: World | null = null
  const calls = (clock: VirtualClock) => {
    world = new World({
      seed: 7,
      now: () => clock.now(),
      history: 6 * CALLS_PER_DAY,
      historyMs: 6 * DAY_MS,
      livePerSecond: CALLS_PER_DAY / (DAY_MS / SECOND_MS) / ROWS_PER_LIVE_CALL,
    })
    return worldCalls(world)
  }
  const life = await liveOneDay({
    calls,
    startMs: START_MS,
    pageSize: PAGE_SIZE,
    maxRowsPerRead: 5_000,
    requestsPerSecond: 1,
    settlingMs: 60 * MINUTE_MS,
  })
  if (world === null) throw new Error('no world')
  const minimum = minimumRequests({
    ...usualPolling,
    calls: worldCalls(world),
    pageSize: PAGE_SIZE,
    fromMs: life.day.fromMs,
    untilMs: life.day.fromMs + DAY_MS,
  })
  return { life, minimum, allMinimum: Object.values(minimum).reduce((sum, requests) => sum + requests, 0) }
}

export async function daySection({ life, minimum, allMinimum }: Day): Promise<Section> {
  const { catchUp, day } = life
  const perCall = (requests: number) => (requests / day.created).toFixed(3)
  const bySchedule = usualPolling.schedule.map(
    ({ name }) =>
      [`${name}: requests, and the least possible`, `${whole(day.requests[name] ?? 0)}, ${whole(minimum[name] ?? 0)}`] as const,
  )
  return {
    title: 'Requests of one simulated day',
    about:
      `\`node test/bench/day.ts\`, ${await versionText()}. ${whole(day.created)} new calls and ${whole(day.updated)} changes in 24 hours, default ` +
      `schedule, ${PAGE_SIZE} rows a page, 1 request/s. The minimum is for a reader that knows beforehand which settled slots have gained or lost a call ` +
      '(`test/support/schedule-minimum.ts`).',
    rows: [
      ['requests per unique call', perCall(day.allRequests)],
      ['arithmetic minimum for that schedule', perCall(allMinimum)],
      ['actual / minimum', `${(day.allRequests / allMinimum).toFixed(2)} ×`],
      ['requests, and the least possible', `${whole(day.allRequests)}, ${whole(allMinimum)}`],
      ...bySchedule,
      ['share of the budget', `${((day.allRequests / (DAY_MS / SECOND_MS)) * 100).toFixed(0)} %`],
      ['first start: requests for six days of calls', `${whole(catchUp.allRequests)} for ${whole(catchUp.created)} calls`],
    ],
  }
}

if (import.meta.main) {
  const section = await daySection(await measureDay())
  process.stdout.write(sectionText(section))
  await writeSection(section)
}
