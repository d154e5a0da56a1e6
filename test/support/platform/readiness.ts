/** When a platform may be used: asked of the servers as a client would, since no log line or open port promises it. */
import kafkajs from 'kafkajs'
import { until } from './until.ts'

const { Kafka, logLevel } = kafkajs
const deadlineMs = 90_000

/** Resolves when the cluster answers with `size` brokers (any number if undefined). */
export async function brokersAnswer(addresses: readonly string[], size?: number, signal?: AbortSignal): Promise<void> {
  await until({ what: `Kafka answers at ${addresses.join(', ')}`, deadlineMs, signal }, async () => {
    const kafka = new Kafka({
      brokers: [...addresses],
      logLevel: logLevel.NOTHING,
      connectionTimeout: 1_000,
      retry: { retries: 0 },
    })
    const admin = kafka.admin()
    try {
      await admin.connect()
      const { brokers } = await admin.describeCluster()
      return size === undefined || brokers.length === size ? true : undefined
    } finally {
      await admin.disconnect()
    }
  })
}

/** Resolves when the registry lists its subjects. */
export async function registryAnswers(registryUrl: string, signal?: AbortSignal): Promise<void> {
  await until({ what: `the schema registry answers at ${registryUrl}`, deadlineMs, signal }, async () => {
    const response = await fetch(`${registryUrl}/subjects`, { signal: AbortSignal.timeout(5_000) })
    await response.arrayBuffer()
    return response.ok ? true : undefined
  })
}
