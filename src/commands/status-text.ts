/** One account's status for people: a bar of the last six days first, because what is missing is seen there before it is read. */
import type { Colour, Terminal } from '../host/terminal.ts'
import { durationText } from '../model/units.ts'
import type { AccountReport, Quantiles } from './status-report.ts'
import { counted, printable } from './table.ts'

type Look = Pick<Terminal, 'paint'>
type HourState = NonNullable<AccountReport['hours']>[number]['state']

/** Worst first. */
const MARKS: Readonly<Record<HourState, { readonly mark: string; readonly colour: Colour }>> = {
  lost: { mark: 'x', colour: 'red' },
  gap: { mark: '?', colour: 'red' },
  unread: { mark: '.', colour: 'yellow' },
  settling: { mark: '+', colour: 'green' },
  covered: { mark: '#', colour: 'green' },
}
const HOURS_A_MARK = 2
const MOST_NAMED = 3

/** Whether an account is as its operator wants it. */
export function isFine({ state, gapSeconds }: AccountReport): boolean {
  return ['running', 'paused', 'standby'].includes(state) && gapSeconds.lost === 0
}

/** Several lines, each with its line end. */
export function accountText(report: AccountReport, look: Look): string {
  const lines = [headline(report, look), ...errorLines(report), ...bar(report, look)]
  if (report.state !== 'standby') lines.push(...facts(report).map(([name, text]) => `  ${name.padEnd(9)}  ${text}`))
  return `${lines.map(line => `${line}\n`).join('')}`
}

function headline({ account, state, since, incarnation }: AccountReport, look: Look): string {
  const colour: Colour = state === 'running' || state === 'standby' ? 'green' : state === 'failed' ? 'red' : 'yellow'
  const life = incarnation === null ? '' : `, life ${incarnation}`
  return `${look.paint('bold', account)}  ${look.paint(colour, state)} since ${instant(since)}${life}`
}

function errorLines({ error, errorCode, remedy }: AccountReport): string[] {
  if (error === null) return []
  return [`  ${errorCode ?? 'error'}: ${printable(error)}`, ...(remedy === null ? [] : [`  → ${printable(remedy)}`])]
}

function bar({ hours }: AccountReport, look: Look): string[] {
  if (hours === null || hours.length === 0) return []
  const marks: string[] = []
  // From the newest backwards, so that the right end is always now.
  for (let end = hours.length; end > 0; end -= HOURS_A_MARK) {
    const states = hours.slice(Math.max(0, end - HOURS_A_MARK), end).map(({ state }) => state)
    const worst = Object.entries(MARKS).find(([state]) => states.some(each => each === state))?.[1] ?? MARKS.unread
    marks.unshift(look.paint(worst.colour, worst.mark))
  }
  return [`  [${marks.join('')}]  ${HOURS_A_MARK} h each: # covered + settling . unread ? gap x lost`]
}

function facts(report: AccountReport): [string, string][] {
  const { settledThrough, coveredThrough, oldestUnread, gapSeconds, lateness, recommendedSchedule, backfills } = report
  const unread = oldestUnread === null ? 'nothing unread' : `unread from ${instant(oldestUnread)}`
  return [
    ['read', `covered through ${instant(coveredThrough)}, settled through ${instant(settledThrough)}, ${unread}`],
    ['gaps', gapSeconds.open + gapSeconds.lost === 0 ? 'none' : gapText(report)],
    ...(lateness === null ? [] : latenessFacts(lateness)),
    ...(recommendedSchedule ?? []).map((entry): [string, string] => ['schedule', scheduleText(entry, report.stretched)]),
    ['budget', budgetText(report)],
    ...(backfills ?? []).map(({ from, until, doneShare }): [string, string] => [
      'backfill',
      `[${instant(from)}, ${instant(until)}) ${Math.floor(doneShare * 100)} % read`,
    ]),
  ]
}

function gapText({ gapSeconds, ranges }: AccountReport): string {
  const part = (name: 'gap' | 'lost', word: string, length: number) => {
    const all = ranges?.[name] ?? []
    const named = all.slice(-MOST_NAMED).map(({ from, until }) => `[${instant(from)}, ${instant(until)})`)
    const more = all.length > named.length ? ` and ${all.length - named.length} more` : ''
    return length === 0 ? [] : [`${durationText(length * 1_000)} ${word}: ${named.join(', ')}${more}`]
  }
  return [...part('gap', 'open', gapSeconds.open), ...part('lost', 'lost', gapSeconds.lost)].join('; ')
}

function latenessFacts({ seen, late, changed }: NonNullable<AccountReport['lateness']>): [string, string][] {
  const all: [string, string, Quantiles][] = [
    ['seen', 'call', seen],
    ['late', 'late call', late],
    ['changed', 'change', changed],
  ]
  return all.map(([name, what, quantiles]) => [name, quantileText(quantiles, what)])
}

function quantileText({ count, p50Seconds, p90Seconds, p99Seconds, p999Seconds }: Quantiles, what: string): string {
  if (count === 0) return `no ${what} in the last days`
  const at = (share: string, value: number | null) => `${share} within ${value === null ? 'more than 7d' : span(value)}`
  const shares = [at('50 %', p50Seconds), at('90 %', p90Seconds), at('99 %', p99Seconds), at('99.9 %', p999Seconds)]
  return `${shares.join(', ')} of their end (${counted(count, what)})`
}

type Entry = NonNullable<AccountReport['recommendedSchedule']>[number]

function scheduleText(
  { name, everySeconds, spanSeconds, found, neededSpanSeconds, reachesEnd }: Entry,
  stretched: AccountReport['stretched'],
): string {
  const factor = stretched[name]
  const head = `${name} every ${span(everySeconds)} over ${span(spanSeconds)}${factor === undefined ? '' : `, stretched ${factor.toFixed(1)} times`}`
  if (neededSpanSeconds === null) return `${head}: found nothing late`
  const what = `found ${found} late or changed, 99.9 % of them within ${span(neededSpanSeconds)}`
  return `${head}: ${what}${reachesEnd ? ', up to the end of its span: a longer one may find more' : ''}`
}

function budgetText({ budgetRatio, requests, throttledSeconds, notBefore }: AccountReport): string {
  const share = budgetRatio === null ? '' : `${Math.round(budgetRatio * 100)} % in use, `
  const wait = notBefore === null ? '' : `, the API asked to stay away until ${instant(notBefore)}`
  return `${share}${counted(requests, 'request')}, throttled for ${Math.round(throttledSeconds)} s${wait}`
}

/** 5,400 seconds read better as 1.5h. */
function span(seconds: number): string {
  if (seconds >= 5_400 && seconds < 86_400) return `${seconds / 3_600}h`
  return seconds >= 86_400 ? `${seconds / 86_400}d` : durationText(seconds * 1_000)
}

/** Without milliseconds; a dash for none. */
function instant(text: string | null): string {
  return text === null ? '-' : printable(text).replace(/\.\d+Z$/, 'Z')
}
