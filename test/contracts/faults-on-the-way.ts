/**
 * Faults between a publisher and its brokers: at each request of the protocol the request or its answer is lost, held or cut, or the broker
 * answers with an error (fault-table.ts). Always when the n-th request of a kind passes, never after a time. One commit sends, in this order:
 * AddPartitions and Produce for the checkpoint; AddPartitions and Produce for the rest, once for each broker that leads some of it; EndTxn.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { TransactionalPublisher } from '../../src/ports.ts'
import { api, type Trouble } from '../support/broker-proxy.ts'
import { broken, code, refused, type Step, silent, steps } from './fault-table.ts'
import type { KafkaBehindProxy } from './kafka-under-test.ts'
import { newStage, type Stage, type Visible } from './promise.ts'
import { outcome, startMs, type Tuning } from './publisher.ts'

/** Waiting for an answer that never comes ends with the deadline, so those rows have a short one. */
const impatient: Tuning = { commitMs: 700 }
const patient: Tuning = { commitMs: 20_000 }

const forever = new AbortController().signal
const partitions = 4

/**
 * Declares the suite; `start` is called once. `forked` leaves out the rows at which a commit talks to a single broker, so that they are the
 * same however many there are.
 */
export function faultsOnTheWay(name: string, start: () => Promise<KafkaBehindProxy>, rows: 'all' | 'forked' = 'all'): void {
  const isForked = ([step]: readonly [Step, ...unknown[]]) => rows === 'all' || step.startsWith('second')
  describe(`a transactional publisher and the way to ${name}`, () => {
    let kafka: KafkaBehindProxy
    let [events, ledger] = ['', '']
    let stage: Stage
    const opened: TransactionalPublisher[] = []

    beforeAll(async () => {
      kafka = await start()
      ;({ events, ledger, stage } = await newStage(kafka, partitions))
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
      // The checkpoint is for another partition than the one that gets into trouble alone, so nothing that counts goes before.
      const met = kafka.proxy.trouble(kind, what, { after: typeof what === 'object' && 'partition' in what ? 0 : after })
      const says = await outcome(it.commit(stage.batch(label), forever))
      await met
      return [says, await stage.settle(label, it, says)]
    }

    test.each(broken)('%s, %s: says %s, and %s is visible', async (step, what, says, visible) => {
      expect(await trial(`${step}, ${what}`, step, what, patient)).toEqual([says, visible])
    })

    test.each(silent.filter(isForked))(
      '%s, %s: says %s at its deadline, and %s is visible',
      async (step, what, says, visible) => {
        expect(await trial(`${step}, ${what}`, step, what, impatient)).toEqual([says, visible])
      },
    )

    test.each(refused.filter(isForked))('%s, %s %s: says %s, and %s is visible', async (step, how, error, says, visible) => {
      const only = how.endsWith('one') ? { partition: 1 } : {}
      const what = how.startsWith('refuse') ? { refuse: code[error], ...only } : { disguise: code[error], ...only }

      expect(await trial(`${step}, ${how} ${error}`, step, what, patient)).toEqual([says, visible])
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
