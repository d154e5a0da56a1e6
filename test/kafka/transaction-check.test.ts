/** Trying a transaction on a real broker must prove what it says and leave nothing that anybody could see, wait for or stumble over. */
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { checkTransactions } from '../../src/kafka/transaction-check.ts'
import { checkpointOnly, ledgerSpec, outcome, readAll } from '../contracts/publisher.ts'
import { api, type BrokerProxy, brokerProxy } from '../support/broker-proxy.ts'
import { consumeAll } from '../support/independent-consumer.ts'
import type { Reach } from '../support/platform/platform.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { adaptersOn, realClock } from './real-kafka.ts'

const forever = new AbortController().signal

describe('a transaction that is only tried', () => {
  let reach: Reach
  const proxies: BrokerProxy[] = []

  beforeAll(async () => {
    reach = await platform()
  }, platformStartMs)
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) await proxy.close()
  })

  /** A ledger with an owner that has committed once, and a check behind a proxy. */
  async function scene() {
    const { topics, reader, publisher } = adaptersOn(reach.brokers)
    const ledger = uniqueName('ledger')
    await topics.ensure([ledgerSpec(ledger)], true, forever)
    const owner = publisher(uniqueName('tx'), [ledger])
    await owner.open(forever)
    await owner.commit(checkpointOnly(ledger, 'one'), forever)
    // Until the marker of this commit is written, the ends still move.
    await readAll(reader, ledger, 0)
    const proxy = await brokerProxy(reach.brokers[0] ?? '')
    proxies.push(proxy)
    const { client } = adaptersOn([proxy.address])
    const transactionalId = uniqueName('check')
    const place = { topic: ledger, partition: 0 }
    return {
      proxy,
      owner,
      ledger,
      read: () => readAll(reader, ledger, 0),
      ends: async () => (await topics.offsets(ledger, forever)).get(0),
      check: (signal = forever) => checkTransactions({ client, clock: realClock, transactionalId, place }, signal),
    }
  }

  test('shows readers nothing, takes one offset for its marker, and the owner goes on unfenced', async () => {
    const { owner, ledger, read, ends, check } = await scene()
    const before = await ends()

    await check()
    const after = await ends()
    await owner.commit(checkpointOnly(ledger, 'two'), forever)
    await owner.close()

    expect([before, after]).toEqual([
      { low: 0n, stable: 2n, high: 2n },
      { low: 0n, stable: 3n, high: 3n },
    ])
    expect(await read()).toEqual(['checkpoint=one', 'checkpoint=two'])
    const consumed = await consumeAll(reach, ledger, { deadlineMs: 60_000 })
    expect(consumed.map(({ value }) => String(value))).toEqual(['one', 'two'])
  })

  test('blocks no recall and no commit while it is open', async () => {
    const { proxy, owner, ledger, read, ends, check } = await scene()
    const joined = proxy.trouble(api.addPartitions, 'holdAnswer')

    const checking = check()
    await joined
    const meanwhile = [await outcome(owner.commit(checkpointOnly(ledger, 'two'), forever)), await outcome(read())]
    const { stable, high } = (await ends()) ?? {}
    proxy.release()
    await checking
    await owner.close()

    expect(meanwhile).toEqual(['done', 'done'])
    expect(stable).toBe(high)
    expect(await read()).toEqual(['checkpoint=one', 'checkpoint=two'])
  })

  test('whose abort is lost is opened again and aborted', async () => {
    const { proxy, owner, read, ends, check } = await scene()
    proxy.trouble(api.endTxn, 'loseRequest')

    await check()
    await owner.close()

    const { stable, high } = (await ends()) ?? {}
    expect(stable).toBe(high)
    expect(await read()).toEqual(['checkpoint=one'])
  })

  test('told to stop in the middle, is aborted first', async () => {
    const { proxy, owner, ends, check } = await scene()
    const stop = new AbortController()
    const joined = proxy.trouble(api.addPartitions, 'holdAnswer')

    const checking = outcome(check(stop.signal))
    await joined
    stop.abort()
    proxy.release()
    const result = await checking
    await owner.close()

    expect(result).toBe('STOPPED')
    await expect.poll(async () => (await ends())?.stable, { timeout: 5_000 }).toBe(3n)
  })

  test('without a topic only opens its id', async () => {
    const { client } = adaptersOn(reach.brokers)

    const result = await outcome(
      checkTransactions({ client, clock: realClock, transactionalId: uniqueName('check'), place: null }, forever),
    )

    expect(result).toBe('done')
  })

  test('on brokers that do not answer, ends with its deadline', async () => {
    const { client } = adaptersOn(['127.0.0.1:1'])

    const options = { client, clock: realClock, transactionalId: 'check', place: null, deadlineMs: 500 }

    expect(await outcome(checkTransactions(options, forever))).toBe('KAFKA_UNREACHABLE')
  })
})
