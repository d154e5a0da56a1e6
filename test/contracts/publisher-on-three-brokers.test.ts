/** The contract and the promise on a cluster of three, replicated threefold with two in sync; one cluster for all of it. */
import { afterAll, beforeAll } from 'vitest'
import { faultsAnywhere } from './faults-anywhere.ts'
import { faultsOfBrokers } from './faults-of-brokers.ts'
import { faultsOfLeadership } from './faults-of-leadership.ts'
import { faultsOnTheWay } from './faults-on-the-way.ts'
import { type OwnKafka, ownKafka } from './own-kafka.ts'
import { publisherContract, startMs } from './publisher.ts'

let kafka: OwnKafka
beforeAll(async () => {
  kafka = await ownKafka(3)
}, startMs)
afterAll(() => kafka.close())

const shared = async () => ({ ...kafka, close: async () => {} })

publisherContract('three brokers', shared)
faultsAnywhere('three brokers', shared)
faultsOnTheWay('three brokers', shared, 'forked')
faultsOfLeadership(() => kafka)
faultsOfBrokers('a cluster of three', () => kafka)
