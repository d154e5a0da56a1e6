/**
 * The only place where an error becomes a decision. The table is total: a new code does not compile without a row, and no row is a default.
 */
import { ConnectorError, codeOf, type ErrorCode } from '../errors.ts'

/**
 * - `retry`: the state is still good; wait and go on.
 * - `recall`: the state is void; fence, recall and go on.
 * - `confirm`: the same if Kafka confirms that the account is still ours; else stand by, or with `--once` end.
 * - `reprobe`: the API does not hear the question as it is put: find out anew how to ask, and if that was done just now, `fail_account`.
 * - `fail_account`: this account cannot be read as it is set up; others go on, it is tried again later.
 * - `stop`: the program ends.
 */
export type Decision = 'retry' | 'recall' | 'confirm' | 'reprobe' | 'fail_account' | 'stop'

export interface Verdict {
  readonly decision: Decision
  /** The exit code when the program ends because of this: 0, 2 settings, 3 the API, 4 Kafka or registry, 5 fenced, 70 a bug. */
  readonly exitCode: 0 | 2 | 3 | 4 | 5 | 70
  readonly remedy: string
}

const API = 'see accounts[] in the settings'

export const POLICY: Readonly<Record<ErrorCode, Verdict>> = {
  SETTINGS_INVALID: { decision: 'stop', exitCode: 2, remedy: 'correct the settings named' },
  ARGUMENTS_INVALID: { decision: 'stop', exitCode: 2, remedy: 'see --help' },
  PORT_UNAVAILABLE: { decision: 'stop', exitCode: 2, remedy: 'free the port, or set http.port' },

  API_UNAUTHORIZED: { decision: 'fail_account', exitCode: 3, remedy: `check sid and apiKey; ${API}` },
  API_REJECTED: {
    decision: 'reprobe',
    exitCode: 3,
    remedy: `the API refuses the request as sent; check url and api.style; ${API}`,
  },
  API_REDIRECTED: {
    decision: 'fail_account',
    exitCode: 3,
    remedy: 'set accounts[].url to the final address; a key is never sent along a redirect',
  },
  API_CLOCK_SKEW: { decision: 'fail_account', exitCode: 3, remedy: 'set the clock of this machine (NTP)' },
  API_TIME_ZONE: { decision: 'fail_account', exitCode: 3, remedy: 'set accounts[].timeZone' },
  API_FILTER_IGNORED: { decision: 'reprobe', exitCode: 3, remedy: 'check api.style' },
  API_UNPROVED: { decision: 'fail_account', exitCode: 3, remedy: 'name the style the account is served with in api.style' },
  API_TOO_LARGE: { decision: 'fail_account', exitCode: 3, remedy: 'lower api.pageSize' },
  API_THROTTLED: { decision: 'retry', exitCode: 3, remedy: 'lower api.requestsPerSecond' },
  API_UNAVAILABLE: { decision: 'retry', exitCode: 3, remedy: 'wait for the API, or check accounts[].url and the network' },
  API_MALFORMED: {
    decision: 'retry',
    exitCode: 3,
    remedy: 'check that accounts[].url is the API and no proxy answers for it, or name api.style',
  },

  COMMIT_UNKNOWN: { decision: 'recall', exitCode: 4, remedy: 'check the brokers; the ledger is asked what was committed' },
  KAFKA_UNREACHABLE: {
    decision: 'recall',
    exitCode: 4,
    remedy: 'check kafka.brokers, kafka.sasl.tokenEndpoint where tokens are used, and the network',
  },
  LEDGER_BLOCKED: { decision: 'stop', exitCode: 4, remedy: 'end the foreign transaction named' },
  KAFKA_UNAUTHORIZED: { decision: 'stop', exitCode: 4, remedy: 'check kafka.sasl, kafka.ssl and the ACLs' },
  TOPIC_MISSING: { decision: 'stop', exitCode: 4, remedy: 'create the topic, or allow kafka.createTopics' },
  TOPIC_MISCONFIGURED: { decision: 'stop', exitCode: 4, remedy: 'alter the topic as named' },
  LEDGER_MISMATCH: { decision: 'stop', exitCode: 4, remedy: 'restore the settings the ledger was written with' },
  LEDGER_UNREADABLE: { decision: 'stop', exitCode: 4, remedy: 'start the release that wrote the ledger' },
  LEDGER_FULL: { decision: 'stop', exitCode: 4, remedy: 'raise records.maxSeen' },
  REGISTRY_UNREACHABLE: { decision: 'stop', exitCode: 4, remedy: 'check registry.url and the network' },
  REGISTRY_REJECTED: { decision: 'stop', exitCode: 4, remedy: 'see the registry’s reason' },
  FENCED: {
    decision: 'confirm',
    exitCode: 5,
    remedy: 'another instance of this name owns the account; nothing needs to be done',
  },

  STOPPED: { decision: 'stop', exitCode: 0, remedy: 'none' },
  BUG: { decision: 'stop', exitCode: 70, remedy: 'please report this with the log' },
}

/**
 * What to do about a thrown value. A key that the API itself rejects is wrong; one refused without a code of the API's own was refused by something
 * in front of it, which may mind the way of asking instead.
 */
export function decisionOn(error: unknown): Decision {
  const code = codeOf(error)
  if (code === 'API_UNAUTHORIZED' && error instanceof ConnectorError && error.apiCode === undefined) return 'reprobe'
  return POLICY[code].decision
}
