/**
 * Record batches (message format 2) as they lie in a log. Decoded here rather than by kafkajs because recall needs what kafkajs drops: where
 * an empty batch ends, which producer wrote it, and whether it is a marker. Every checksum is verified.
 */
import { inflate } from './codecs.ts'
import { crc32c } from './crc32c.ts'

export interface StoredRecord {
  readonly offset: bigint
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** Left out when there are none; of several with one name the last counts. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface RecordBatch {
  readonly baseOffset: bigint
  /** Where the log goes on, also when compaction left no record in the batch. */
  readonly nextOffset: bigint
  readonly producerId: bigint
  readonly transactional: boolean
  /** A marker of the coordinator, never data. */
  readonly control: boolean
  readonly count: number
  readonly baseTimestampMs: number
  /** Set when the broker stamped the whole batch. */
  readonly appendTimeMs: number | null
  readonly codec: number
  readonly body: Buffer
}

const lengthAt = 8
const headBytes = 12
const headerBytes = 61
const [magicAt, crcAt, attributesAt, lastDeltaAt, baseTimeAt, maxTimeAt, producerAt, countAt] = [16, 17, 21, 23, 27, 35, 43, 57]
const [codecMask, appendTimeFlag, transactionalFlag, controlFlag] = [0x07, 0x08, 0x10, 0x20]

/** The complete batches of a fetch answer, in order; what its size limit cut off at the end is left out. Throws on damage and on older formats. */
export function batchesOf(bytes: Buffer): RecordBatch[] {
  const batches: RecordBatch[] = []
  for (let at = 0; at + headBytes <= bytes.length; ) {
    const end = at + headBytes + bytes.readInt32BE(at + lengthAt)
    if (end > bytes.length) break
    batches.push(batchAt(bytes, at, end))
    at = end
  }
  return batches
}

function batchAt(bytes: Buffer, at: number, end: number): RecordBatch {
  const baseOffset = bytes.readBigInt64BE(at)
  if (end - at < headerBytes) throw new Error(`the batch at offset ${baseOffset} is too short`)
  const magic = bytes.readInt8(at + magicAt)
  if (magic !== 2) throw new Error(`the batch at offset ${baseOffset} has message format ${magic}, not 2`)
  if (crc32c(bytes, at + attributesAt, end) !== bytes.readUInt32BE(at + crcAt)) {
    throw new Error(`the batch at offset ${baseOffset} fails its checksum`)
  }
  const attributes = bytes.readInt16BE(at + attributesAt)
  return {
    baseOffset,
    nextOffset: baseOffset + BigInt(bytes.readInt32BE(at + lastDeltaAt)) + 1n,
    producerId: bytes.readBigInt64BE(at + producerAt),
    transactional: (attributes & transactionalFlag) !== 0,
    control: (attributes & controlFlag) !== 0,
    count: bytes.readInt32BE(at + countAt),
    baseTimestampMs: Number(bytes.readBigInt64BE(at + baseTimeAt)),
    appendTimeMs: (attributes & appendTimeFlag) !== 0 ? Number(bytes.readBigInt64BE(at + maxTimeAt)) : null,
    codec: attributes & codecMask,
    body: bytes.subarray(at + headerBytes, end),
  }
}

/** The records of a batch, in order. Keys and values are views of the batch's memory, which is never reused. */
export function* recordsOf(batch: RecordBatch): Generator<StoredRecord> {
  const cursor = new Cursor(inflate(batch.codec, batch.body))
  for (let index = 0; index < batch.count; index++) {
    const length = cursor.varint()
    const end = cursor.at + length
    cursor.skip(1)
    const timestampDelta = cursor.varint()
    const offset = batch.baseOffset + BigInt(cursor.varint())
    const key = cursor.bytes()
    const value = cursor.bytes()
    const timestampMs = batch.appendTimeMs ?? batch.baseTimestampMs + timestampDelta
    const headers = headersAt(cursor)
    yield { offset, timestampMs, key, value, ...(headers !== null && { headers }) }
    cursor.at = end
  }
}

function headersAt(cursor: Cursor): Record<string, string> | null {
  const headers: [string, string][] = []
  for (let left = cursor.varint(); left > 0; left--) headers.push([String(cursor.bytes() ?? ''), String(cursor.bytes() ?? '')])
  return headers.length === 0 ? null : Object.fromEntries(headers)
}

const abortMarker = 0

/** Whether a control batch says that its producer's transaction was aborted. An emptied one says nothing. */
export function isAbortMarker(batch: RecordBatch): boolean {
  if (!batch.control) return false
  for (const { key } of recordsOf(batch)) return key !== null && key.length >= 4 && key.readInt16BE(2) === abortMarker
  return false
}

/** Reads zigzag varints; throws a RangeError when the bytes end early. */
class Cursor {
  at = 0
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Exact up to 2^53: times and lengths. */
  varint(): number {
    let [value, scale] = [0, 1]
    for (;;) {
      const byte = this.#bytes.readUInt8(this.at++)
      value += (byte & 0x7f) * scale
      if (byte < 0x80) break
      scale *= 128
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  bytes(): Buffer | null {
    const length = this.varint()
    if (length < 0) return null
    const from = this.at
    this.skip(length)
    return this.#bytes.subarray(from, this.at)
  }

  skip(count: number): void {
    this.at += count
    if (this.at > this.#bytes.length) throw new RangeError('a record is longer than its batch')
  }
}
