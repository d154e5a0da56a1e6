/**
 * The table of what can happen to each request of a commit, what the publisher says then, and what is visible of the batch after the next
 * open. Nothing but a decided EndTxn makes a batch visible, and nothing that was only doubted is called done.
 */
import { api, type Trouble } from '../support/broker-proxy.ts'
import type { Visible } from './promise.ts'

/** Kafka's error codes by name. */
export const code = {
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  NOT_LEADER_FOR_PARTITION: 6,
  REQUEST_TIMED_OUT: 7,
  MESSAGE_TOO_LARGE: 10,
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  NOT_ENOUGH_REPLICAS: 19,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 20,
  TOPIC_AUTHORIZATION_FAILED: 29,
  OUT_OF_ORDER_SEQUENCE_NUMBER: 45,
  DUPLICATE_SEQUENCE_NUMBER: 46,
  INVALID_PRODUCER_EPOCH: 47,
  INVALID_TXN_STATE: 48,
  INVALID_PRODUCER_ID_MAPPING: 49,
  CONCURRENT_TRANSACTIONS: 51,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 53,
  KAFKA_STORAGE_ERROR: 56,
  UNKNOWN_PRODUCER_ID: 59,
  THROTTLING_QUOTA_EXCEEDED: 89,
  PRODUCER_FENCED: 90,
  TRANSACTION_ABORTABLE: 120,
  UNHEARD_OF: 999,
} as const

/** Requests of a commit: their kind, and how many of that kind go before. */
export const steps = {
  'first AddPartitions': { kind: api.addPartitions, after: 0 },
  'first Produce': { kind: api.produce, after: 0 },
  'second AddPartitions': { kind: api.addPartitions, after: 1 },
  'second Produce': { kind: api.produce, after: 1 },
  EndTxn: { kind: api.endTxn, after: 0 },
} as const

export type Step = keyof typeof steps
export type Row = readonly [step: Step, what: Exclude<Trouble, object>, says: string, visible: Visible]

export const broken: readonly Row[] = [
  ['first AddPartitions', 'cutRequest', 'COMMIT_UNKNOWN', 'nothing'],
  ['first AddPartitions', 'cutAnswer', 'COMMIT_UNKNOWN', 'nothing'],
  ['first Produce', 'cutRequest', 'COMMIT_UNKNOWN', 'nothing'],
  ['first Produce', 'cutAnswer', 'COMMIT_UNKNOWN', 'nothing'],
  ['second AddPartitions', 'cutRequest', 'COMMIT_UNKNOWN', 'nothing'],
  ['second AddPartitions', 'cutAnswer', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'cutRequest', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'cutAnswer', 'COMMIT_UNKNOWN', 'nothing'],
  ['EndTxn', 'cutRequest', 'COMMIT_UNKNOWN', 'nothing'],
  ['EndTxn', 'cutAnswer', 'COMMIT_UNKNOWN', 'all'],
]

export const silent: readonly Row[] = [
  ['first AddPartitions', 'loseRequest', 'COMMIT_UNKNOWN', 'nothing'],
  ['first Produce', 'loseAnswer', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'loseRequest', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'loseAnswer', 'COMMIT_UNKNOWN', 'nothing'],
  ['EndTxn', 'loseRequest', 'COMMIT_UNKNOWN', 'nothing'],
  ['EndTxn', 'loseAnswer', 'COMMIT_UNKNOWN', 'all'],
]

/** `refuse`: the broker did nothing. `disguise`: it did what was asked and says otherwise. `one`: for a single partition, the others are well. */
export type How = 'refuse' | 'disguise' | 'refuse one' | 'disguise one'
type Refusal = readonly [step: Step, how: How, error: keyof typeof code, says: string, visible: Visible]

export const refused: readonly Refusal[] = [
  ['first AddPartitions', 'refuse', 'COORDINATOR_LOAD_IN_PROGRESS', 'COMMIT_UNKNOWN', 'nothing'],
  ['first AddPartitions', 'refuse', 'COORDINATOR_NOT_AVAILABLE', 'COMMIT_UNKNOWN', 'nothing'],
  ['first AddPartitions', 'refuse', 'NOT_COORDINATOR', 'COMMIT_UNKNOWN', 'nothing'],
  ['first AddPartitions', 'disguise', 'CONCURRENT_TRANSACTIONS', 'done', 'all'],
  ['first AddPartitions', 'refuse', 'INVALID_TXN_STATE', 'COMMIT_UNKNOWN', 'nothing'],
  ['first AddPartitions', 'refuse', 'INVALID_PRODUCER_ID_MAPPING', 'FENCED', 'nothing'],
  ['first AddPartitions', 'refuse', 'INVALID_PRODUCER_EPOCH', 'FENCED', 'nothing'],
  ['first AddPartitions', 'refuse', 'PRODUCER_FENCED', 'FENCED', 'nothing'],
  ['first AddPartitions', 'refuse', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'KAFKA_UNAUTHORIZED', 'nothing'],
  ['first AddPartitions', 'refuse', 'THROTTLING_QUOTA_EXCEEDED', 'COMMIT_UNKNOWN', 'nothing'],
  ['first AddPartitions', 'refuse', 'UNHEARD_OF', 'COMMIT_UNKNOWN', 'nothing'],
  ['second AddPartitions', 'refuse one', 'UNKNOWN_TOPIC_OR_PARTITION', 'COMMIT_UNKNOWN', 'nothing'],
  ['second AddPartitions', 'refuse', 'CONCURRENT_TRANSACTIONS', 'COMMIT_UNKNOWN', 'nothing'],
  ['first Produce', 'refuse', 'NOT_LEADER_FOR_PARTITION', 'COMMIT_UNKNOWN', 'nothing'],
  ['first Produce', 'refuse', 'NOT_ENOUGH_REPLICAS', 'COMMIT_UNKNOWN', 'nothing'],
  ['first Produce', 'disguise', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'COMMIT_UNKNOWN', 'nothing'],
  ['first Produce', 'disguise', 'REQUEST_TIMED_OUT', 'COMMIT_UNKNOWN', 'nothing'],
  ['first Produce', 'disguise', 'DUPLICATE_SEQUENCE_NUMBER', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'refuse one', 'NOT_LEADER_FOR_PARTITION', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'disguise one', 'NOT_LEADER_FOR_PARTITION', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'disguise one', 'REQUEST_TIMED_OUT', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'disguise one', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'refuse', 'NOT_ENOUGH_REPLICAS', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'refuse', 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'refuse', 'UNKNOWN_PRODUCER_ID', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'refuse', 'KAFKA_STORAGE_ERROR', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'refuse', 'TRANSACTION_ABORTABLE', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'refuse one', 'MESSAGE_TOO_LARGE', 'TOPIC_MISCONFIGURED', 'nothing'],
  ['second Produce', 'refuse one', 'TOPIC_AUTHORIZATION_FAILED', 'KAFKA_UNAUTHORIZED', 'nothing'],
  ['second Produce', 'refuse', 'INVALID_PRODUCER_EPOCH', 'FENCED', 'nothing'],
  ['EndTxn', 'refuse', 'COORDINATOR_LOAD_IN_PROGRESS', 'COMMIT_UNKNOWN', 'nothing'],
  ['EndTxn', 'refuse', 'NOT_COORDINATOR', 'COMMIT_UNKNOWN', 'nothing'],
  ['EndTxn', 'refuse', 'CONCURRENT_TRANSACTIONS', 'COMMIT_UNKNOWN', 'nothing'],
  ['EndTxn', 'refuse', 'INVALID_TXN_STATE', 'COMMIT_UNKNOWN', 'nothing'],
  ['EndTxn', 'refuse', 'INVALID_PRODUCER_EPOCH', 'FENCED', 'nothing'],
  ['EndTxn', 'disguise', 'COORDINATOR_NOT_AVAILABLE', 'COMMIT_UNKNOWN', 'all'],
  ['EndTxn', 'disguise', 'REQUEST_TIMED_OUT', 'COMMIT_UNKNOWN', 'all'],
  ['EndTxn', 'disguise', 'INVALID_PRODUCER_EPOCH', 'FENCED', 'all'],
]
