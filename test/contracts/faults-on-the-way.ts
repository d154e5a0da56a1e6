/**
 * Faults between a publisher and its brokers: at each request of the protocol the request or its answer is lost, held or cut, or the broker
 * answers with an error. Cut when the request passes, never after a time. The rows below are the table: what goes wrong, what the publisher
 * says, and what is visible of the batch after the next open. One commit sends, in this order: AddPartitions and Produce for the checkpoint;
 * AddPartitions and Produce for the rest, once for each broker that leads some of it; EndTxn.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { TransactionalPublisher } from '../../src/ports.ts'
import { api, type Trouble } from '../support/broker-proxy.ts'
import type { KafkaBehindProxy } from './kafka-under-test.ts'
import { Stage, type Visible } from './promise.ts'
import { ledgerSpec, outcome, startMs, type Tuning, topicSpec } from './publisher.ts'

/** Kafka's error codes by name. */
const code = {
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
const steps = {
  'first AddPartitions': { kind: api.addPartitions, after: 0 },
  'first Produce': { kind: api.produce, after: 0 },
  'second AddPartitions': { kind: api.addPartitions, after: 1 },
  'second Produce': { kind: api.produce, after: 1 },
  EndTxn: { kind: api.endTxn, after: 0 },
} as const

type Step = keyof typeof steps
type Row = readonly [step: Step, what: Exclude<Trouble, object>, says: string, visible: Visible]

/** Waiting for an answer that never comes ends with the deadline, so those rows have a short one. */
const impatient: Tuning = { commitMs: 700 }
const patient: Tuning = { commitMs: 20_000 }

const broken: readonly Row[] = [
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

const silent: readonly Row[] = [
  ['first AddPartitions', 'loseRequest', 'COMMIT_UNKNOWN', 'nothing'],
  ['first Produce', 'loseAnswer', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'loseRequest', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'loseAnswer', 'COMMIT_UNKNOWN', 'nothing'],
  ['EndTxn', 'loseRequest', 'COMMIT_UNKNOWN', 'nothing'],
  ['EndTxn', 'loseAnswer', 'COMMIT_UNKNOWN', 'all'],
]

/** `refuse`: the broker did nothing. `disguise`: it did what was asked and says otherwise. `of`: for this partition only. */
type Refusal = readonly [step: Step, how: 'refuse' | 'disguise', error: keyof typeof code, says: string, visible: Visible, of?: 1]

const refused: readonly Refusal[] = [
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
  ['second AddPartitions', 'refuse', 'UNKNOWN_TOPIC_OR_PARTITION', 'COMMIT_UNKNOWN', 'nothing', 1],
  ['second AddPartitions', 'refuse', 'CONCURRENT_TRANSACTIONS', 'COMMIT_UNKNOWN', 'nothing'],
  ['first Produce', 'refuse', 'NOT_LEADER_FOR_PARTITION', 'COMMIT_UNKNOWN', 'nothing'],
  ['first Produce', 'refuse', 'NOT_ENOUGH_REPLICAS', 'COMMIT_UNKNOWN', 'nothing'],
  ['first Produce', 'disguise', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'COMMIT_UNKNOWN', 'nothing'],
  ['first Produce', 'disguise', 'REQUEST_TIMED_OUT', 'COMMIT_UNKNOWN', 'nothing'],
  ['first Produce', 'disguise', 'DUPLICATE_SEQUENCE_NUMBER', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'refuse', 'NOT_LEADER_FOR_PARTITION', 'COMMIT_UNKNOWN', 'nothing', 1],
  ['second Produce', 'disguise', 'NOT_LEADER_FOR_PARTITION', 'COMMIT_UNKNOWN', 'nothing', 1],
  ['second Produce', 'disguise', 'REQUEST_TIMED_OUT', 'COMMIT_UNKNOWN', 'nothing', 1],
  ['second Produce', 'disguise', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'COMMIT_UNKNOWN', 'nothing', 1],
  ['second Produce', 'refuse', 'NOT_ENOUGH_REPLICAS', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'refuse', 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'refuse', 'UNKNOWN_PRODUCER_ID', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'refuse', 'KAFKA_STORAGE_ERROR', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'refuse', 'TRANSACTION_ABORTABLE', 'COMMIT_UNKNOWN', 'nothing'],
  ['second Produce', 'refuse', 'MESSAGE_TOO_LARGE', 'TOPIC_MISCONFIGURED', 'nothing', 1],
  ['second Produce', 'refuse', 'TOPIC_AUTHORIZATION_FAILED', 'KAFKA_UNAUTHORIZED', 'nothing', 1],
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

const forever = new AbortController().signal
const partitions = 4

/** Declares the suite; `start` is called once. */
export function faultsOnTheWay(name: string, start: () => Promise<KafkaBehindProxy>): void {
  describe(`a transactional publisher and the way to ${name}`, () => {
    let kafka: KafkaBehindProxy
    let [events, ledger] = ['', '']
    let stage: Stage
    const opened: TransactionalPublisher[] = []

    beforeAll(async () => {
      kafka = await start()
      ;[events, ledger] = [kafka.uniqueName('events'), kafka.uniqueName('ledger')]
      await kafka.topics.ensure([topicSpec(events, partitions), ledgerSpec(ledger)], true, forever)
      stage = new Stage({ events, partitions, ledger, reader: kafka.reader, judge: kafka.judge })
    }, startMs)
    afterEach(async () => {
      await Promise.all(opened.splice(0).map(publisher => publisher.close()))
    })
    afterAll(() => kafka.close())

    function newOwner(tuning: Tuning = patient): TransactionalPublisher {
      const it = kafka.publisher(kafka.uniqueName('tx'), [events, ledger], tuning)
      opened.push(it)
      return it
    }

    /** What a commit into this trouble says, and what is visible of it afterwards. */
    async function trial(label: string, step: Step, what: Trouble, tuning: Tuning): Promise<[says: string, visible: Visible]> {
      const it = newOwner(tuning)
      await it.open(forever)
      const { kind, after } = steps[step]
      const met = kafka.proxy.trouble(kind, what, { after })
      const says = await outcome(it.commit(stage.batch(label), forever))
      await met
      return [says, await stage.settle(label, it, says)]
    }

    test.each(broken)('%s, %s: says %s, and %s is visible', async (step, what, says, visible) => {
      expect(await trial(`${step}, ${what}`, step, what, patient)).toEqual([says, visible])
    })

    test.each(silent)('%s, %s: says %s at its deadline, and %s is visible', async (step, what, says, visible) => {
      expect(await trial(`${step}, ${what}`, step, what, impatient)).toEqual([says, visible])
    })

    test.each(refused)('%s, %s %s: says %s, and %s is visible', async (step, how, error, says, visible, of) => {
      const told = how === 'refuse' ? { refuse: code[error] } : { disguise: code[error] }
      const what = { ...told, ...(of !== undefined && { partition: of }) }

      expect(await trial(`${step}, ${how} ${error} ${of ?? ''}`, step, what, patient)).toEqual([says, visible])
    })

    test.each(Object.keys(steps) as Step[])('%s that arrives after the next open changes nothing', async step => {
      const [label, { kind, after }] = [`${step}, arrives late`, steps[step]]
      const it = newOwner(impatient)
      await it.open(forever)
      const met = kafka.proxy.trouble(kind, 'holdRequest', { after })

      const says = await outcome(it.commit(stage.batch(label), forever))
      await met
      await it.open(forever)
      await kafka.proxy.release()

      expect([says, await stage.settle(label, it, says)]).toEqual(['COMMIT_UNKNOWN', 'nothing'])
    })

    test('EndTxn that arrives after the commit gave up, but before the next open, has committed the whole batch', async () => {
      const it = newOwner(impatient)
      await it.open(forever)
      const met = kafka.proxy.trouble(api.endTxn, 'holdRequest')

      const says = await outcome(it.commit(stage.batch('late'), forever))
      await met
      await kafka.proxy.release()

      expect([says, await stage.settle('late', it, says)]).toEqual(['COMMIT_UNKNOWN', 'all'])
    })

    test('CONCURRENT_TRANSACTIONS is waited out before the first record, however often it is said', async () => {
      const it = newOwner()
      await it.open(forever)
      const met = kafka.proxy.trouble(api.addPartitions, { refuse: code.CONCURRENT_TRANSACTIONS }, { count: 5 })

      const says = await outcome(it.commit(stage.batch('contended'), forever))
      await met

      expect([says, await stage.settle('contended', it, says)]).toEqual(['done', 'all'])
    })

    test.each<[string, Trouble]>([
      ['cut', 'cutRequest'],
      ['answered by a cut', 'cutAnswer'],
      ['refused with CONCURRENT_TRANSACTIONS', { refuse: code.CONCURRENT_TRANSACTIONS }],
      ['refused with COORDINATOR_LOAD_IN_PROGRESS', { refuse: code.COORDINATOR_LOAD_IN_PROGRESS }],
      ['refused with NOT_COORDINATOR', { refuse: code.NOT_COORDINATOR }],
      ['refused with an unheard-of error', { refuse: code.UNHEARD_OF }],
      ['carried out and then called REQUEST_TIMED_OUT', { disguise: code.REQUEST_TIMED_OUT }],
    ])('an open whose InitProducerId is %s tries again, and the commit works', async (how, what) => {
      const it = newOwner()
      const met = kafka.proxy.trouble(api.initProducerId, what)

      await it.open(forever)
      await met
      const says = await outcome(it.commit(stage.batch(how), forever))

      expect([says, await stage.settle(how, it, says)]).toEqual(['done', 'all'])
    })

    test('an open whose InitProducerId is never answered ends at its deadline and can be repeated', async () => {
      const it = newOwner({ openMs: 700 })
      const met = kafka.proxy.trouble(api.initProducerId, 'loseAnswer')

      const first = await outcome(it.open(forever))
      await met
      await it.open(forever)
      const says = await outcome(it.commit(stage.batch('deaf'), forever))

      expect([first, says, await stage.settle('deaf', it, says)]).toEqual(['KAFKA_UNREACHABLE', 'done', 'all'])
    })

    test('an independent reader finds every batch of the above once, and nothing besides', async () => {
      await stage.expectJudged()
    })
  })
}
