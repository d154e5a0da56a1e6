/** What could not be proved complete, and rows that are no calls. */
import type { Row } from '../panels.ts'
import { counted, newest, perSecond } from '../series.ts'

export const completeness: Row = {
  title: 'Completeness: what is proved, and what is not',
  panels: [
    {
      kind: 'stat',
      title: 'Lost',
      description:
        'Time that was never read completely and that the API no longer shows. Normal: 0. It does not heal; the vendor’s report screen is the only place left to look.',
      unit: 's',
      width: 6,
      queries: [{ expr: newest('gap_seconds', 'account', 'lost'), legend: '{{account}}' }],
      thresholds: [[1, 'red']],
    },
    {
      kind: 'stat',
      title: 'Open gaps',
      description:
        'Time that could not be proved complete; it is tried again at every tick. Normal: 0, or a few seconds that close by themselves.',
      unit: 's',
      width: 6,
      queries: [{ expr: newest('gap_seconds', 'account', 'open'), legend: '{{account}}' }],
      thresholds: [
        [1, 'orange'],
        [3600, 'red'],
      ],
    },
    {
      kind: 'timeseries',
      title: 'Gaps',
      description: 'Open gaps come and go; what turns from open to lost was out of reach before it could be read. Normal: 0.',
      unit: 's',
      width: 12,
      queries: [{ expr: newest('gap_seconds', 'label'), legend: '{{account}} {{state}}' }],
    },
    {
      kind: 'timeseries',
      title: 'Windows read, by schedule',
      description: 'Normal: hot windows at its interval, warm and cold in bursts. More for a while where windows had to be cut.',
      unit: 'cps',
      width: 8,
      queries: [{ expr: perSecond('windows_read_total', 'label'), legend: '{{schedule}}' }],
      stacked: true,
    },
    {
      kind: 'timeseries',
      title: 'Reads that proved nothing, by reason',
      description:
        'Windows read again: total_mismatch and moved are rows that came or went while pages were read; conflicting_rows is one id twice with other content; no_total an API that counts nothing. Normal: few on a busy account, none on a quiet one.',
      unit: 'short',
      width: 8,
      queries: [
        { expr: counted('rereads_total', 'label'), legend: '{{reason}}' },
        { expr: counted('page_drift_total', 'account'), legend: 'pages moved, {{account}}' },
        { expr: counted('windows_bisected_total', 'account'), legend: 'windows cut, {{account}}' },
      ],
    },
    {
      kind: 'timeseries',
      title: 'Dead letters, by reason',
      description:
        'Rows that are no calls: each once on the dead-letter topic. Normal: none. naive_time asks for accounts[].timeZone; the others are rows to show to the vendor.',
      unit: 'short',
      width: 8,
      queries: [{ expr: counted('dead_letters_total', 'label'), legend: '{{reason}}' }],
      stacked: true,
    },
    {
      kind: 'timeseries',
      title: 'Values this release does not know',
      description:
        'A status without a disposition, a field that went to extra, a time that could not be read. Normal: none after the first day; a step means that the API has changed.',
      unit: 'short',
      width: 12,
      queries: [{ expr: counted('unknown_values_total', 'label'), legend: '{{kind}}' }],
    },
    {
      kind: 'timeseries',
      title: 'Rows far outside the window asked for',
      description: 'Published and counted. Normal: none; many mean that the API does not hear the filter.',
      unit: 'short',
      width: 12,
      queries: [{ expr: counted('rows_outside_window_total', 'account'), legend: '{{account}}' }],
    },
  ],
}
