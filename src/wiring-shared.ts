/** What all accounts of one process share, made once. */
import { systemClock } from './host/clock.ts'
import { proxyVariables } from './host/environment.ts'
import { readTlsFiles } from './host/tls-files.ts'
import { createKafka, type KafkaClient, type SaslOptions } from './kafka/client.ts'
import { connectToGroup } from './kafka/group-coordinator.ts'
import { createLedgerReader } from './kafka/ledger-reader.ts'
import { Membership, REBALANCE_MS, SESSION_MS } from './kafka/membership.ts'
import { createPublisher } from './kafka/publisher.ts'
import { SharedPublisher } from './kafka/shared-publisher.ts'
import { requestToken, type TokenLogin } from './kafka/token-request.ts'
import { Tokens } from './kafka/tokens.ts'
import { type Budget, createBudget } from './kaleyra/budget.ts'
import type { Clock } from './ports.ts'
import type { Settings } from './settings.ts'
import { errorFields } from './telemetry/error-fields.ts'
import type { Log } from './telemetry/log.ts'

export const clock: Clock = systemClock

const TRANSACTION_TIMEOUT_MS = 60_000

/** The registry as the settings name it, by the way that the environment says. */
export const registryOf = ({ registry }: Settings) => ({ ...registry, proxyEnv: proxyVariables() })

/** For a client that outlives its login: where its settings can be read again, and until when its token is renewed ahead of need. */
export interface LongLived {
  readonly reread: () => Settings | undefined
  readonly signal: AbortSignal
}

export function createClient(settings: Settings, log: Log, longLived?: LongLived): KafkaClient {
  const { name, kafka } = settings
  const { ssl } = kafka
  const sasl = saslOf(kafka.sasl, log, longLived)
  return createKafka(
    {
      clientId: `call-log-source-${name}`,
      brokers: kafka.brokers,
      ...(ssl.enabled && {
        ssl: { enabled: true, ...readTlsFiles(ssl, 'kafka.ssl') },
      }),
      ...(sasl !== undefined && { sasl }),
    },
    (_, message) => log.debug({ event: 'kafka.client' }, message),
  )
}

function saslOf(sasl: Settings['kafka']['sasl'], log: Log, longLived: LongLived | undefined): SaslOptions | undefined {
  if (sasl?.mechanism !== 'oauthbearer') return sasl
  const reread = () => {
    const now = longLived?.reread()?.kafka.sasl
    return now?.mechanism === 'oauthbearer' ? now : undefined
  }
  const ask = (login: TokenLogin) => requestToken({ login, clock, proxyEnv: proxyVariables() })
  const tokens = new Tokens({ ask, login: sasl, reread, clock })
  if (longLived !== undefined) {
    const onUnrenewed = (error: unknown, leftMs: number) => {
      const left = `the one at hand can be used for ${Math.round(leftMs / 1_000)} s`
      log.warn({ event: 'token.unrenewed', leftMs, ...errorFields(error) }, `no new token for Kafka; ${left}`)
    }
    void tokens.keepFresh(onUnrenewed, longLived.signal)
  }
  return { mechanism: 'oauthbearer', token: () => tokens.token() }
}

/** The place in the consumer group, the request budget of an API key, the producer of a ledger partition. */
export interface Shared {
  readonly membership: Membership
  readonly budgetOf: (apiKey: string) => Budget
  readonly publisherOf: (ledgerPartition: number) => SharedPublisher
}

export function createShared({ name, api, kafka }: Settings, client: KafkaClient, { once }: { readonly once: boolean }): Shared {
  const { compression, topics: names } = kafka
  const topics = [names.events, names.deadLetters, names.ledger]
  const tuning = { compression, transactionTimeoutMs: TRANSACTION_TIMEOUT_MS }
  const reader = createLedgerReader({ client, clock, blockedMs: 2 * TRANSACTION_TIMEOUT_MS })
  const publisherOf = (ledgerPartition: number) => {
    const transactionalId = `${name}-${ledgerPartition}`
    const publisher = createPublisher({ client, clock, transactionalId, topics, ...tuning })
    return new SharedPublisher({ publisher, reader, clock })
  }
  const group = { client, group: name, topic: names.ledger, sessionMs: SESSION_MS, rebalanceMs: REBALANCE_MS }
  const membership = new Membership({
    connect: deadline => connectToGroup(group, deadline),
    clock,
    group: name,
    brokers: kafka.brokers,
    keeps: once,
  })
  return { membership, budgetOf: createBudgets(api), publisherOf: oncePer(publisherOf) }
}

/** One budget for each API key. */
export function createBudgets(api: Settings['api']): (apiKey: string) => Budget {
  return oncePer(() => createBudget(api, clock))
}

function oncePer<K, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>()
  return key => {
    const found = made.get(key) ?? make(key)
    made.set(key, found)
    return found
  }
}
