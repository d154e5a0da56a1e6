/**
 * Brokers that die or hang at each step of a commit, one broker or three of them. The broker is killed (-9) while the proxy holds the request
 * in front of it, so it dies at exactly that step. What the publisher says and what is visible after the next open:
 *
 *                                    says             visible
 *   killed at InitProducerId         done (it waits)  all of the commit that follows
 *   killed at AddPartitions          COMMIT_UNKNOWN   nothing
 *   killed at the first Produce      COMMIT_UNKNOWN   nothing
 *   killed at the second Produce     COMMIT_UNKNOWN   nothing
 *   killed at EndTxn                 COMMIT_UNKNOWN   nothing
 *   killed after EndTxn              COMMIT_UNKNOWN   all; with a single replica only once the markers are written
 *   hanging (frozen) at Produce      COMMIT_UNKNOWN   nothing, though it carries the request out when it goes on
 *   hanging (frozen) at EndTxn       COMMIT_UNKNOWN   all: it carries the request out when it goes on, before the next open
 *   hanging for less than commitMs   done             all
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { TransactionalPublisher } from '../../src/ports.ts'
import { api } from '../support/broker-proxy.ts'
import { until } from '../support/platform/until.ts'
import { BROKEN_MS, moments, type OwnKafka } from './own-kafka.ts'
import { newStage, type Stage } from './promise.ts'
import { outcome, type Tuning } from './publisher.ts'

const forever = new AbortController().signal
const partitions = 4
const patient: Tuning = { commitMs: 20_000 }

/** Declares the suite on a cluster that `own` returns; each test leaves it whole. */
export function faultsOfBrokers(name: string, own: () => OwnKafka): void {
  describe(`a transactional publisher and the brokers of ${name}`, { timeout: BROKEN_MS }, () => {
    let kafka: OwnKafka
    let [events, ledger] = ['', '']
    let stage: Stage
    const opened: TransactionalPublisher[] = []

    beforeAll(async () => {
      kafka = own()
      ;({ events, ledger, stage } = await newStage(kafka, partitions, kafka.patientReader))
      // The first transaction of a cluster makes its log.
      await newOwner().open(forever)
    })
    afterEach(async () => {
      await Promise.all(opened.splice(0).map(publisher => publisher.close()))
      await kafka.proxy.release()
      await kafka.untilWhole([events, ledger])
    })
    afterAll(() => kafka.proxy.release())

    function newOwner(tuning = patient, id = kafka.uniqueName('tx')): TransactionalPublisher {
      const it = kafka.publisher(id, [events, ledger], tuning)
      opened.push(it)
      return it
    }

    /** One that soon gives up, since waiting for a dead broker ends with the deadline, and one of the same id that takes its place. */
    async function owners(commitMs: number) {
      const id = kafka.uniqueName('tx')
      const [it, heir] = [newOwner({ commitMs }, id), newOwner(patient, id)]
      await it.open(forever)
      return { it, heir }
    }

    /**
     * The markers of a decided transaction stand in every partition. With a single replica Kafka does not promise them after that broker was killed:
     * back again, it skips the markers of partitions that have no leader yet, and the transaction hangs (README, "What is not").
     */
    async function markersWritten(): Promise<void> {
      await until({ what: 'every transaction has ended', deadlineMs: 30_000 }, async () => {
        const ends = await Promise.all([events, ledger].map(topic => kafka.topics.offsets(topic, forever)))
        return ends.flatMap(found => [...found.values()]).every(({ stable, high }) => stable === high) ? true : undefined
      })
    }

    test('a broker killed at InitProducerId: open waits for another coordinator, and the commit works', async () => {
      const it = newOwner()
      const met = kafka.proxy.trouble(api.initProducerId, 'holdRequest')

      const opening = outcome(it.open(forever))
      const id = await met
      await kafka.broker(id).kill()
      await kafka.broker(id).start()
      const said = [await opening, await outcome(it.commit(stage.batch('init'), forever))]

      expect(said).toEqual(['done', 'done'])
      expect(await stage.settle('init', it, 'done')).toBe('all')
    })

    test.each(moments)('a broker killed at %s', async (step, kind, what, after, visible) => {
      const { it, heir } = await owners(2_000)
      const met = kafka.proxy.trouble(kind, what, { after })

      const commit = outcome(it.commit(stage.batch(step), forever))
      const id = await met
      if (visible === 'all' && kafka.replicas === 1) await markersWritten()
      await kafka.broker(id).kill()
      const [said] = await Promise.all([commit, kafka.broker(id).start()])

      expect([said, await stage.settle(step, heir, said)]).toEqual(['COMMIT_UNKNOWN', visible])
    })

    /** What a commit says whose broker hangs at the request that `met` tells of, until `meanwhile` is over, and then carries it out. */
    async function hanging(
      commit: () => Promise<unknown>,
      met: Promise<number>,
      meanwhile: (said: Promise<string>) => Promise<unknown>,
    ) {
      const said = outcome(commit())
      const id = await met
      await kafka.broker(id).freeze()
      const through = kafka.proxy.release()
      await meanwhile(said)
      await kafka.broker(id).thaw()
      await through
      return await said
    }

    test('a broker that hangs at a Produce: the commit ends at its deadline, and what comes through later is nothing', async () => {
      const { it, heir } = await owners(1_500)
      const met = kafka.proxy.trouble(api.produce, 'holdRequest', { after: 1 })

      const said = await hanging(
        () => it.commit(stage.batch('frozen'), forever),
        met,
        ended => ended,
      )

      expect([said, await stage.settle('frozen', heir, said)]).toEqual(['COMMIT_UNKNOWN', 'nothing'])
    })

    test('a coordinator that hangs at EndTxn: the commit ends at its deadline, and has happened all the same', async () => {
      const { it, heir } = await owners(1_500)
      const met = kafka.proxy.trouble(api.endTxn, 'holdRequest')

      const said = await hanging(
        () => it.commit(stage.batch('frozen at the end'), forever),
        met,
        ended => ended,
      )

      expect([said, await stage.settle('frozen at the end', heir, said)]).toEqual(['COMMIT_UNKNOWN', 'all'])
    })

    test('a broker that hangs for less than the deadline costs nothing but the time', async () => {
      const it = newOwner()
      await it.open(forever)
      const met = kafka.proxy.trouble(api.produce, 'holdRequest', { after: 1 })

      const said = await hanging(
        () => it.commit(stage.batch('slow'), forever),
        met,
        async () => {},
      )

      expect([said, await stage.settle('slow', it, 'done')]).toEqual(['done', 'all'])
    })

    test('an independent reader finds every batch of the above once, and nothing besides', async () => {
      await stage.expectJudged()
    })
  })
}
