/** The adapters under test, wired to the shared broker and real time. */
import { setTimeout as sleep } from 'node:timers/promises'
import { ConnectorError } from '../../src/errors.ts'
import { createKafka } from '../../src/kafka/client.ts'
import type { Compression } from '../../src/kafka/codecs.ts'
import { createLedgerReader } from '../../src/kafka/ledger-reader.ts'
import { createPublisher, type PublisherOptions } from '../../src/kafka/publisher.ts'
import { createTopics } from '../../src/kafka/topics.ts'
import type { Clock } from '../../src/ports.ts'

export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, { signal }).catch(cause => {
      throw new ConnectorError('STOPPED', 'stopped while waiting', { cause })
    })
  },
}

/** Everything on one broker; `log` collects what kafkajs says. */
export function adaptersOn(brokers: readonly string[], blockedMs = 1_500, patienceMs = 20_000) {
  const log: string[] = []
  const client = createKafka({ clientId: 'under-test', brokers }, (level, text) => log.push(`${level} ${text}`))
  const clock = realClock
  type Tuning = Partial<Pick<PublisherOptions, 'openMs' | 'commitMs' | 'transactionTimeoutMs'>>
  return {
    log,
    client,
    topics: createTopics({ client, clock, deadlineMs: patienceMs }),
    reader: createLedgerReader({ client, clock, blockedMs, stallMs: patienceMs }),
    publisher: (transactionalId: string, topics: readonly string[], compression: Compression = 'gzip', tuning: Tuning = {}) =>
      createPublisher({ client, clock, transactionalId, topics, compression, ...tuning }),
  }
}
