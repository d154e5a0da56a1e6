/** What a failed `open` or `commit` is called: code, sentence, remedy. Decided by cause and by whether the commit had been asked for. */
import { ConnectorError, codeOf } from '../errors.ts'
import { causeOf, textOf, unauthorized, unreachable } from './failures.ts'

/** Whether EndTxn may have been sent: before it, nothing of the batch can become visible. */
export type Phase = 'sending' | 'committing'

export interface OpenContext {
  readonly brokers: readonly string[]
  readonly transactionalId: string
  readonly topics: readonly string[]
  readonly transactionTimeoutMs: number
  readonly openMs: number
}

/** The error of an `open` that will not be tried again. */
export function openFailure(context: OpenContext, error: unknown): ConnectorError {
  const { brokers, transactionalId, topics, transactionTimeoutMs, openMs } = context
  const doing = `opening transactional id ${transactionalId}`
  if (error instanceof ConnectorError) return error
  switch (causeOf(error)) {
    case 'unauthorized':
      return unauthorized(doing, error)
    case 'misfit': {
      const text = `${doing}: the broker allows no transactions of ${transactionTimeoutMs} ms; raise transaction.max.timeout.ms`
      return new ConnectorError('SETTINGS_INVALID', text, { cause: error })
    }
    case 'missing':
      return new ConnectorError('TOPIC_MISSING', `${doing}: one of the topics ${topics.join(', ')} does not exist; create it`, {
        cause: error,
      })
    default:
      return unreachable(doing, brokers, openMs, error)
  }
}

/** Failures of `open` that no second attempt can cure. */
export function isFinal(error: unknown): boolean {
  if (error instanceof ConnectorError) return true
  return ['unauthorized', 'misfit'].includes(causeOf(error))
}

/** The error of a failed `commit`. */
export function commitFailure(transactionalId: string, phase: Phase, error: unknown): ConnectorError {
  if (error instanceof ConnectorError && codeOf(error) !== 'COMMIT_UNKNOWN') return error
  const outcome = phase === 'sending' ? 'it was not committed' : 'it may or may not be committed: ask the ledger'
  const doing = `transaction of ${transactionalId}`
  switch (causeOf(error)) {
    case 'fenced': {
      const text = `${doing}: ${textOf(error)}, ${outcome}; a newer instance owns it, or the coordinator timed it out`
      return new ConnectorError('FENCED', text, { cause: error })
    }
    case 'unauthorized':
      return unauthorized(doing, error)
    case 'refused': {
      const text = `${doing}: the broker refuses the records (${textOf(error)}), ${outcome}; ${remedyFor(textOf(error))}`
      return new ConnectorError('TOPIC_MISCONFIGURED', text, { cause: error })
    }
    default:
      return new ConnectorError('COMMIT_UNKNOWN', `${doing} failed (${textOf(error)}); ${outcome}`, { cause: error })
  }
}

function remedyFor(code: string): string {
  switch (code) {
    case 'MESSAGE_TOO_LARGE':
    case 'RECORD_LIST_TOO_LARGE':
      return 'the batch of one partition is larger than max.message.bytes of its topic: give it back its default of 1048588 or more (kafka-configs.sh)'
    case 'INVALID_TIMESTAMP':
      return 'check the clock of this machine, and message.timestamp.before.max.ms and message.timestamp.after.max.ms of the topic'
    case 'UNSUPPORTED_COMPRESSION_TYPE':
      return 'choose another kafka.compression'
    default:
      return 'check the settings of the topic (kafka-configs.sh --describe --entity-type topics)'
  }
}
