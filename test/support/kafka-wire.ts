/**
 * As much of Kafka's protocol as a proxy needs to tell requests apart and to answer the four of a transaction in a broker's place. Request
 * versions are those of kafkajs 2.2.4 (none of them flexible): Produce 7, InitProducerId 1, AddPartitionsToTxn 1, EndTxn 1.
 */

/** Request kinds by their number in the protocol. */
export const api = { produce: 0, metadata: 3, initProducerId: 22, addPartitions: 24, endTxn: 26 } as const

/** What a request frame asks for; `frame` begins with its length. */
export const kindOf = (frame: Buffer): number => frame.readInt16BE(4)

/** Ties an answer to its request: at 8 in a request, at 4 in an answer. */
export const requestId = (frame: Buffer): number => frame.readInt32BE(8)
export const answerId = (frame: Buffer): number => frame.readInt32BE(4)

/** A whole frame that answers `request` with an error code, for all its partitions or for one of them while the others are well. */
export function errorAnswer(request: Buffer, code: number, partition?: number): Buffer {
  const answer = new Answer().int32(requestId(request))
  const codeOf = (each: number) => (partition === undefined || each === partition ? code : 0)
  const body = bodyOf(request)
  switch (kindOf(request)) {
    case api.produce:
      answer.list(producedTo(body), ({ topic, partitions }) =>
        answer.text(topic).list(partitions, each =>
          answer
            .int32(each)
            .int16(codeOf(each))
            .int64(codeOf(each) === 0 ? 0n : -1n)
            .int64(-1n)
            .int64(0n),
        ),
      )
      return answer.int32(0).frame()
    case api.addPartitions:
      answer
        .int32(0)
        .list(addedBy(body), ({ topic, partitions }) =>
          answer.text(topic).list(partitions, each => answer.int32(each).int16(codeOf(each))),
        )
      return answer.frame()
    case api.initProducerId:
      return answer.int32(0).int16(code).int64(-1n).int16(-1).frame()
    case api.endTxn:
      return answer.int32(0).int16(code).frame()
    default:
      throw new Error(`No answer is known for request kind ${kindOf(request)}`)
  }
}

/** Every partition that a Produce or AddPartitionsToTxn request names, of whatever topic. */
export function partitionsOf(request: Buffer): number[] {
  const body = bodyOf(request)
  const named = kindOf(request) === api.produce ? producedTo(body) : kindOf(request) === api.addPartitions ? addedBy(body) : []
  return named.flatMap(({ partitions }) => partitions)
}

interface Named {
  readonly topic: string
  readonly partitions: number[]
}

function bodyOf(request: Buffer): Body {
  const body = new Body(request, 12)
  body.text()
  return body
}

/** Transactional id, acks, timeout, then topics with a record set for each partition. */
function producedTo(body: Body): Named[] {
  body.text()
  body.skip(2 + 4)
  return body.list(() => ({
    topic: body.text(),
    partitions: body.list(() => {
      const partition = body.int32()
      body.skip(body.int32())
      return partition
    }),
  }))
}

/** Transactional id, producer id, epoch, then topics. */
function addedBy(body: Body): Named[] {
  body.text()
  body.skip(8 + 2)
  return body.list(() => ({ topic: body.text(), partitions: body.list(() => body.int32()) }))
}

/** Reads a request's fields one after the other. */
class Body {
  readonly #bytes: Buffer
  #at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  skip(bytes: number): void {
    this.#at += bytes
  }

  int32(): number {
    this.skip(4)
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  /** Null reads as empty. */
  text(): string {
    const length = Math.max(0, this.#bytes.readInt16BE(this.#at))
    this.skip(2 + length)
    return this.#bytes.toString('utf8', this.#at - length, this.#at)
  }

  list<T>(item: () => T): T[] {
    return Array.from({ length: this.int32() }, item)
  }
}

/** Writes an answer's fields one after the other. */
class Answer {
  readonly #parts: Buffer[] = []

  int16 = (value: number) => this.#put(2, part => part.writeInt16BE(value))
  int32 = (value: number) => this.#put(4, part => part.writeInt32BE(value))
  int64 = (value: bigint) => this.#put(8, part => part.writeBigInt64BE(value))

  text(value: string): this {
    this.int16(Buffer.byteLength(value))
    this.#parts.push(Buffer.from(value))
    return this
  }

  list<T>(items: readonly T[], put: (item: T) => void): this {
    this.int32(items.length)
    for (const item of items) put(item)
    return this
  }

  frame(): Buffer {
    const body = Buffer.concat(this.#parts)
    const length = Buffer.alloc(4)
    length.writeInt32BE(body.length)
    return Buffer.concat([length, body])
  }

  #put(bytes: number, write: (part: Buffer) => void): this {
    const part = Buffer.alloc(bytes)
    write(part)
    this.#parts.push(part)
    return this
  }
}
