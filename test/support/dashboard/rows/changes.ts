/** What the reads come to: new calls, changed ones, and the many rows that show nothing new. */
import type { Row } from '../panels.ts'
import { perSecond, quantile, series } from '../series.ts'

export const changes: Row = {
  title: 'Changes: what the reads come to',
  panels: [
    {
      kind: 'timeseries',
      title: 'Events published, by change',
      description:
        'Counted when they are committed. Normal: created follows the traffic of the account, updated comes after it, as costs and recordings are filled in.',
      unit: 'eps',
      width: 12,
      queries: [{ expr: perSecond('events_published_total', 'label'), legend: '{{change}}' }],
      stacked: true,
    },
    {
      kind: 'timeseries',
      title: 'What became of the rows',
      description:
        'Rows read, and those of them that were not published. Normal: mostly repeats, since every stretch of time is read again and again. rebased: known calls under changed record settings. suppressed: records.updates.',
      unit: 'rowsps',
      width: 12,
      queries: [
        { expr: perSecond('rows_read_total', 'account'), legend: 'read, {{account}}' },
        { expr: perSecond('repeats_total', 'account'), legend: 'repeats, {{account}}' },
        { expr: perSecond('rebased_total', 'account'), legend: 'rebased, {{account}}' },
        { expr: perSecond('suppressed_total', 'account'), legend: 'suppressed, {{account}}' },
      ],
    },
    {
      kind: 'bargauge',
      title: 'Fields that changed, in the time shown',
      description:
        'Changes of each field in committed updates, the ten most frequent. Normal: what the API fills in late, such as cost. Fields that are told apart only as a group are counted together.',
      unit: 'short',
      width: 12,
      queries: [
        { expr: `topk(10, sum by (field) (increase(${series('field_changes_total')}[$__range])) > 0)`, legend: '{{field}}' },
      ],
      nothing: 'no changes',
    },
    {
      kind: 'timeseries',
      title: 'Delay of changes seen in the last hour',
      description:
        'From the first sight of a call until a change of it was seen. Normal: what the account always shows. Changes later than the longest schedule spans are never looked for; /status recommends a span.',
      unit: 's',
      width: 12,
      queries: [0.5, 0.95, 0.99].map(share => ({
        expr: quantile(share, 'change_delay_seconds', '1h'),
        legend: `p${share * 100}`,
      })),
      nothing: 'no changes',
    },
  ],
}
