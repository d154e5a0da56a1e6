/** The transactions that carry all of it. */
import type { Row } from '../panels.ts'
import { counted, mean, newest, perSecond, quantile } from '../series.ts'

export const kafka: Row = {
  title: 'Kafka: the transactions that carry it',
  panels: [
    {
      kind: 'timeseries',
      title: 'Transactions, by result',
      description:
        'Normal: committed only. unknown: the outcome was in doubt, and the ledger was read back to learn it. fenced: another instance owns the account.',
      unit: 'ops',
      width: 12,
      queries: [{ expr: perSecond('transactions_total', 'label'), legend: '{{result}}' }],
      stacked: true,
    },
    {
      kind: 'timeseries',
      title: 'Duration of committed transactions',
      description: 'Normal: under half a second. Slow ones mean slow disks, or replicas that do not keep up.',
      unit: 's',
      width: 12,
      queries: [0.5, 0.95, 0.99].map(share => ({
        expr: quantile(share, 'transaction_duration_seconds'),
        legend: `p${share * 100}`,
      })),
    },
    {
      kind: 'timeseries',
      title: 'Records in a transaction',
      description: 'The mean. Normal: a handful, up to 2000 while history is read.',
      unit: 'short',
      width: 6,
      queries: [{ expr: mean('transaction_records'), legend: '{{account}}' }],
    },
    {
      kind: 'timeseries',
      title: 'Producers opened, by reason',
      description:
        'start and assigned: an instance begins, or takes an account over. Normal: those, when something was deployed. unknown and fenced again and again: brokers or the network are unwell.',
      unit: 'short',
      width: 6,
      queries: [{ expr: counted('producer_reopens_total', 'label'), legend: '{{reason}}' }],
    },
    {
      kind: 'timeseries',
      title: 'Time to read the ledger back',
      description: 'At a start, a take-over, or after doubt; nothing is published meanwhile. Normal: seconds.',
      unit: 's',
      width: 6,
      queries: [{ expr: quantile(0.95, 'recall_duration_seconds', '1h'), legend: 'p95 of the last hour' }],
      nothing: 'not read in the last hour',
    },
    {
      kind: 'timeseries',
      title: 'Claims of the account',
      description:
        'Rises by one whenever an instance takes the account over or reads the ledger back after doubt. Normal: flat between deployments.',
      unit: 'short',
      width: 6,
      queries: [{ expr: newest('incarnation'), legend: '{{account}}' }],
    },
  ],
}
