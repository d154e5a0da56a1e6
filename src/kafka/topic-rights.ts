/**
 * What this client may do with a topic, as the broker itself judges it (KIP-430), so that nothing needs to be tried. kafkajs speaks no version
 * of Metadata that tells it, so the request is written and its answer read here. Needs Kafka 2.3 or later.
 */
import type Cluster from 'kafkajs/src/cluster/index.js'
import Encoder from 'kafkajs/src/protocol/encoder.js'
import errors from 'kafkajs/src/protocol/error.js'
import type { TopicRight } from '../ports.ts'

const metadata = { apiKey: 3, apiVersion: 8, apiName: 'Metadata' }
/** The protocol's numbers of operations. */
const bits: Readonly<Record<TopicRight, number>> = { read: 3, write: 4, describe: 8, describe_configs: 10 }

/** Throws the broker's code when it does not show the topic. Without an authorizer everything is allowed. */
export async function rightsOn(broker: Cluster.Broker, topic: string): Promise<ReadonlySet<TopicRight>> {
  const [noAutoCreation, noClusterRights, withTopicRights] = [false, false, true]
  const encode = async () =>
    new Encoder().writeArray([topic]).writeBoolean(noAutoCreation).writeBoolean(noClusterRights).writeBoolean(withTopicRights)
  return await broker.connectionPool.send({
    request: { ...metadata, encode },
    response: { decode: async payload => decodeRights(payload), parse: async ({ rights }) => rights },
  })
}

/** Layout of Metadata response 8, for one topic. */
export function decodeRights(payload: Buffer): {
  readonly clientSideThrottleTime: number
  readonly rights: ReadonlySet<TopicRight>
} {
  const clientSideThrottleTime = payload.readInt32BE(0)
  let at = 4
  const int32 = () => {
    at += 4
    return payload.readInt32BE(at - 4)
  }
  const text = () => {
    at += 2 + Math.max(0, payload.readInt16BE(at))
  }
  const ids = () => {
    const count = int32()
    at += 4 * count
  }
  for (let left = int32(); left > 0; left--) {
    at += 4 // node
    text() // host
    at += 4 // port
    text() // rack
  }
  text() // cluster
  at += 4 // controller
  const topics = int32()
  if (topics !== 1) throw new Error(`a question about one topic was answered with ${topics}`)
  const code = payload.readInt16BE(at)
  if (code !== 0) throw errors.createErrorFromCode(code)
  at += 2
  text() // name
  at += 1 // internal
  for (let left = int32(); left > 0; left--) {
    at += 2 + 4 + 4 + 4 // error code, partition, leader, its epoch
    ids() // replicas
    ids() // in sync
    ids() // offline
  }
  const allowed = int32()
  const names: readonly TopicRight[] = ['read', 'write', 'describe', 'describe_configs']
  return { clientSideThrottleTime, rights: new Set(names.filter(name => ((allowed >> bits[name]) & 1) === 1)) }
}
