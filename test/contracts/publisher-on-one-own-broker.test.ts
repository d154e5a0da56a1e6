/** A single broker that dies and hangs: nothing is lost with it but time. */
import { afterAll, beforeAll } from 'vitest'
import { faultsOfBrokers } from './faults-of-brokers.ts'
import { type OwnKafka, ownKafka } from './own-kafka.ts'
import { startMs } from './publisher.ts'

let kafka: OwnKafka
beforeAll(async () => {
  kafka = await ownKafka(1)
}, startMs)
afterAll(() => kafka.close())

faultsOfBrokers('a cluster of one', () => kafka)
