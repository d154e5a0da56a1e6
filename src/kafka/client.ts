/**
 * The one door to kafkajs: its settings and its silence. No kafkajs type leaves this folder.
 *
 * Everything here is short-lived: whoever needs Kafka asks for a client of its own and cuts it when done or in doubt, because a kafkajs
 * object that has seen an error keeps wrong state (sequences, transaction states, responses per broker).
 */
import kafkajs, { type Kafka, type Mechanism, type Producer, type RetryOptions, type SASLOptions } from 'kafkajs'
import Cluster from 'kafkajs/src/cluster/index.js'
import createProducer from 'kafkajs/src/producer/index.js'
import { ConnectorError } from '../errors.ts'
import { registerCodecs } from './codecs.ts'
import { hardenKafkajs } from './hardening.ts'
import { oauthBearer } from './oauth-bearer.ts'
import { takeOverProduceEncoding } from './produce-encoding.ts'
import { Sockets } from './sockets.ts'

export interface TlsOptions {
  readonly enabled: boolean
  /** PEM. */
  readonly ca?: Buffer | string
  readonly cert?: Buffer | string
  readonly key?: Buffer | string
}

export type SaslOptions =
  | { readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; readonly username: string; readonly password: string }
  /** `token` is asked for every connection, and again before a session of it ends. Its coded errors decide what follows. */
  | { readonly mechanism: 'oauthbearer'; readonly token: () => Promise<string> }

export interface KafkaOptions {
  readonly clientId: string
  /** `host:port` each. */
  readonly brokers: readonly string[]
  readonly ssl?: TlsOptions
  readonly sasl?: SaslOptions
}

export type KafkaLogLevel = 'error' | 'warn'
/**
 * What kafkajs has to say: its sentence only, never its extra fields. Worth no more than a debug line: whatever failed for good is thrown,
 * and most of the rest is about attempts that are repeated.
 */
export type KafkaLog = (level: KafkaLogLevel, message: string) => void

/** A cluster connection of its own; `cut` ends it at once, whatever it is doing. */
export interface OpenCluster {
  readonly cluster: Cluster
  cut(): void
}

export interface OpenProducer extends OpenCluster {
  readonly producer: Producer
}

export interface KafkaClient {
  readonly brokers: readonly string[]
  /** Connects on first use. */
  cluster(): OpenCluster
  /** A transactional producer without retries, one request in flight; the partition of every message must be set. */
  producer(options: { readonly transactionalId: string; readonly transactionTimeoutMs: number }): OpenProducer
  /** kafkajs's public client, for consumer groups. */
  kafka(): { readonly kafka: Kafka; cut(): void }
}

const { Kafka: KafkaClass, logLevel } = kafkajs

/** Within kafkajs, for reconnecting and finding coordinators; all keys set, since under NODE_ENV=test its defaults are others. */
const retry: RetryOptions = { initialRetryTime: 100, maxRetryTime: 5_000, retries: 8, factor: 0.2, multiplier: 2 }
/** For anything that takes a sequence number or changes a transaction: never again by kafkajs, only by us. */
const noRetry: RetryOptions = { ...retry, retries: 0 }
const metadataMaxAgeMs = 300_000
const network = {
  connectionTimeout: 10_000,
  authenticationTimeout: 10_000,
  reauthenticationThreshold: 10_000,
  requestTimeout: 30_000,
  enforceRequestTimeout: true,
}

/** Connects nothing. Throws `BUG` without brokers. */
export function createKafka(options: KafkaOptions, log: KafkaLog): KafkaClient {
  if (options.brokers.length === 0) throw new ConnectorError('BUG', 'no Kafka brokers were given')
  hardenKafkajs()
  takeOverProduceEncoding()
  registerCodecs()
  const brokers = [...options.brokers]
  const ssl = tlsOf(options.ssl)

  const open = () => {
    const sockets = new Sockets()
    const logCreator = () => (entry: { readonly level: number; readonly log: { readonly message: string } }) => {
      if (!sockets.isCut() && !isNoise(entry.log.message))
        log(entry.level === logLevel.ERROR ? 'error' : 'warn', entry.log.message)
    }
    const sasl = saslOf(options.sasl)
    const common = { clientId: options.clientId, brokers, socketFactory: sockets.factory, ...network }
    const kafka = new KafkaClass({
      ...common,
      retry,
      logLevel: logLevel.WARN,
      logCreator,
      ...(ssl && { ssl }),
      ...(sasl && { sasl }),
    })
    const cluster = (maxInFlightRequests: number | null) =>
      new Cluster({
        ...common,
        logger: kafka.logger(),
        ssl,
        sasl,
        retry,
        metadataMaxAge: metadataMaxAgeMs,
        allowAutoTopicCreation: false,
        maxInFlightRequests,
      })
    return { sockets, kafka, cluster }
  }

  return {
    brokers,
    cluster() {
      const { sockets, cluster: build } = open()
      const cluster = build(null)
      return { cluster, cut: () => cutOff(sockets, cluster) }
    },
    producer({ transactionalId, transactionTimeoutMs }) {
      const { sockets, kafka, cluster: build } = open()
      const cluster = build(1)
      cluster.retry = noRetry
      const producer = createProducer({
        cluster,
        logger: kafka.logger(),
        retry: noRetry,
        createPartitioner: () => ours,
        transactionalId,
        transactionTimeout: transactionTimeoutMs,
      })
      return { cluster, producer, cut: () => cutOff(sockets, cluster) }
    },
    kafka() {
      const { sockets, kafka } = open()
      return { kafka, cut: () => sockets.cut() }
    },
  }
}

/** Sentences without a fact in them, and the answer that is normal after every commit. */
function isNoise(message: string): boolean {
  return message.startsWith('Response ') || message.includes('concurrent operation on the same transaction')
}

/** The partition is ours: kafkajs partitions again when it repeats a send, and keyless records then land elsewhere. */
function ours({ message }: { readonly message: { readonly partition?: number } }): number {
  if (message.partition === undefined) throw new ConnectorError('BUG', 'a message without a partition reached kafkajs')
  return message.partition
}

function cutOff(sockets: Sockets, cluster: Cluster): void {
  sockets.cut()
  // Stops its timers; with the sockets gone there is nothing left to wait for.
  cluster.disconnect().catch(() => {})
}

function tlsOf(options: TlsOptions | undefined) {
  if (!options?.enabled) return null
  const { ca, cert, key } = options
  return { ...(ca !== undefined && { ca: [ca] }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) }
}

/** A fresh object each time: kafkajs writes into it. */
function saslOf(options: SaslOptions | undefined): SASLOptions | Mechanism | null {
  if (options === undefined) return null
  if (options.mechanism === 'oauthbearer') return oauthBearer(options.token)
  const login: SASLOptions = { ...options }
  return login
}
