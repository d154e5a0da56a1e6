/**
 * What the network can do to a commit, against a real broker behind a proxy. The rule under test: success is only what was acknowledged in
 * full and in time, and whatever else happened, the ledger read after `open` shows the truth.
 */
import { randomBytes } from 'node:crypto'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { TransactionalPublisher } from '../../src/ports.ts'
import { checkpointOnly, ledgerSpec, message, outcome, readAll, topicSpec } from '../contracts/publisher.ts'
import { api, type BrokerProxy, brokerProxy } from '../support/broker-proxy.ts'
import { consumeAll } from '../support/independent-consumer.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { adaptersOn } from './real-kafka.ts'

const forever = new AbortController().signal

describe('a commit in trouble', () => {
  let brokers: readonly string[]
  const toClose: { close(): Promise<void> }[] = []

  beforeAll(async () => {
    brokers = (await platform()).brokers
  }, platformStartMs)

  afterEach(async () => {
    for (const one of toClose.splice(0).reverse()) await one.close()
  })

  /** An opened publisher behind a proxy, and a reader that goes straight to the broker. */
  async function scene(commitMs = 1_000): Promise<{
    proxy: BrokerProxy
    it: TransactionalPublisher
    events: string
    ledger: string
    log: string[]
    read(topic: string, partition?: number): Promise<string[]>
  }> {
    const direct = adaptersOn(brokers)
    const [events, ledger] = [uniqueName('events'), uniqueName('ledger')]
    await direct.topics.ensure([topicSpec(events, 2), ledgerSpec(ledger)], true, forever)
    const proxy = await brokerProxy(brokers[0] ?? '')
    const proxied = adaptersOn([proxy.address])
    const it = proxied.publisher(uniqueName('tx'), [events, ledger], 'gzip', { commitMs, openMs: 10_000 })
    toClose.push(proxy, it)
    await it.open(forever)
    await it.commit(checkpointOnly(ledger, 'first'), forever)
    return {
      proxy,
      it,
      events,
      ledger,
      log: proxied.log,
      read: (topic, partition = 0) => readAll(direct.reader, topic, partition),
    }
  }

  const batch = (ledger: string, events: string, value: string) => ({
    ...checkpointOnly(ledger, value),
    rest: [{ topic: events, messages: [message(0, value, '0'), message(1, value, '1')] }],
  })

  test('whose answer is lost is unknown, and the ledger shows that it happened', async () => {
    const { proxy, it, events, ledger, read } = await scene()
    proxy.trouble(api.endTxn, 'loseAnswer')

    const result = await outcome(it.commit(batch(ledger, events, 'second'), forever))
    await it.open(forever)

    expect(result).toBe('COMMIT_UNKNOWN')
    expect([await read(ledger), await read(events, 1)]).toEqual([['checkpoint=first', 'checkpoint=second'], ['second=1']])
  })

  test('whose request is lost is unknown, and the ledger shows that it did not happen', async () => {
    const { proxy, it, events, ledger, read } = await scene()
    proxy.trouble(api.endTxn, 'loseRequest')

    const result = await outcome(it.commit(batch(ledger, events, 'second'), forever))
    await it.open(forever)

    expect(result).toBe('COMMIT_UNKNOWN')
    expect([await read(ledger), await read(events, 1)]).toEqual([['checkpoint=first'], []])
  })

  test('whose connection breaks at the answer is unknown at once, not at the deadline', async () => {
    const { proxy, it, events, ledger, read } = await scene(30_000)
    proxy.trouble(api.endTxn, 'cutAnswer')

    const result = await outcome(it.commit(batch(ledger, events, 'second'), forever))
    await it.open(forever)

    expect(result).toBe('COMMIT_UNKNOWN')
    expect(await read(ledger)).toEqual(['checkpoint=first', 'checkpoint=second'])
  })

  test('whose records were written but not acknowledged is not followed by a repeat or a loss', async () => {
    const { proxy, it, events, ledger, read } = await scene()
    proxy.trouble(api.produce, 'loseAnswer', { after: 1 })

    const result = await outcome(it.commit(batch(ledger, events, 'lost'), forever))
    await it.open(forever)
    await it.commit(batch(ledger, events, 'second'), forever)

    expect(result).toBe('COMMIT_UNKNOWN')
    expect(await read(ledger)).toEqual(['checkpoint=first', 'checkpoint=second'])
    expect([await read(events, 0), await read(events, 1)]).toEqual([['second=0'], ['second=1']])
  })

  test('whose answers come after the next open disturbs nothing', async () => {
    const { proxy, it, events, ledger, read } = await scene()
    const met = proxy.trouble(api.produce, 'holdAnswer')

    const result = await outcome(it.commit(batch(ledger, events, 'late'), forever))
    await met
    await it.open(forever)
    await proxy.release()
    await it.commit(batch(ledger, events, 'second'), forever)
    await it.commit(batch(ledger, events, 'third'), forever)

    expect(result).toBe('COMMIT_UNKNOWN')
    expect(await read(ledger)).toEqual(['checkpoint=first', 'checkpoint=second', 'checkpoint=third'])
    expect(await read(events, 0)).toEqual(['second=0', 'third=0'])
    const judged = await consumeAll(await platform(), events, { values: false, deadlineMs: 40_000 })
    expect(judged.map(({ key }) => `${key}`).sort()).toEqual(['second', 'second', 'third', 'third'])
  })

  test('that is stopped while it waits says so, and leaves no trace', async () => {
    const { proxy, it, events, ledger, read } = await scene(30_000)
    const [met, stop] = [proxy.trouble(api.produce, 'holdAnswer'), new AbortController()]

    const result = outcome(it.commit(batch(ledger, events, 'stopped'), stop.signal))
    await met
    stop.abort()

    expect(await result).toBe('STOPPED')
    await it.open(forever)
    expect(await read(ledger)).toEqual(['checkpoint=first'])
  })

  test('refuses a second call while it runs', async () => {
    const { proxy, it, ledger, events } = await scene(30_000)
    const met = proxy.trouble(api.produce, 'holdAnswer')

    const first = outcome(it.commit(batch(ledger, events, 'one'), forever))
    await met
    const second = [await outcome(it.commit(batch(ledger, events, 'two'), forever)), await outcome(it.open(forever))]
    await proxy.release()

    expect(second).toEqual(['BUG', 'BUG'])
    expect(await first).toBe('done')
  })

  test('of a batch too large is refused for good and leaves no trace', async () => {
    const { it, events, ledger, read } = await scene(10_000)
    const large = { partition: 1, key: 'large', value: randomBytes(3_000_000), timestampMs: 1_760_000_000_000 }

    const error: unknown = await it
      .commit({ ...checkpointOnly(ledger, 'large'), rest: [{ topic: events, messages: [large] }] }, forever)
      .catch(thrown => thrown)

    await it.open(forever)
    expect(error).toMatchObject({ code: 'TOPIC_MISCONFIGURED', message: expect.stringContaining('max.message.bytes') })
    expect([await read(ledger), await read(events, 1)]).toEqual([['checkpoint=first'], []])
  })

  test('a batch that is wrong by itself is a bug and costs nothing: the next commit works', async () => {
    const { it, events, ledger, read } = await scene()
    const wrong = [
      { ...message(0, 'a', 'b'), partition: -1 },
      { ...message(0, 'a', 'b'), partition: 0.5 },
      { ...message(0, 'a', 'b'), timestampMs: 1.5 },
      { ...message(0, 'a', 'b'), value: undefined as unknown as null },
      { ...message(0, 'a', 'b'), key: null as unknown as string },
    ]

    const results = []
    for (const one of wrong)
      results.push(
        await outcome(it.commit({ ...checkpointOnly(ledger, 'wrong'), rest: [{ topic: events, messages: [one] }] }, forever)),
      )
    await it.commit(checkpointOnly(ledger, 'second'), forever)

    expect(results).toEqual(Array(5).fill('BUG'))
    expect(await read(ledger)).toEqual(['checkpoint=first', 'checkpoint=second'])
  })

  test('of topics listed twice and empty lists is one batch', async () => {
    const { it, events, ledger, read } = await scene()

    const written = await it.commit(
      {
        ...checkpointOnly(ledger, 'second'),
        rest: [
          { topic: events, messages: [message(0, 'a', '1')] },
          { topic: ledger, messages: [] },
          { topic: events, messages: [message(0, 'b', '2')] },
        ],
      },
      forever,
    )

    expect(written.get(events)).toEqual(new Map([[0, 1n]]))
    expect(await read(events)).toEqual(['a=1', 'b=2'])
  })

  test('tells the log nothing but sentences of kafkajs', async () => {
    const { proxy, it, events, ledger, log } = await scene()
    proxy.trouble(api.endTxn, 'cutAnswer')

    await outcome(it.commit(batch(ledger, events, 'secret-value'), forever))

    expect(log.filter(line => line.includes('secret-value') || line.includes('\n'))).toEqual([])
  })
})

describe('without a broker', () => {
  test('every call ends at its deadline with one line that names the address', async () => {
    const deaf = createServer(socket => socket.resume())
    await new Promise<void>(resolve => deaf.listen(0, '127.0.0.1', resolve))
    const closed = createServer()
    await new Promise<void>(resolve => closed.listen(0, '127.0.0.1', resolve))
    const addresses = [deaf, closed].map(server => `127.0.0.1:${(server.address() as AddressInfo).port}`)
    await new Promise(resolve => closed.close(resolve))

    for (const address of addresses) {
      const { publisher, topics, reader } = adaptersOn([address], 100, 500)
      const it = publisher('nobody', ['events'], 'gzip', { openMs: 500 })
      const calls = [
        it.open(forever),
        topics.ensure([topicSpec('t', 1)], false, forever),
        topics.offsets('t', forever),
        reader.read('t', 0, () => {}, forever),
      ]
      const errors: unknown[] = await Promise.all(calls.map(call => call.catch(thrown => thrown)))

      for (const error of errors) {
        expect(error).toMatchObject({
          code: 'KAFKA_UNREACHABLE',
          message: expect.stringContaining(`no usable answer from ${address} within 0.5 s`),
        })
      }
      await it.close()
    }
    await new Promise(resolve => deaf.close(resolve))
  })

  test('a stop signal ends the attempt at once', async () => {
    const { publisher } = adaptersOn(['127.0.0.1:1'])
    const stop = new AbortController()

    const opening = outcome(publisher('nobody', ['events']).open(stop.signal))
    stop.abort()

    expect(await opening).toBe('STOPPED')
  })
})

describe('with a broker that takes connections and never answers, named first', () => {
  test('every call goes on to the next one', async () => {
    const { brokers } = await platform()
    const [events, ledger] = [uniqueName('events'), uniqueName('ledger')]
    await adaptersOn(brokers).topics.ensure([topicSpec(events, 1), ledgerSpec(ledger)], true, forever)
    const deaf = createServer(socket => socket.resume())
    await new Promise<void>(resolve => deaf.listen(0, '127.0.0.1', resolve))
    const { publisher, topics, reader } = adaptersOn([`127.0.0.1:${(deaf.address() as AddressInfo).port}`, ...brokers])
    const it = publisher(uniqueName('tx'), [events, ledger])

    const said = await Promise.all([
      outcome(it.open(forever)),
      outcome(topics.offsets(events, forever)),
      outcome(reader.read(ledger, 0, () => {}, forever)),
    ])

    await it.close()
    deaf.close()
    expect(said).toEqual(['done', 'done', 'done'])
  })
})
