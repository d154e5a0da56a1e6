/** How far behind the calls we are, and who reads them. */
import { TASK_STATES } from '../../../../src/telemetry/label-values.ts'
import type { Row } from '../panels.ts'
import { newest, quantile, series } from '../series.ts'

const MINUTE_S = 60
const HOUR_S = 3600
const HORIZON_S = 7 * 86_400

const COLOURS: Readonly<Record<string, string>> = {
  running: 'green',
  standby: 'blue',
  paused: 'yellow',
  failed: 'red',
  recalling: 'purple',
}
const NUMBERED = TASK_STATES.map((state, index) => ({ state, number: index + 1 }))

export const freshness: Row = {
  title: 'Freshness: how far behind the calls',
  panels: [
    {
      kind: 'state-timeline',
      title: 'State of each account on each instance',
      description:
        'Normal: one instance runs an account, any others stand by. Where running moves from one line to another, the account was taken over; recalling is short, and failed waits for the remedy that /status names.',
      unit: 'none',
      width: 24,
      queries: [
        {
          expr: NUMBERED.map(
            ({ state, number }) => `${number} * max by (account, instance) (${series('task_state', state)})`,
          ).join(' + '),
          legend: '{{account}} on {{instance}}',
        },
      ],
      texts: {
        0: ['starting', 'text'],
        ...Object.fromEntries(NUMBERED.map(({ state, number }) => [number, [state, COLOURS[state] ?? 'text'] as const])),
      },
    },
    {
      kind: 'stat',
      title: 'Settled up to',
      description:
        'Age of the instant before which everything was read again after it had settled. Normal: the settle time and two hot intervals, under ten minutes; more while a first start catches up.',
      unit: 's',
      width: 8,
      queries: [{ expr: `time() - ${newest('settled_through_timestamp_seconds')}`, legend: '{{account}}' }],
      thresholds: [
        [15 * MINUTE_S, 'orange'],
        [HOUR_S, 'red'],
      ],
      nothing: 'not yet',
    },
    {
      kind: 'stat',
      title: 'Left before something unread is forgotten',
      description:
        'The API forgets after seven days; this is the time left for the oldest range that was never read. Normal: nothing unread. A first start begins a day before the limit and soon is through.',
      unit: 's',
      width: 8,
      queries: [
        {
          expr: `${HORIZON_S} - (time() - min by (account) (${series('oldest_unread_timestamp_seconds')}))`,
          legend: '{{account}}',
        },
      ],
      calm: 'red',
      thresholds: [
        [12 * HOUR_S, 'orange'],
        [24 * HOUR_S, 'green'],
      ],
      nothing: 'nothing unread',
    },
    {
      kind: 'stat',
      title: 'Calls remembered',
      description:
        'Entries by which repeats are recognised, 50 bytes of memory each. Normal: the calls of nine days, after which an entry expires. At records.maxSeen (5 million unless set) the connector stops and says so.',
      unit: 'short',
      width: 8,
      queries: [{ expr: newest('seen_entries'), legend: '{{account}}' }],
      thresholds: [
        [4_000_000, 'orange'],
        [4_750_000, 'red'],
      ],
    },
    {
      kind: 'timeseries',
      title: 'Since the last read, by schedule',
      description:
        'Normal: a sawtooth up to the interval of the schedule, 1 min for hot, 30 min for warm, a day for cold unless set otherwise. One that only rises is not read any more.',
      unit: 's',
      width: 12,
      queries: [{ expr: `time() - ${newest('last_success_timestamp_seconds', 'label')}`, legend: '{{account}} {{schedule}}' }],
    },
    {
      kind: 'timeseries',
      title: 'Lateness of calls first seen in the last hour',
      description:
        'From the end of a call until it was first seen. Normal: about the hot interval and what the API itself takes; hours or days only while history is read. What is later than the longest schedule spans is never looked for.',
      unit: 's',
      width: 12,
      queries: [0.5, 0.95, 0.99].map(share => ({ expr: quantile(share, 'lateness_seconds', '1h'), legend: `p${share * 100}` })),
      nothing: 'no new calls',
    },
  ],
}
