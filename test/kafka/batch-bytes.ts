/** Record batches and Fetch answers as a broker would store and send them, written byte by byte from the protocol's description. */
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { crc32c } from '../../src/kafka/crc32c.ts'

export interface BatchSketch {
  readonly base: number
  readonly records?: readonly {
    readonly key: string | null
    readonly value: string | null
    readonly delta?: number
    readonly time?: number
  }[]
  /** Where the batch ends although its records are gone, relative to `base`. */
  readonly lastDelta?: number
  readonly producer?: number
  readonly transactional?: boolean
  readonly marker?: 'abort' | 'commit'
  readonly codec?: 'none' | 'gzip' | 'zstd' | 'lz4'
  readonly appendTime?: number
}

const codecs = { none: 0, gzip: 1, lz4: 3, zstd: 4 } as const

/** One batch, checksum included. */
export function batchBytes(sketch: BatchSketch): Buffer {
  const { base, producer = -1, transactional = producer >= 0, marker, codec = 'none', appendTime } = sketch
  const control =
    marker === undefined
      ? []
      : [{ key: Buffer.from([0, 0, 0, marker === 'abort' ? 0 : 1]), value: Buffer.alloc(6), delta: 0, time: 0 }]
  const records = [
    ...control,
    ...(sketch.records ?? []).map(({ key, value, delta, time = 0 }, index) => ({
      key: key === null ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      delta: delta ?? index,
      time,
    })),
  ]
  const plain = Buffer.concat(records.map(recordBytes))
  const packed = codec === 'gzip' ? gzipSync(plain) : codec === 'zstd' ? zstdCompressSync(plain) : plain
  const attributes =
    codecs[codec] | (appendTime === undefined ? 0 : 0x08) | (transactional ? 0x10 : 0) | (marker === undefined ? 0 : 0x20)
  const head = Buffer.alloc(61)
  head.writeBigInt64BE(BigInt(base), 0)
  head.writeInt32BE(49 + packed.length, 8)
  head.writeInt8(2, 16)
  head.writeInt16BE(attributes, 21)
  head.writeInt32BE(sketch.lastDelta ?? Math.max(0, records.length - 1), 23)
  head.writeBigInt64BE(1_700_000_000_000n, 27)
  head.writeBigInt64BE(BigInt(appendTime ?? 1_700_000_000_000), 35)
  head.writeBigInt64BE(BigInt(producer), 43)
  head.writeInt16BE(0, 51)
  head.writeInt32BE(0, 53)
  head.writeInt32BE(records.length, 57)
  const bytes = Buffer.concat([head, packed])
  bytes.writeUInt32BE(crc32c(bytes, 21), 17)
  return bytes
}

function recordBytes({
  key,
  value,
  delta,
  time,
}: {
  key: Buffer | null
  value: Buffer | null
  delta: number
  time: number
}): Buffer {
  const header = Buffer.concat([varint(1), varint(1), Buffer.from('h'), varint(-1)])
  const body = Buffer.concat([Buffer.from([0]), varint(time), varint(delta), sized(key), sized(value), header])
  return Buffer.concat([varint(body.length), body])
}

const sized = (bytes: Buffer | null) => (bytes === null ? varint(-1) : Buffer.concat([varint(bytes.length), bytes]))

function varint(value: number): Buffer {
  let rest = value >= 0 ? BigInt(value) * 2n : -BigInt(value) * 2n - 1n
  const bytes: number[] = []
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  return Buffer.from([...bytes, Number(rest)])
}
