/**
 * The settings of one Kafka node, the same whether it runs on Java or in a container: a broker and controller in one, made
 * for tests. They differ from Kafka's defaults where tests would wait or be surprised.
 */
export interface Node {
  readonly id: number
  /** Where clients find it, as it tells them: host:port. */
  readonly address: string
  /** Where the other nodes find it; `bind` is the address to listen on. */
  readonly broker: string
  readonly controller: string
  readonly bind: string
  readonly folder: string
  /** Where clients log in with tokens, if anywhere. */
  readonly login?: LoginListener | undefined
}

/** A listener for OAUTHBEARER, on which Kafka's own validator judges the tokens. */
export interface LoginListener {
  /** As clients are told: host:port. */
  readonly address: string
  /** The public keys, in a file that the broker reads. */
  readonly jwksFile: string
  readonly audience: string
  /** After this a client must have logged in again, in milliseconds. */
  readonly sessionMs: number
}

/** An id that `kafka-storage format` accepts: 16 bytes in base64url. Constant, since no cluster outlives its run. */
export const clusterId = 'Y2FsbC1sb2ctc291cmNlLQ'

export function brokerSettings(node: Node, nodes: readonly Node[]): Record<string, string> {
  const replicas = String(nodes.length)
  const inSync = String(Math.ceil((nodes.length + 1) / 2))
  const port = (address: string) => address.slice(address.lastIndexOf(':') + 1)
  const { login } = node
  return {
    'process.roles': 'broker,controller',
    'node.id': String(node.id),
    'controller.quorum.voters': nodes.map(each => `${each.id}@${each.controller}`).join(','),
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,LOGIN:SASL_PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'BROKER',
    listeners: `PLAINTEXT://${node.bind}:${port(node.address)},BROKER://${node.bind}:${port(node.broker)},CONTROLLER://${node.bind}:${port(node.controller)}${login === undefined ? '' : `,LOGIN://${node.bind}:${port(login.address)}`}`,
    'advertised.listeners': `PLAINTEXT://${node.address},BROKER://${node.broker}${login === undefined ? '' : `,LOGIN://${login.address}`}`,
    'log.dirs': node.folder,
    'auto.create.topics.enable': 'false',
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    // Fifty partitions each would make the first transaction and the first group of a run wait.
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.num.partitions': '4',
    'group.initial.rebalance.delay.ms': '0',
    // Calls keep their own time; a test about last month must not lose its records to retention.
    'log.retention.ms': '-1',
    // What may be compacted is, within seconds.
    'log.cleaner.backoff.ms': '500',
    // A killed broker and a dead producer's transaction are noticed within seconds, not tens of them.
    'broker.heartbeat.interval.ms': '500',
    'broker.session.timeout.ms': '3000',
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',
    ...(login === undefined ? {} : loginSettings(login)),
  }
}

/** Kafka reads keys from no place that these do not allow. */
export function loginFlags({ jwksFile }: LoginListener): string[] {
  const names = ['urls', 'files'].map(what => `org.apache.kafka.sasl.oauthbearer.allowed.${what}`)
  return names.map(name => `-D${name}=${name.endsWith('urls') ? `file://${jwksFile}` : jwksFile}`)
}

function loginSettings({ jwksFile, audience, sessionMs }: LoginListener): Record<string, string> {
  const oauth = 'org.apache.kafka.common.security.oauthbearer'
  const settings = {
    'sasl.jaas.config': `${oauth}.OAuthBearerLoginModule required;`,
    'sasl.server.callback.handler.class': `${oauth}.OAuthBearerValidatorCallbackHandler`,
    'sasl.oauthbearer.jwks.endpoint.url': `file://${jwksFile}`,
    'sasl.oauthbearer.expected.audience': audience,
    'connections.max.reauth.ms': String(sessionMs),
  }
  return {
    'listener.name.login.sasl.enabled.mechanisms': 'OAUTHBEARER',
    ...Object.fromEntries(Object.entries(settings).map(([name, value]) => [`listener.name.login.oauthbearer.${name}`, value])),
  }
}
