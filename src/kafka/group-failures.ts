/** Refusals of a group coordinator that will not pass by themselves. */
import { ConnectorError } from '../errors.ts'
import { brokerCode, causeOf, unauthorized } from './failures.ts'

const settings: Readonly<Record<string, string>> = {
  INCONSISTENT_GROUP_PROTOCOL: 'its members are not instances of this connector; give the connector another `name`, or end them',
  INVALID_GROUP_ID: 'Kafka takes no group of this name; give the connector another `name`',
  INVALID_SESSION_TIMEOUT:
    'the broker allows no session of 10 s; set its group.min.session.timeout.ms to 10000 or less and group.max.session.timeout.ms to more',
}

/** `null` for what may pass: a coordinator that moves, a broker that is down, a member that was given up. */
export function finalFailure(group: string, error: unknown): ConnectorError | null {
  if (error instanceof ConnectorError) return error
  if (causeOf(error) === 'unauthorized') return unauthorized(`joining consumer group ${group}`, error)
  const remedy = settings[brokerCode(error) ?? '']
  if (remedy === undefined) return null
  return new ConnectorError('SETTINGS_INVALID', `consumer group ${group}: ${remedy}`, { cause: error })
}
