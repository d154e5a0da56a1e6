/**
 * What a failure of kafkajs means for us. kafkajs wraps the broker's answer up to three times and marks answers that pass by themselves as
 * `retriable: false` (measured: a broker that is down), so its flags are ignored: the chain of causes is searched for the broker's own code.
 */
import { ConnectorError, type ErrorCode } from '../errors.ts'

export type Cause =
  | 'fenced' // a newer producer exists, or the coordinator timed our transaction out
  | 'contended' // the previous transaction is still being closed: ask again soon
  | 'unauthorized'
  | 'refused' // the record or batch as such: sending it again will never help
  | 'missing' // topic or partition unknown to the broker
  | 'misfit' // broker and connector cannot agree on a transaction timeout
  | 'passing' // everything else: broker down, leader moved, time-outs, codes we do not know

const causes: Readonly<Record<string, Cause>> = {
  INVALID_PRODUCER_EPOCH: 'fenced',
  PRODUCER_FENCED: 'fenced',
  // The coordinator knows our id with another producer id: it expired, or a newer owner got a fresh one. Ownership decides, as for an epoch.
  INVALID_PRODUCER_ID_MAPPING: 'fenced',
  // INVALID_TXN_STATE is not here: the coordinator compares epochs first, so it says nothing about another owner.
  CONCURRENT_TRANSACTIONS: 'contended',
  TOPIC_AUTHORIZATION_FAILED: 'unauthorized',
  GROUP_AUTHORIZATION_FAILED: 'unauthorized',
  CLUSTER_AUTHORIZATION_FAILED: 'unauthorized',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'unauthorized',
  SASL_AUTHENTICATION_FAILED: 'unauthorized',
  UNSUPPORTED_SASL_MECHANISM: 'unauthorized',
  SECURITY_DISABLED: 'unauthorized',
  MESSAGE_TOO_LARGE: 'refused',
  RECORD_LIST_TOO_LARGE: 'refused',
  INVALID_RECORD: 'refused',
  INVALID_TIMESTAMP: 'refused',
  INVALID_TOPIC_EXCEPTION: 'refused',
  UNSUPPORTED_COMPRESSION_TYPE: 'refused',
  UNSUPPORTED_FOR_MESSAGE_FORMAT: 'refused',
  POLICY_VIOLATION: 'refused',
  UNKNOWN_TOPIC_OR_PARTITION: 'missing',
  INVALID_TRANSACTION_TIMEOUT: 'misfit',
}

/** Codes newer than kafkajs, which it reports as `KAFKAJS_UNKNOWN_ERROR_CODE` with the number in the text only. */
const newerCodes: Readonly<Record<string, string>> = {
  89: 'THROTTLING_QUOTA_EXCEEDED',
  90: 'PRODUCER_FENCED',
  120: 'TRANSACTION_ABORTABLE',
}

const field = (value: object, name: string): unknown => (name in value ? Reflect.get(value, name) : undefined)

/** The error itself and what it wraps, outermost first; at most eight, since a chain may be a ring. */
function* chain(error: unknown): Generator<object> {
  let link = error
  for (let depth = 0; depth < 8 && typeof link === 'object' && link !== null; depth++) {
    yield link
    const errors = field(link, 'errors')
    link = Array.isArray(errors) && errors.length > 0 ? errors[0] : field(link, 'cause')
  }
}

/** The broker's name for what went wrong (`NOT_LEADER_FOR_PARTITION`), or `undefined` when no broker answered. */
export function brokerCode(error: unknown): string | undefined {
  for (const link of chain(error)) {
    const type = field(link, 'type')
    if (type === 'KAFKAJS_UNKNOWN_ERROR_CODE') {
      const number = /(\d+)\s*$/.exec(String(field(link, 'message')))?.[1] ?? ''
      return newerCodes[number] ?? `code ${number}`
    }
    if (typeof type === 'string') return type
  }
  return undefined
}

const LOGIN_CODES: readonly ErrorCode[] = ['KAFKA_UNAUTHORIZED', 'KAFKA_UNREACHABLE']

/** What our own part of a login threw, within kafkajs's wrappers: no token could be had, or the broker refuses it. */
function loginFailure(error: unknown): ConnectorError | undefined {
  for (const link of chain(error)) if (link instanceof ConnectorError && LOGIN_CODES.includes(link.code)) return link
  return undefined
}

/** What a failure means. */
export function causeOf(error: unknown): Cause {
  const login = loginFailure(error)
  if (login !== undefined) return login.code === 'KAFKA_UNAUTHORIZED' ? 'unauthorized' : 'passing'
  const code = brokerCode(error)
  if (code !== undefined) return causes[code] ?? 'passing'
  for (const link of chain(error)) if (field(link, 'name') === 'KafkaJSSASLAuthenticationError') return 'unauthorized'
  return 'passing'
}

/** One line for a message: the broker's code, or the innermost text. Holds addresses and topic names, never a record. */
export function textOf(error: unknown): string {
  const login = loginFailure(error)
  if (login !== undefined) return login.message
  const code = brokerCode(error)
  if (code !== undefined) return code
  let text = 'no answer'
  for (const link of chain(error)) {
    const message = field(link, 'message')
    if (typeof message === 'string' && message !== '') text = message
  }
  return text
}

const mayNot: Readonly<Record<string, string>> = {
  TOPIC_AUTHORIZATION_FAILED: 'allow Read, Write and Describe on the topics (kafka-acls.sh --add --operation ...)',
  GROUP_AUTHORIZATION_FAILED: 'allow Read on the consumer group (kafka-acls.sh --add --operation Read --group ...)',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    'allow Write and Describe on the transactional id (kafka-acls.sh --add --transactional-id ...)',
  CLUSTER_AUTHORIZATION_FAILED: 'allow the operation on the cluster (kafka-acls.sh --add --cluster ...)',
}

/** `KAFKA_UNAUTHORIZED` for what was being done, with the right that is missing. */
export function unauthorized(doing: string, error: unknown): ConnectorError {
  const login = loginFailure(error)
  if (login !== undefined) return new ConnectorError('KAFKA_UNAUTHORIZED', `${doing}: ${login.message}`, { cause: login.cause })
  const code = textOf(error)
  const remedy = mayNot[code] ?? 'check kafka.sasl (mechanism, username, password) and kafka.ssl'
  return new ConnectorError('KAFKA_UNAUTHORIZED', `${doing}: Kafka refused (${code}); ${remedy}`, { cause: error })
}

/** `KAFKA_UNREACHABLE` after `ms` of trying, in one line with the addresses and what to check. */
export function unreachable(doing: string, brokers: readonly string[], ms: number, error: unknown): ConnectorError {
  const seconds = Math.round(ms / 100) / 10
  const where = brokers.join(', ')
  const login = loginFailure(error)
  if (login !== undefined) {
    const text = `${doing}: no login at ${where} within ${seconds} s: ${login.message}`
    return new ConnectorError('KAFKA_UNREACHABLE', text, { cause: login.cause })
  }
  const check = 'check kafka.brokers, the network, kafka.ssl, and that the advertised listeners can be reached from here'
  return new ConnectorError(
    'KAFKA_UNREACHABLE',
    `${doing}: no usable answer from ${where} within ${seconds} s (${textOf(error)}); ${check}`,
    {
      cause: error,
    },
  )
}
