import { describe, expect, test } from 'vitest'
import { ConnectorError } from '../../src/errors.ts'
import { brokerCode, causeOf, textOf, unauthorized, unreachable } from '../../src/kafka/failures.ts'
import { commitFailure, isFinal, openFailure } from '../../src/kafka/publisher-failures.ts'

/** An error as kafkajs throws it: the broker's answer inside up to two wrappers, with flags that lie. */
function wrapped(type: string, message = 'text'): Error {
  const inner = Object.assign(new Error(message), { name: 'KafkaJSProtocolError', type, retriable: false })
  const outer = Object.assign(new Error(message, { cause: inner }), { name: 'KafkaJSNumberOfRetriesExceeded', retriable: true })
  return Object.assign(new Error(message, { cause: outer }), { name: 'KafkaJSNonRetriableError', retriable: false })
}

const context = {
  brokers: ['one:9092', 'two:9092'],
  transactionalId: 'tx',
  topics: ['t'],
  transactionTimeoutMs: 60_000,
  openMs: 60_000,
}

describe('a failure of kafkajs', () => {
  test('is told by the broker’s code however deep it is wrapped', () => {
    expect([brokerCode(wrapped('NOT_LEADER_FOR_PARTITION')), brokerCode(new Error('x')), brokerCode('text')]).toEqual([
      'NOT_LEADER_FOR_PARTITION',
      undefined,
      undefined,
    ])
  })

  test('is found within an aggregate, and a ring of causes ends', () => {
    const ring = new Error('ring')
    ring.cause = ring

    expect(causeOf(Object.assign(new Error('many'), { errors: [wrapped('TOPIC_AUTHORIZATION_FAILED')] }))).toBe('unauthorized')
    expect(causeOf(ring)).toBe('passing')
  })

  test('with a code newer than kafkajs is read from its text', () => {
    expect(causeOf(wrapped('KAFKAJS_UNKNOWN_ERROR_CODE', 'Unknown error code 90'))).toBe('fenced')
    expect(textOf(wrapped('KAFKAJS_UNKNOWN_ERROR_CODE', 'Unknown error code 109'))).toBe('code 109')
  })

  test('of SASL without a broker code is missing authorisation', () => {
    expect(causeOf(Object.assign(new Error('no'), { name: 'KafkaJSSASLAuthenticationError' }))).toBe('unauthorized')
  })

  test('to log in is told in the words of the token endpoint, however deep, and passes only when that was the server’s trouble', () => {
    const login = (code: 'KAFKA_UNAUTHORIZED' | 'KAFKA_UNREACHABLE', text: string) => {
      const own = new ConnectorError(code, text, { cause: new Error('ECONNRESET') })
      const inner = Object.assign(new Error(text, { cause: own }), { name: 'KafkaJSNonRetriableError', retriable: false })
      return Object.assign(new Error(text, { cause: inner }), { name: 'KafkaJSNumberOfRetriesExceeded' })
    }
    const [refused, down] = [login('KAFKA_UNAUTHORIZED', 'no such client'), login('KAFKA_UNREACHABLE', 'the endpoint is down')]

    expect([refused, down].map(causeOf)).toEqual(['unauthorized', 'passing'])
    expect(unauthorized('opening', refused).message).toBe('opening: no such client')
    expect(unreachable('opening', ['one:9092'], 5_000, down).message).toBe(
      'opening: no login at one:9092 within 5 s: the endpoint is down',
    )
    expect(commitFailure('tx', 'sending', down)).toMatchObject({ code: 'COMMIT_UNKNOWN' })
    expect([isFinal(refused), isFinal(down)]).toEqual([true, false])
  })

  test('to authorise names the right to grant', () => {
    const error = unauthorized('opening', wrapped('TRANSACTIONAL_ID_AUTHORIZATION_FAILED'))

    expect([error.code, error.message]).toEqual(['KAFKA_UNAUTHORIZED', expect.stringContaining('--transactional-id')])
  })

  test('to reach Kafka is one line with the addresses and what to check', () => {
    const { code, message } = unreachable('opening', context.brokers, 30_000, new Error('Connection error: ECONNREFUSED'))

    expect(code).toBe('KAFKA_UNREACHABLE')
    expect(message).toMatch(
      /^[^\n]*one:9092, two:9092 within 30 s \(Connection error: ECONNREFUSED\); check kafka.brokers[^\n]*$/,
    )
  })
})

describe('a failed commit', () => {
  const codes = (phase: 'sending' | 'committing', ...types: string[]) =>
    types.map(type => commitFailure('tx', phase, wrapped(type)).code)

  test('is fenced by an older epoch and by a foreign producer id', () => {
    expect(codes('sending', 'INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING')).toEqual(['FENCED', 'FENCED'])
  })

  test('is unknown for whatever passes by itself, and for a state that says nothing about another owner', () => {
    expect(
      codes('committing', 'NOT_COORDINATOR', 'REQUEST_TIMED_OUT', 'INVALID_TXN_STATE', 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN'),
    ).toEqual(Array(5).fill('COMMIT_UNKNOWN'))
  })

  test('is final when the records are refused', () => {
    expect(codes('sending', 'MESSAGE_TOO_LARGE', 'INVALID_RECORD', 'TOPIC_AUTHORIZATION_FAILED')).toEqual([
      'TOPIC_MISCONFIGURED',
      'TOPIC_MISCONFIGURED',
      'KAFKA_UNAUTHORIZED',
    ])
  })

  test('says whether the commit had been asked for', () => {
    expect(commitFailure('tx', 'sending', wrapped('REQUEST_TIMED_OUT')).message).toContain('it was not committed')
    expect(commitFailure('tx', 'committing', wrapped('REQUEST_TIMED_OUT')).message).toContain('may or may not be committed')
  })

  test('keeps a code of ours and every cause', () => {
    const stopped = new ConnectorError('STOPPED', 'stopped')
    const cause = wrapped('UNKNOWN')

    expect(commitFailure('tx', 'sending', stopped)).toBe(stopped)
    expect(commitFailure('tx', 'sending', cause).cause).toBe(cause)
  })
})

describe('a failed open', () => {
  test('is final only where a second attempt cannot help', () => {
    expect(
      ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'INVALID_TRANSACTION_TIMEOUT', 'COORDINATOR_NOT_AVAILABLE'].map(type =>
        isFinal(wrapped(type)),
      ),
    ).toEqual([true, true, false])
  })

  test('is named by its cause', () => {
    const codes = [
      'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
      'INVALID_TRANSACTION_TIMEOUT',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'COORDINATOR_NOT_AVAILABLE',
    ]

    expect(codes.map(type => openFailure(context, wrapped(type)).code)).toEqual([
      'KAFKA_UNAUTHORIZED',
      'SETTINGS_INVALID',
      'TOPIC_MISSING',
      'KAFKA_UNREACHABLE',
    ])
  })
})
