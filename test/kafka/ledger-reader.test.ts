/** Recall against a real broker: what other producers do to the same partition must never leak into it, nor hide anything of it. */
import { randomBytes } from 'node:crypto'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { codeOf } from '../../src/errors.ts'
import type { Message } from '../../src/ports.ts'
import { ledgerSpec, message, outcome, readAll, topicSpec } from '../contracts/publisher.ts'
import { consumeAll } from '../support/independent-consumer.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { type ForeignProducer, type ForeignTransaction, foreignProducer } from './foreign-producer.ts'
import { adaptersOn } from './real-kafka.ts'

const forever = new AbortController().signal

describe('reading a ledger partition shared by several producers', () => {
  let brokers: readonly string[]

  beforeAll(async () => {
    brokers = (await platform()).brokers
  }, platformStartMs)

  async function scene() {
    const { topics, reader, publisher } = adaptersOn(brokers)
    const ledger = uniqueName('ledger')
    await topics.ensure([ledgerSpec(ledger)], true, forever)
    return { ledger, reader, publisher, read: () => readAll(reader, ledger, 0) }
  }

  test('never hands over what was aborted: by its producer, by fencing, interleaved with commits', async () => {
    const { ledger, publisher, read } = await scene()
    const ids = [uniqueName('tx'), uniqueName('tx'), uniqueName('tx')]
    const [a, b, c] = await Promise.all(ids.map(id => foreignProducer(brokers, id)))
    const [ta, tb, tc] = [await begun(a), await begun(b), await begun(c)]
    const loner = await foreignProducer(brokers)

    await ta.send(ledger, [message(0, 'fenced', '1'), message(0, 'fenced', '2')])
    await tb.send(ledger, [message(0, 'committed', 'b1')])
    await tc.send(ledger, [message(0, 'aborted', '1')])
    await loner.send(ledger, [message(0, 'plain', 'n1')])
    await ta.send(ledger, [message(0, 'fenced', '3')])
    await tb.send(ledger, [message(0, 'committed', 'b2')])
    await tb.commit()
    const successor = publisher(ids[0] ?? '', [ledger])
    await successor.open(forever)
    await successor.commit({ checkpoint: { topic: ledger, message: message(0, 'committed', 'd1') }, rest: [] }, forever)
    await tc.send(ledger, [message(0, 'aborted', '2')])
    await tc.abort()
    const again = await begun(c)
    await again.send(ledger, [message(0, 'committed', 'c1')])
    await again.commit()

    const records = await read()
    await Promise.all([successor, loner, a, b, c].map(producer => producer?.close()))
    expect(records).toEqual(['committed=b1', 'plain=n1', 'committed=b2', 'committed=d1', 'committed=c1'])
  })

  test('gives exactly what Kafka’s own consumer gives, whatever eight producers mix into many fetches', async () => {
    const { ledger, read } = await scene()
    const dice = seeded(20_260_731)
    const producers = await Promise.all(Array.from({ length: 8 }, () => foreignProducer(brokers, uniqueName('tx'))))
    const open = new Map<ForeignProducer, { transaction: ForeignTransaction; sent: string[] }>()
    const log: { readonly text: string; committed: boolean }[] = []
    const ballast = randomBytes(70_000).toString('latin1')

    for (let step = 0; step < 700; step++) {
      const producer = producers[Math.floor(dice() * producers.length)]
      if (producer === undefined) continue
      const current = open.get(producer) ?? { transaction: await begun(producer), sent: [] }
      open.set(producer, current)
      const throwOf = dice()
      if (throwOf < 0.7 || current.sent.length === 0) {
        const text = `${step}`
        await current.transaction.send(ledger, [message(0, text, `${text}:${ballast}`)])
        current.sent.push(text)
        log.push({ text, committed: false })
      } else {
        const commit = throwOf < 0.85
        await (commit ? current.transaction.commit() : current.transaction.abort())
        for (const entry of log) if (current.sent.includes(entry.text)) entry.committed = commit
        open.delete(producer)
      }
    }
    for (const { transaction } of open.values()) await transaction.abort()

    const keys = (await read()).map(text => text.slice(0, text.indexOf('=')))
    await Promise.all(producers.map(producer => producer.close()))
    const judged = await consumeAll(await platform(), ledger, { values: false, deadlineMs: 40_000 })
    expect(keys.length).toBeGreaterThan(100)
    expect(keys).toEqual(judged.map(({ key }) => `${key}`))
    expect(keys).toEqual(log.filter(({ committed }) => committed).map(({ text }) => text))
  })

  test('names the open transaction’s place and the commands that end it', async () => {
    const { ledger, reader } = await scene()
    const stranger = await foreignProducer(brokers, uniqueName('stranger'))
    const transaction = await begun(stranger)
    await transaction.send(ledger, [message(0, 'open', '1')])

    const error: unknown = await reader.read(ledger, 0, () => {}, forever).catch(thrown => thrown)
    await transaction.abort()
    await stranger.close()

    expect(codeOf(error)).toBe('LEDGER_BLOCKED')
    expect(String(error)).toMatch(
      new RegExp(`${ledger} partition 0 .* offset 0 of 1 .*find-hanging --topic ${ledger} --partition 0.*--start-offset 0`),
    )
  })

  test('waits for a transaction that ends in time', async () => {
    const { ledger, read } = await scene()
    const stranger = await foreignProducer(brokers, uniqueName('stranger'))
    const transaction = await begun(stranger)
    await transaction.send(ledger, [message(0, 'late', '1')])

    const reading = read()
    await transaction.commit()

    expect(await reading).toEqual(['late=1'])
    await stranger.close()
  })

  test('a look around waits for no transaction, and tells whether one hides anything', async () => {
    const { ledger, reader } = await scene()
    const [loner, stranger] = await Promise.all([foreignProducer(brokers), foreignProducer(brokers, uniqueName('stranger'))])
    const peek = async () => {
      const keys: string[] = []
      const { isWhole } = await reader.peek(ledger, 0, ({ key }) => keys.push(key), forever)
      return { keys, isWhole }
    }
    const empty = await peek()
    await loner.send(ledger, [message(0, 'before', '1')])
    const transaction = await begun(stranger)
    await transaction.send(ledger, [message(0, 'open', '1')])
    await loner.send(ledger, [message(0, 'behind', '1')])

    const hidden = await peek()
    await transaction.abort()
    const whole = await vi.waitUntil(async () => {
      const seen = await peek()
      return seen.isWhole && seen
    })
    await Promise.all([loner, stranger].map(producer => producer.close()))

    expect([empty, hidden, whole]).toEqual([
      { keys: [], isWhole: true },
      { keys: ['before'], isWhole: false },
      { keys: ['before', 'behind'], isWhole: true },
    ])
  })

  test('stops at once when the signal aborts while a transaction blocks it', async () => {
    const { ledger, reader } = await scene()
    const stranger = await foreignProducer(brokers, uniqueName('stranger'))
    const transaction = await begun(stranger)
    await transaction.send(ledger, [message(0, 'open', '1')])
    const stop = new AbortController()

    const reading = outcome(reader.read(ledger, 0, () => {}, stop.signal))
    stop.abort()

    expect(await reading).toBe('STOPPED')
    await transaction.abort()
    await stranger.close()
  })

  test('an error of the receiver ends the reading and reaches the caller', async () => {
    const { ledger, reader, publisher } = await scene()
    const it = publisher(uniqueName('tx'), [ledger])
    await it.open(forever)
    await it.commit({ checkpoint: { topic: ledger, message: message(0, 'a', '1') }, rest: [] }, forever)
    await it.close()

    const refuse = () => {
      throw new Error('not this one')
    }

    await expect(reader.read(ledger, 0, refuse, forever)).rejects.toThrow('not this one')
  })

  test('a record without a key is no ledger record', async () => {
    const { reader, topics } = adaptersOn(brokers)
    const topic = uniqueName('keyless')
    await topics.ensure([topicSpec(topic, 1)], true, forever)
    const loner = await foreignProducer(brokers)
    await loner.send(topic, [{ ...message(0, '', 'x'), key: null } as unknown as Message])
    await loner.close()

    expect(await outcome(readAll(reader, topic, 0))).toBe('LEDGER_UNREADABLE')
  })

  test('a partition the topic does not have is refused', async () => {
    const { ledger, reader } = await scene()

    expect(await outcome(readAll(reader, ledger, 7))).toBe('TOPIC_MISCONFIGURED')
  })
})

async function begun(producer: ForeignProducer | undefined): Promise<ForeignTransaction> {
  if (producer === undefined) throw new Error('no producer')
  return await producer.begin()
}

/** Repeatable numbers in `[0, 1)` (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
