/** The commands an operator can paste when a topic is missing or set up differently from what we depend on. */
import { ConnectorError } from '../errors.ts'
import type { TopicSpec } from '../ports.ts'

/** The command that creates a topic as `ensure` would. */
export function createCommand(brokers: readonly string[], spec: TopicSpec): string {
  const { name, partitions, replicationFactor, config, required } = spec
  const replicas = replicationFactor > 0 ? ` --replication-factor ${replicationFactor}` : ''
  const settings = Object.entries({ ...config, ...required }).map(([setting, value]) => ` --config ${setting}=${value}`)
  return `kafka-topics.sh --bootstrap-server ${brokers[0]} --create --topic ${name} --partitions ${partitions}${replicas}${settings.join('')}`
}

/** `TOPIC_MISCONFIGURED` with what is set, what is needed and the command. */
export function misconfigured(
  brokers: readonly string[],
  name: string,
  wrong: readonly (readonly [setting: string, needed: string])[],
  found: ReadonlyMap<string, string | null>,
): ConnectorError {
  const now = wrong.map(([setting]) => `${setting}=${found.get(setting) ?? 'unknown'}`).join(', ')
  const needed = wrong.map(([setting, value]) => `${setting}=${value}`).join(',')
  const command = `kafka-configs.sh --bootstrap-server ${brokers[0]} --alter --entity-type topics --entity-name ${name} --add-config ${needed}`
  return new ConnectorError('TOPIC_MISCONFIGURED', `topic ${name} has ${now}, but must have ${needed}: ${command}`)
}
