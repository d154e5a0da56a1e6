/**
 * What only a cluster can have: leaders and coordinators that move, replicas that are missing. What the publisher says and what is visible
 * after the next open:
 *
 *                                                          says             visible
 *   leader moved between two partitions of one batch       COMMIT_UNKNOWN   nothing
 *   leader moved between two batches                       COMMIT_UNKNOWN   nothing
 *   coordinator moved between two batches                  done             all
 *   coordinator moved between the records and EndTxn       COMMIT_UNKNOWN   nothing
 *   coordinator moved between the decision and its answer  done             all
 *   NOT_ENOUGH_REPLICAS (min.insync.replicas 3, 2 alive)   COMMIT_UNKNOWN   nothing
 */
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { TransactionalPublisher } from '../../src/ports.ts'
import { api } from '../support/broker-proxy.ts'
import { until } from '../support/platform/until.ts'
import { BROKEN_MS, type OwnKafka, transactionLog } from './own-kafka.ts'
import { Stage } from './promise.ts'
import { ledgerSpec, outcome, topicSpec } from './publisher.ts'

const forever = new AbortController().signal
const partitions = 3
const everyone = [1, 2, 3]

/** Declares the suite on the cluster of three that `own` returns; each test leaves it whole. */
export function faultsOfLeadership(own: () => OwnKafka): void {
  describe('a transactional publisher while leadership moves', { timeout: BROKEN_MS }, () => {
    let kafka: OwnKafka
    let ledger = ''
    let common: Stage
    const opened: TransactionalPublisher[] = []
    const made: string[] = []

    beforeAll(async () => {
      kafka = own()
      ledger = kafka.uniqueName('ledger')
      await kafka.topics.ensure([ledgerSpec(ledger)], true, forever)
      common = new Stage({ events: '', partitions: 0, ledger, reader: kafka.reader, judge: kafka.judge })
    })
    afterEach(async () => {
      await Promise.all(opened.splice(0).map(publisher => publisher.close()))
      // One with a single replica is without a leader whenever its broker is, and a cluster with such a topic does not look whole.
      for (const events of made.splice(0)) await kafka.remove(events)
    })

    /** An event topic of its own, each partition led by another broker, and an opened publisher. */
    async function scene(spec: { readonly replicationFactor: number; readonly config?: Record<string, string> }) {
      const [events, id] = [kafka.uniqueName('events'), kafka.uniqueName('tx')]
      made.push(events)
      await kafka.topics.ensure([{ ...topicSpec(events, partitions), ...spec }], true, forever)
      const it = kafka.publisher(id, [events, ledger], { commitMs: 20_000 })
      opened.push(it)
      await it.open(forever)
      const stage = new Stage({ events, partitions, ledger, reader: kafka.reader, judge: kafka.judge }, common)
      return { events, id, it, stage }
    }

    const othersThan = (broker: number) => everyone.filter(id => id !== broker)

    test('a leader that moves between two partitions of one batch: nothing of it is visible, and sent again it is there once', async () => {
      const { events, it, stage } = await scene({ replicationFactor: 1 })
      const met = kafka.proxy.trouble(api.produce, 'holdRequest', { after: 1 })

      const commit = outcome(it.commit(stage.batch('between partitions'), forever))
      const broker = await met
      const leaders = await Promise.all([0, 1, 2].map(partition => kafka.leader(events, partition)))
      await kafka.move(events, leaders.indexOf(broker), othersThan(broker).slice(0, 1))
      await kafka.proxy.release()
      const said = await commit

      expect(leaders.toSorted()).toEqual(everyone)
      expect([said, await stage.settle('between partitions', it, said)]).toEqual(['COMMIT_UNKNOWN', 'nothing'])
      await stage.expectEventsJudged()
    })

    test('a leader that moved between two batches: nothing of the second is visible, and sent again it is there once', async () => {
      const { events, it, stage } = await scene({ replicationFactor: 1 })
      await it.commit(stage.batch('before the move'), forever)
      await stage.expectOnce('before the move')
      const leader = await kafka.leader(events, 1)
      await kafka.move(events, 1, othersThan(leader).slice(0, 1))

      const said = await outcome(it.commit(stage.batch('after the move'), forever))

      expect([said, await stage.settle('after the move', it, said)]).toEqual(['COMMIT_UNKNOWN', 'nothing'])
    })

    test('a coordinator that moved between two batches is found again', async () => {
      const { id, it, stage } = await scene({ replicationFactor: 3 })
      await it.commit(stage.batch('old coordinator'), forever)
      await stage.expectOnce('old coordinator')
      await moveCoordinator(id)

      const said = await outcome(it.commit(stage.batch('new coordinator'), forever))

      expect([said, await stage.settle('new coordinator', it, said)]).toEqual(['done', 'all'])
    })

    test.each([
      ['the records and EndTxn', 'holdRequest', 'COMMIT_UNKNOWN', 'nothing'],
      ['the decision and its answer', 'holdAnswer', 'done', 'all'],
    ] as const)('a coordinator that moves between %s: %s, says %s, and %s is visible', async (when, what, says, visible) => {
      const { id, it, stage } = await scene({ replicationFactor: 3 })
      const met = kafka.proxy.trouble(api.endTxn, what)

      const commit = outcome(it.commit(stage.batch(when), forever))
      await met
      await moveCoordinator(id)
      await kafka.proxy.release()
      const said = await commit

      expect([said, await stage.settle(when, it, said)]).toEqual([says, visible])
    })

    test('too few replicas: nothing is visible, and sent again when they are back it is there once', async () => {
      const { events, it, stage } = await scene({ replicationFactor: 3, config: { 'min.insync.replicas': '3' } })
      await kafka.broker(3).kill()
      // Each broker hears of it in its own time, and any of them may be asked; a leader that has not heard refuses as none.
      await until({ what: 'broker 3 is out of sync, as everybody knows', deadlineMs: 60_000 }, async () => {
        const views = await Promise.all(Array.from({ length: 8 }, () => kafka.inSync(events)))
        return views.flat().every(isr => !isr.includes(3)) ? true : undefined
      })
      await Promise.all([events, ledger].map(topic => kafka.topics.offsets(topic, forever)))
      // It would stumble over leaders that moved from the dead broker otherwise.
      await it.open(forever)

      const refused = it.commit(stage.batch('too few'), forever)
      const said = await outcome(refused)
      await kafka.broker(3).start()
      await kafka.untilWhole([events, ledger])

      await expect(refused).rejects.toThrow('NOT_ENOUGH_REPLICAS')
      expect([said, await stage.settle('too few', it, said)]).toEqual(['COMMIT_UNKNOWN', 'nothing'])
    })

    test('an independent reader finds the ledger of all of the above whole and once', async () => {
      await common.expectLedgerJudged()
    })

    /** To another broker than now: the transaction log's partition of this id leaves the one that leads it, and comes back as a replica. */
    async function moveCoordinator(transactionalId: string): Promise<void> {
      const partition = Math.abs(javaHash(transactionalId)) % 4
      const leader = await kafka.leader(transactionLog, partition)
      await kafka.move(transactionLog, partition, othersThan(leader))
      await kafka.move(transactionLog, partition, [...othersThan(leader), leader])
    }
  })
}

/** Java's `String.hashCode`, by which Kafka finds the partition of a transactional id. */
function javaHash(text: string): number {
  let hash = 0
  for (const character of text) hash = (Math.imul(31, hash) + character.charCodeAt(0)) | 0
  return hash
}
