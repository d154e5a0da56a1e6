/** The encoders of kafkajs 2.2.4 that we use, typed as far as we use them; see `kafkajs-internals.d.ts`. */
declare module 'kafkajs/src/protocol/requests/fetch/v11/request.js' {
  function fetchRequest(options: {
    readonly replicaId: number
    readonly maxWaitTime: number
    readonly minBytes: number
    readonly maxBytes: number
    readonly isolationLevel: number
    readonly topics: readonly {
      readonly topic: string
      readonly partitions: readonly { readonly partition: number; readonly fetchOffset: string; readonly maxBytes: number }[]
    }[]
  }): import('kafkajs/src/cluster/index.js').Request

  export = fetchRequest
}

declare module 'kafkajs/src/protocol/encoder.js' {
  class Encoder {
    writeArray(texts: readonly string[]): Encoder
    writeBoolean(value: boolean): Encoder
  }

  export = Encoder
}

declare module 'kafkajs/src/protocol/error.js' {
  const errors: { createErrorFromCode(code: number): Error }

  export = errors
}

declare module 'kafkajs/src/protocol/requests/index.js' {
  interface ProduceOptions {
    readonly topicData: readonly {
      readonly topic: string
      readonly partitions: readonly {
        readonly partition: number
        readonly firstSequence: number
        readonly messages: readonly object[]
      }[]
    }[]
    readonly acks: number
    readonly timeout: number
    readonly transactionalId: string | null
    readonly producerId: string | number
    readonly producerEpoch: number
    readonly compression: number
  }

  interface Exchange {
    readonly request: import('kafkajs/src/cluster/index.js').Request
    readonly response: unknown
  }

  const protocol: {
    readonly requests: {
      readonly Produce: { protocol: (choice: { readonly version: number }) => (options: ProduceOptions) => Exchange }
    }
  }

  export = protocol
}
