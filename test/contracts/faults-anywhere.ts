/**
 * Faults that every Kafka can have, the fake included, so that simulations may trust the fake. What the publisher says and what is visible of
 * the batch after the next open:
 *
 *   connection breaks before the decision      COMMIT_UNKNOWN        nothing
 *   connection breaks after the decision       COMMIT_UNKNOWN        all
 *   answer late, within the deadline           done                  all
 *   stopped before the decision                STOPPED               nothing
 *   fenced before the commit                   FENCED                nothing
 *   fenced between the records and the end     FENCED                nothing
 *   fenced between the decision and its answer done                  all
 *   timed out by the coordinator               FENCED                nothing
 *   partition vanished since the open          COMMIT_UNKNOWN        nothing; the next commit says TOPIC_MISCONFIGURED
 *   topic deleted since the open               COMMIT_UNKNOWN        nothing; the next open says TOPIC_MISSING
 *   ledger deleted and created again           done, or as above     what the ledger says
 *   foreign transaction open on an event topic done                  all, once the other one is ended
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { TransactionalPublisher } from '../../src/ports.ts'
import { newStage, Stage } from './promise.ts'
import { type KafkaUnderTest, ledgerSpec, message, outcome, readAll, startMs, topicSpec } from './publisher.ts'

export interface BreakableKafka extends KafkaUnderTest {
  /** `key=value` of every committed record, by another program than the one under test. */
  judge(topic: string): Promise<string[]>
  /** The connection of the next commit breaks instead of its decision, or instead of the answer to it. */
  breakNextCommit(when: 'before' | 'after'): Promise<void>
  /** The next commit waits before its decision, or with the answer to it. */
  holdNextCommit(when: 'before' | 'after'): { readonly reached: Promise<unknown>; release(): Promise<void> | void }
  /** Resolves when no broker knows the topic any more. */
  remove(topic: string): Promise<void>
  /** The coordinator gives up the open transaction of this id, which holds records of the ledger's first partition. */
  timeOut(transactionalId: string, ledger: string): Promise<void>
  close(): Promise<void>
}

const forever = new AbortController().signal
const partitions = 4

/** Declares the suite; `start` is called once. */
export function faultsAnywhere(name: string, start: () => Promise<BreakableKafka>): void {
  describe(`a transactional publisher in trouble on ${name}`, () => {
    let kafka: BreakableKafka
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

    /** Another event topic, to be broken. */
    async function doomed() {
      const events = kafka.uniqueName('doomed')
      await kafka.topics.ensure([topicSpec(events, partitions)], true, forever)
      return { events, stage: new Stage({ events, partitions, ledger, reader: kafka.reader, judge: kafka.judge }, stage) }
    }

    /** Makes publishers of one fresh transactional id. */
    function owners(topics: readonly string[] = [events, ledger], tuning?: Parameters<KafkaUnderTest['publisher']>[2]) {
      const id = kafka.uniqueName('tx')
      const publisher = () => {
        const made = kafka.publisher(id, topics, tuning)
        opened.push(made)
        return made
      }
      return { id, publisher }
    }

    async function owner(topics?: readonly string[]) {
      const it = owners(topics).publisher()
      await it.open(forever)
      return it
    }

    test('a connection that breaks before the decision leaves nothing', async () => {
      const it = await owner()
      await kafka.breakNextCommit('before')

      const said = await outcome(it.commit(stage.batch('broken-before'), forever))

      expect([said, await stage.settle('broken-before', it, said)]).toEqual(['COMMIT_UNKNOWN', 'nothing'])
    })

    test('a connection that breaks after the decision leaves the whole batch', async () => {
      const it = await owner()
      await kafka.breakNextCommit('after')

      const said = await outcome(it.commit(stage.batch('broken-after'), forever))

      expect([said, await stage.settle('broken-after', it, said)]).toEqual(['COMMIT_UNKNOWN', 'all'])
    })

    test.each(['before', 'after'] as const)('a commit held up %s its decision is done when it comes through', async when => {
      const it = await owner()
      const held = kafka.holdNextCommit(when)

      const commit = outcome(it.commit(stage.batch(`held-${when}`), forever))
      await held.reached
      await held.release()
      const said = await commit

      expect([said, await stage.settle(`held-${when}`, it, said)]).toEqual(['done', 'all'])
    })

    test('a commit stopped before its decision leaves nothing, even when its last request arrives after the next open', async () => {
      const [it, stop] = [await owner(), new AbortController()]
      const held = kafka.holdNextCommit('before')

      const commit = outcome(it.commit(stage.batch('stopped'), stop.signal))
      await held.reached
      stop.abort()
      const said = await commit
      await it.open(forever)
      await held.release()

      expect([said, await stage.settle('stopped', it, said)]).toEqual(['STOPPED', 'nothing'])
    })

    test('a publisher fenced before its commit leaves nothing', async () => {
      const { publisher } = owners()
      const [it, newer] = [publisher(), publisher()]
      await it.open(forever)
      await newer.open(forever)

      const said = await outcome(it.commit(stage.batch('fenced-before'), forever))

      expect([said, await stage.settle('fenced-before', newer, said)]).toEqual(['FENCED', 'nothing'])
    })

    test('a publisher fenced between its records and the end leaves nothing', async () => {
      const { publisher } = owners()
      const [it, newer] = [publisher(), publisher()]
      await it.open(forever)
      const held = kafka.holdNextCommit('before')

      const commit = outcome(it.commit(stage.batch('fenced-in'), forever))
      await held.reached
      await newer.open(forever)
      await held.release()
      const said = await commit

      expect([said, await stage.settle('fenced-in', newer, said)]).toEqual(['FENCED', 'nothing'])
    })

    test('a publisher fenced between the decision and its answer has committed', async () => {
      const { publisher } = owners()
      const [it, newer] = [publisher(), publisher()]
      await it.open(forever)
      const held = kafka.holdNextCommit('after')

      const commit = outcome(it.commit(stage.batch('fenced-after'), forever))
      await held.reached
      await newer.open(forever)
      await held.release()

      expect([await commit, await outcome(it.commit(stage.batch('fenced-after', 3), forever))]).toEqual(['done', 'FENCED'])
      expect(await stage.settle('fenced-after', newer, 'FENCED')).toBe('all')
    })

    test('a transaction that its coordinator timed out is fenced and leaves nothing', async () => {
      const { id, publisher } = owners([events, ledger], { transactionTimeoutMs: 1_000, commitMs: 30_000 })
      const it = publisher()
      await it.open(forever)
      const held = kafka.holdNextCommit('before')

      const commit = outcome(it.commit(stage.batch('timed-out'), forever))
      await held.reached
      await kafka.timeOut(id, ledger)
      await held.release()
      const said = await commit

      expect([said, await stage.settle('timed-out', it, said)]).toEqual(['FENCED', 'nothing'])
    })

    test('a partition that vanished since the open is noticed, and what names it stays refused', async () => {
      const { events, stage } = await doomed()
      const it = await owner([events, ledger])
      await kafka.remove(events)
      await kafka.topics.ensure([topicSpec(events, 2)], true, forever)

      const said = [await outcome(it.commit(stage.batch('fewer'), forever))]
      await it.open(forever)
      said.push(await outcome(it.commit(stage.batch('fewer'), forever)))
      await it.open(forever)

      expect(said).toEqual(['COMMIT_UNKNOWN', 'TOPIC_MISCONFIGURED'])
      expect([await readAll(kafka.reader, events, 0), await readAll(kafka.reader, events, 1)]).toEqual([[], []])
    })

    test('a topic deleted since the open stops the next open until it is there again; then nothing is lost', async () => {
      const { events, stage } = await doomed()
      const it = owners([events, ledger], { openMs: 1_000 }).publisher()
      await it.open(forever)
      await kafka.remove(events)

      const said = await outcome(it.commit(stage.batch('deleted'), forever))
      const without = await outcome(it.open(forever))
      await kafka.topics.ensure([topicSpec(events, partitions)], true, forever)

      expect([said, without]).toEqual(['COMMIT_UNKNOWN', 'TOPIC_MISSING'])
      expect(await stage.settle('deleted', it, said)).toBe('nothing')
    })

    test('a ledger deleted and created again between two commits holds the second one once, whatever that commit said', async () => {
      const ledger = kafka.uniqueName('ledger')
      await kafka.topics.ensure([ledgerSpec(ledger)], true, forever)
      const { events } = await doomed()
      const stage = new Stage({ events, partitions, ledger, reader: kafka.reader, judge: kafka.judge })
      const it = await owner([events, ledger])
      await it.commit({ checkpoint: { topic: ledger, message: message(0, 'first', '1') }, rest: [] }, forever)
      await readAll(kafka.reader, ledger, 0)
      await kafka.remove(ledger)
      await kafka.topics.ensure([ledgerSpec(ledger)], true, forever)

      const said = await outcome(it.commit(stage.batch('again'), forever))
      await stage.settle('again', it, said)

      expect(['done', 'COMMIT_UNKNOWN']).toContain(said)
      await stage.expectLedgerJudged()
    })

    test('a foreign transaction open on an event topic hides what is committed after it only until it is ended', async () => {
      const [it, stranger] = [await owner(), kafka.uniqueName('stranger')]
      await kafka.leaveOpen(stranger, events, [message(0, 'foreign', '1')])

      const said = await outcome(it.commit(stage.batch('behind'), forever))
      const hidden = await outcome(readAll(kafka.reader, events, 0))
      const cure = kafka.publisher(stranger, [events])
      opened.push(cure)
      await cure.open(forever)

      expect([said, hidden]).toEqual(['done', 'LEDGER_BLOCKED'])
      expect(await stage.settle('behind', it, said)).toBe('all')
    })

    test('an independent reader finds every batch of the above once, and nothing besides', async () => {
      await stage.expectJudged()
    })
  })
}
