/**
 * The inner parts of kafkajs 2.2.4 that we use, typed as far as we use them. Its public client hides the cluster object, and with it the
 * isolation level of ListOffsets, raw Fetch answers, and the retry settings of the transaction manager. kafkajs is frozen (no code change
 * since 2023) and pinned to the exact version, so these do not move.
 */
declare module 'kafkajs/src/cluster/index.js' {
  import type { ISocketFactory, Logger, Mechanism, RetryOptions, SASLOptions } from 'kafkajs'

  namespace Cluster {
    interface Request {
      readonly apiKey: number
      readonly apiVersion: number
      readonly apiName: string
      encode(): Promise<unknown>
    }

    interface Response<D, T> {
      decode(payload: Buffer): Promise<D>
      parse(decoded: D): Promise<T>
    }

    interface PartitionMetadata {
      readonly partitionId: number
      readonly leader: number
      readonly replicas: readonly number[]
    }

    interface TopicMetadata {
      readonly topic: string
      readonly partitionMetadata: readonly PartitionMetadata[]
    }

    interface CoordinatorRequest {
      readonly groupId: string
      readonly coordinatorType: number
    }

    interface ProducerIdentity {
      readonly transactionalId: string
      readonly producerId: string | number
      readonly producerEpoch: number
    }

    interface ConfigEntry {
      readonly configName: string
      readonly configValue: string | null
    }

    interface Broker {
      readonly connectionPool: {
        /** Authenticates when needed, sends, and hands the raw answer to `response`. */
        send<D, T>(exchange: { readonly request: Request; readonly response: Response<D, T> }): Promise<T>
      }
      findGroupCoordinator(request: CoordinatorRequest): Promise<unknown>
      /** Answers when every member has joined; asks a second time by itself with the id that a newcomer is given. `members` is the leader's only. */
      joinGroup(request: {
        readonly groupId: string
        readonly sessionTimeout: number
        readonly rebalanceTimeout: number
        readonly memberId: string
        readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[]
      }): Promise<{
        readonly generationId: number
        readonly memberId: string
        readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[]
      }>
      syncGroup(request: {
        readonly groupId: string
        readonly generationId: number
        readonly memberId: string
        readonly groupAssignment: readonly { readonly memberId: string; readonly memberAssignment: Buffer }[]
      }): Promise<{ readonly memberAssignment: Buffer }>
      heartbeat(request: {
        readonly groupId: string
        readonly groupGenerationId: number
        readonly memberId: string
      }): Promise<unknown>
      leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<unknown>
      describeGroups(request: { readonly groupIds: readonly string[] }): Promise<{
        readonly groups: readonly {
          readonly state: string
          readonly protocol: string
          readonly members: readonly {
            readonly memberId: string
            readonly clientId: string
            readonly clientHost: string
            readonly memberAssignment: Buffer
          }[]
        }[]
      }>
      /** Throws the broker's code when any of the topics is unknown or a partition has no leader. */
      metadata(topics: readonly string[]): Promise<{ readonly topicMetadata: readonly TopicMetadata[] }>
      createTopics(request: {
        readonly topics: readonly {
          readonly topic: string
          readonly numPartitions: number
          readonly replicationFactor: number
          readonly configEntries: readonly { readonly name: string; readonly value: string }[]
        }[]
        readonly validateOnly?: boolean
        readonly timeout: number
      }): Promise<unknown>
      /** The answers' ids travel on as they are; kafkajs keeps 64 bits as text. */
      initProducerId(request: {
        readonly transactionalId: string
        readonly transactionTimeout: number
      }): Promise<Pick<ProducerIdentity, 'producerId' | 'producerEpoch'>>
      addPartitionsToTxn(
        request: ProducerIdentity & {
          readonly topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[]
        },
      ): Promise<unknown>
      /** `transactionResult` true commits, false aborts; answers when the outcome is decided, before the markers are written. */
      endTxn(request: ProducerIdentity & { readonly transactionResult: boolean }): Promise<unknown>
      describeConfigs(request: {
        readonly resources: readonly { readonly type: number; readonly name: string; readonly configNames: readonly string[] }[]
      }): Promise<{
        readonly resources: readonly { readonly resourceName: string; readonly configEntries: readonly ConfigEntry[] }[]
      }>
      /** `isolationLevel` 0 lists up to the high watermark, 1 up to the last stable offset; `timestamp` -1 is the end, -2 the beginning. */
      listOffsets(request: {
        readonly isolationLevel: number
        readonly topics: readonly {
          readonly topic: string
          readonly partitions: readonly { readonly partition: number; readonly timestamp: number }[]
        }[]
      }): Promise<{
        readonly responses: readonly { readonly partitions: readonly { readonly partition: number; readonly offset: string }[] }[]
      }>
    }
  }

  class Cluster {
    constructor(options: {
      readonly logger: Logger
      readonly socketFactory: ISocketFactory
      readonly brokers: string[]
      readonly ssl: object | null
      readonly sasl: SASLOptions | Mechanism | null
      readonly clientId: string
      readonly connectionTimeout: number
      readonly authenticationTimeout: number
      readonly reauthenticationThreshold: number
      readonly requestTimeout: number
      readonly enforceRequestTimeout: boolean
      readonly metadataMaxAge: number
      readonly retry: RetryOptions
      readonly allowAutoTopicCreation: boolean
      readonly maxInFlightRequests: number | null
    })
    /** Read by the transaction manager, and never set by kafkajs itself: without it, its retries cannot be configured. */
    retry?: RetryOptions
    readonly brokerPool: {
      findConnectedBroker(): Promise<Cluster.Broker>
      /** Tries one broker after the other and swallows what they throw; `null` when all did. */
      withBroker<T>(work: (chosen: { readonly broker: Cluster.Broker }) => Promise<T>): Promise<T | null>
    }
    findGroupCoordinatorMetadata(request: Cluster.CoordinatorRequest): Promise<unknown>
    findGroupCoordinator(request: Cluster.CoordinatorRequest): Promise<Cluster.Broker>
    connect(): Promise<void>
    disconnect(): Promise<void>
    /** Adds to the topics asked for by every refresh and refreshes; with none at all, a refresh asks for every topic of the cluster. */
    addMultipleTargetTopics(topics: readonly string[]): Promise<void>
    refreshMetadata(): Promise<void>
    findTopicPartitionMetadata(topic: string): readonly Cluster.PartitionMetadata[]
    findBroker(which: { readonly nodeId: number }): Promise<Cluster.Broker>
    findControllerBroker(): Promise<Cluster.Broker>
  }

  export = Cluster
}

declare module 'kafkajs/src/broker/index.js' {
  class Broker {
    /** `host:port`. */
    readonly brokerAddress: string
    /** The first question of a connection, unless its answer is known from another one. */
    apiVersions(): Promise<unknown>
  }

  export = Broker
}

declare module 'kafkajs/src/producer/index.js' {
  import type { ICustomPartitioner, Logger, Producer, RetryOptions } from 'kafkajs'
  import type Cluster from 'kafkajs/src/cluster/index.js'

  function createProducer(options: {
    readonly cluster: Cluster
    readonly logger: Logger
    readonly retry: RetryOptions
    readonly createPartitioner: ICustomPartitioner
    readonly transactionalId: string
    readonly transactionTimeout: number
  }): Producer

  export = createProducer
}

declare module 'kafkajs/src/network/requestQueue/index.js' {
  class RequestQueue {
    readonly pending: readonly unknown[]
    scheduleCheckPendingRequests(): void
    /** `requestTimeout` in milliseconds; what is pushed has one only if it is special. */
    createSocketRequest(pushed: { readonly entry: { readonly apiName: string }; readonly requestTimeout?: number | null }): {
      requestTimeout: number
    }
  }

  export = RequestQueue
}
