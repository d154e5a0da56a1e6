/** What `check` asks of each account: address, budget and filters from the settings; key, dialect, clock and time zone from its API. */
import { ConnectorError } from '../errors.ts'
import { LARGEST_SKEW_MS } from '../kaleyra/envelope.ts'
import { fingerprint } from '../model/fingerprint.ts'
import { constantShift, shiftText } from '../model/plausible.ts'
import { regionWarning } from '../model/regions.ts'
import { edgeOf } from '../model/schedule.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../model/window.ts'
import type { Page, Source } from '../ports.ts'
import type { AccountSettings, Settings } from '../settings.ts'
import { clock } from '../wiring.ts'
import { type Check, failed, type Outcome, ok, warning } from './checklist.ts'
import { dialectWords } from './dialect-words.ts'

/** A probe asks up to 7 times in each of three styles; the rest is for answers that are slow or have to be asked for again. */
const PROBE_REQUESTS = 25
const PATIENCE_MS = 120_000
/** More than the edge of what is read lies behind now, a difference costs freshness; more than the largest stops the reading. */
const NOTABLE_SKEW_MS = 5_000
/** Newest first: a shift shows best in a short window. */
const SPANS = [
  { spanMs: 30 * MINUTE_MS, words: '30 minutes' },
  { spanMs: 6 * HOUR_MS, words: '6 hours' },
  { spanMs: DAY_MS, words: '24 hours' },
]
/** With fewer calls than this nothing can be said of a time zone. */
const FEWEST_CALLS = 3

/** What the settings alone tell: nothing is sent. */
export function settingChecks({ accounts, api }: Settings): Check[] {
  const regions = accounts.map((account): Check => {
    const suspicion = regionWarning(account)
    const outcome = suspicion === null ? ok(account.origin) : warning(suspicion.found, suspicion.remedy)
    return { name: `region ${account.id}`, run: async () => outcome }
  })
  return [...regions, ...sharedBudgets(accounts, api), ...filterCheck(api)]
}

/** What one account's API tells. */
export function apiChecks({ api }: Settings, account: AccountSettings, source: Source): Check[] {
  const name = `API ${account.id}`
  const deadlineMs = PATIENCE_MS + (PROBE_REQUESTS * 1_000) / api.requestsPerSecond
  const probe = async (signal: AbortSignal) => {
    await within(deadlineMs, signal, either => source.probe(either))
    const dialect = source.dialect()
    return ok(dialect === null ? 'answers' : dialectWords(dialect))
  }
  const zone = (signal: AbortSignal) => within(deadlineMs, signal, either => timeZone(account, source, either))
  return [
    { name, run: probe },
    { name: `clock ${account.id}`, after: [name], run: async () => clockDifference(source.skewMs()) },
    { name: `time zone ${account.id}`, needs: [name], run: zone },
  ]
}

function sharedBudgets(accounts: Settings['accounts'], { requestsPerSecond }: Settings['api']): Check[] {
  const sharing = [...Map.groupBy(accounts, ({ apiKey }) => apiKey).values()].filter(({ length }) => length > 1)
  return sharing.map(group => {
    const ids = group.map(({ id }) => id)
    const found = `${ids.join(', ')} have the same key and share ${requestsPerSecond} requests a second`
    const outcome = warning(found, 'plan their calls together: plan --calls-per-day with the sum')
    return { name: `budget ${ids[0]}`, run: async () => outcome }
  })
}

function filterCheck({ filters }: Settings['api']): Check[] {
  const names = (['status', 'bridge'] as const).filter(name => filters[name].length > 0)
  if (names.length === 0) return []
  const what = names.map(name => `api.filters.${name}`).join(' and ')
  const leaves = names.includes('status') ? '; a call whose status changes leaves the filter, and the change is never seen' : ''
  const outcome = warning(`${what} hide all other calls${leaves}`, `leave ${what} out, unless this is meant`)
  return [{ name: 'filters', run: async () => outcome }]
}

function clockDifference(skewMs: number | null): Outcome {
  if (skewMs === null) return { state: 'not_checked', found: 'not checked: the API told no time' }
  const seconds = Math.round(Math.abs(skewMs) / 1_000)
  const found = seconds <= 1 ? 'the API and this machine agree' : `the API is ${seconds} s ${skewMs > 0 ? 'ahead' : 'behind'}`
  if (Math.abs(skewMs) <= NOTABLE_SKEW_MS) return ok(found)
  const remedy = 'set the clock of this machine (NTP)'
  return Math.abs(skewMs) <= LARGEST_SKEW_MS ? warning(found, remedy) : failed(found, remedy)
}

async function timeZone({ timeZone: zone }: AccountSettings, source: Source, signal: AbortSignal): Promise<Outcome> {
  for (const { spanMs, words } of SPANS) {
    const untilMs = edgeOf(clock.now(), source.skewMs())
    const window = { fromMs: untilMs - spanMs, untilMs }
    const { rows } = await source.glance(window, signal)
    if (rows.some(({ bad }) => bad?.reason === 'naive_time'))
      return failed('the API gives times without an offset', 'set accounts[].timeZone, for an Indian account to Asia/Kolkata')
    const calls = callsOf(rows)
    const shiftMs = constantShift(window, calls)
    if (shiftMs !== null)
      return failed(`the times of the calls are shifted by ${shiftText(shiftMs)} hours`, 'set accounts[].timeZone')
    if (calls.length >= FEWEST_CALLS)
      return ok(`calls of the last ${words} lie where they were asked for${zone === undefined ? '' : ` (${zone})`}`)
  }
  return warning(`fewer than ${FEWEST_CALLS} calls in the last 24 hours to judge by`, 'check again when there were calls')
}

function callsOf(rows: Page['rows']) {
  return rows.flatMap(({ call }) => (call === undefined ? [] : [{ call, print: fingerprint(call, new Set()) }]))
}

/** Throws `API_UNAVAILABLE` when the time is up, and whatever `work` throws. */
async function within<T>(ms: number, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  const end = clock.sleep(ms, either).then(() => {
    throw new ConnectorError('API_UNAVAILABLE', `the API gave no verdict within ${Math.round(ms / 1_000)} s`)
  })
  end.catch(() => undefined)
  try {
    return await Promise.race([work(either), end])
  } finally {
    over.abort()
  }
}
