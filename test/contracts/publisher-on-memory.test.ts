/** The fake keeps the contract, and its scripted faults do what flow tests rely on. */
import { expect, test } from 'vitest'
import { SharedPublisher } from '../../src/kafka/shared-publisher.ts'
import type { TransactionalPublisher } from '../../src/ports.ts'
import { realClock } from '../kafka/real-kafka.ts'
import { MemoryCluster } from '../support/memory-kafka.ts'
import { type BreakableKafka, faultsAnywhere } from './faults-anywhere.ts'
import { checkpointOnly, outcome, publisherContract, readAll } from './publisher.ts'

const forever = new AbortController().signal

publisherContract('memory', async () => memory())
faultsAnywhere('memory', async () => memory())

function memory(): BreakableKafka {
  const cluster = new MemoryCluster()
  let names = 0
  return {
    topics: cluster.topics(),
    reader: cluster.reader({ blockedMs: 30 }),
    replicas: 1,
    publisher: (id, topics) => cluster.publisher(id, topics),
    leaveOpen: async (id, topic, messages) => cluster.leaveOpen(id, topic, messages),
    uniqueName: prefix => `${prefix}-${++names}`,
    judge: async topic => cluster.committed(topic).map(({ key, value }) => `${key}=${value}`),
    breakNextCommit: async when => cluster.failNextCommit(when === 'before' ? 'reject' : 'failAfterWrite'),
    holdNextCommit: when => cluster.holdNextCommit(when),
    remove: async topic => cluster.remove(topic),
    timeOut: async id => cluster.timeOut(id),
    close: async () => {},
  }
}

publisherContract('memory, shared by accounts', async () => {
  const kafka = memory()
  const shared = (publisher: TransactionalPublisher) => new SharedPublisher({ publisher, reader: kafka.reader, clock: realClock })
  return { ...kafka, publisher: (id, topics) => shared(kafka.publisher(id, topics)).view().publisher }
})

async function scene() {
  const cluster = new MemoryCluster()
  cluster.recreate('ledger', 1)
  const publisher = cluster.publisher('tx')
  await publisher.open(forever)
  const read = () => readAll(cluster.reader({ blockedMs: 0 }), 'ledger', 0)
  return { cluster, publisher, read }
}

test('a rejected commit stays in the log unseen, blocks readers, and is aborted by the next open', async () => {
  const { cluster, publisher, read } = await scene()
  cluster.failNextCommit('reject')

  const refused = await outcome(publisher.commit(checkpointOnly('ledger', 'lost'), forever))
  const blocked = await outcome(read())
  await publisher.open(forever)

  expect([refused, blocked]).toEqual(['COMMIT_UNKNOWN', 'LEDGER_BLOCKED'])
  expect(await read()).toEqual([])
})

test('a commit that failed after the write is visible although it threw', async () => {
  const { cluster, publisher, read } = await scene()
  cluster.failNextCommit('failAfterWrite')

  const refused = await outcome(publisher.commit(checkpointOnly('ledger', 'kept'), forever))
  await publisher.open(forever)

  expect(refused).toBe('COMMIT_UNKNOWN')
  expect(await read()).toEqual(['checkpoint=kept'])
})

test('a held commit is decided only when released', async () => {
  const { cluster, publisher, read } = await scene()
  const held = cluster.holdNextCommit()

  const commit = publisher.commit(checkpointOnly('ledger', 'slow'), forever)
  await held.reached
  const before = await outcome(read())
  held.release()
  await commit

  expect(before).toBe('LEDGER_BLOCKED')
  expect(await read()).toEqual(['checkpoint=slow'])
})

test('a held commit whose publisher is fenced meanwhile leaves no trace', async () => {
  const { cluster, publisher, read } = await scene()
  const held = cluster.holdNextCommit()

  const commit = outcome(publisher.commit(checkpointOnly('ledger', 'old'), forever))
  await held.reached
  await cluster.publisher('tx').open(forever)
  held.release()

  expect(await commit).toBe('FENCED')
  expect(await read()).toEqual([])
})

test('a held commit ends when its signal aborts', async () => {
  const { cluster, publisher } = await scene()
  const [held, stop] = [cluster.holdNextCommit(), new AbortController()]

  const commit = outcome(publisher.commit(checkpointOnly('ledger', 'stopped'), stop.signal))
  await held.reached
  stop.abort()

  expect(await commit).toBe('STOPPED')
})
