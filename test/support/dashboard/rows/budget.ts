/** What reading costs, and whether the API lets us. */
import type { Row } from '../panels.ts'
import { newest, perSecond, quantile } from '../series.ts'

export const budget: Row = {
  title: 'Budget: what reading costs',
  panels: [
    {
      kind: 'timeseries',
      title: 'Share of the request budget in use',
      description:
        'Requests sent over requests allowed. Normal: well under 70 %, 100 % while a first start catches up. Full for hours: raise api.requestsPerSecond if the contract allows, or lengthen the schedule.',
      unit: 'percentunit',
      width: 8,
      max: 1,
      queries: [{ expr: newest('request_budget_ratio'), legend: '{{account}}' }],
      thresholds: [
        [0.7, 'orange'],
        [0.95, 'red'],
      ],
    },
    {
      kind: 'timeseries',
      title: 'Requests, by outcome',
      description:
        'Retries included. Normal: ok, a few probe at a start. throttled: the rate is too high for this key. unauthorized, rejected, redirected, clock_skew: the account fails and says why.',
      unit: 'reqps',
      width: 8,
      queries: [{ expr: perSecond('requests_total', 'label'), legend: '{{outcome}}' }],
      stacked: true,
    },
    {
      kind: 'timeseries',
      title: 'Time the API told us to stay away',
      description: 'Seconds of Retry-After in each second. Normal: 0; above 1 one wait was named while another still ran.',
      unit: 'percentunit',
      width: 8,
      queries: [{ expr: perSecond('throttled_seconds_total', 'account'), legend: '{{account}}' }],
    },
    {
      kind: 'timeseries',
      title: 'Duration of requests',
      description:
        'Whole answers. Normal: under a second; near api.timeout (15 s unless set) requests are given up and tried again.',
      unit: 's',
      width: 12,
      queries: [0.5, 0.95, 0.99].map(share => ({ expr: quantile(share, 'request_duration_seconds'), legend: `p${share * 100}` })),
    },
    {
      kind: 'timeseries',
      title: 'Stretch of the schedules',
      description:
        'Actual over configured interval. Normal: 1, or nothing to show. Above 1 the runs of a schedule cost more than half its interval, and calls are seen later than configured.',
      unit: 'none',
      width: 12,
      queries: [{ expr: newest('schedule_stretch_ratio', 'label'), legend: '{{account}} {{schedule}}' }],
      thresholds: [[1.01, 'orange']],
      nothing: 'on time',
    },
  ],
}
