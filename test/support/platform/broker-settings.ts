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
}

/** An id that `kafka-storage format` accepts: 16 bytes in base64url. Constant, since no cluster outlives its run. */
export const clusterId = 'Y2FsbC1sb2ctc291cmNlLQ'

export function brokerSettings(node: Node, nodes: readonly Node[]): Record<string, string> {
  const replicas = String(nodes.length)
  const inSync = String(Math.ceil((nodes.length + 1) / 2))
  const port = (address: string) => address.slice(address.lastIndexOf(':') + 1)
  return {
    'process.roles': 'broker,controller',
    'node.id': String(node.id),
    'controller.quorum.voters': nodes.map(each => `${each.id}@${each.controller}`).join(','),
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'BROKER',
    listeners: `PLAINTEXT://${node.bind}:${port(node.address)},BROKER://${node.bind}:${port(node.broker)},CONTROLLER://${node.bind}:${port(node.controller)}`,
    'advertised.listeners': `PLAINTEXT://${node.address},BROKER://${node.broker}`,
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
  }
}
