/**
 * Compression by node:zlib. kafkajs brings gzip only; its zstd package needs an addon that does not build on current Node.
 * The same codecs serve the producer, through kafkajs's table, and our own reader of record batches.
 */
import { promisify } from 'node:util'
import { gunzipSync, gzip, zstdCompress, zstdDecompress, zstdDecompressSync } from 'node:zlib'
import kafkajs from 'kafkajs'

export type Compression = 'none' | 'gzip' | 'zstd'

const { CompressionTypes, CompressionCodecs } = kafkajs
const gzipped = promisify(gzip)
const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

/** A decompressed batch beyond this is refused: it would be no ledger of ours, and could exhaust memory. */
const maxBatchBytes = 256 * 1024 * 1024

/** kafkajs's number for a compression. */
export function compressionType(compression: Compression): number {
  return { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, zstd: CompressionTypes.ZSTD }[compression]
}

/** Teaches kafkajs zstd. May be called twice. */
export function registerCodecs(): void {
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: (encoder: { readonly buffer: Buffer }) => compress(encoder.buffer),
    decompress: (bytes: Buffer) => decompress(bytes),
  })
}

/** `bytes` packed by kafkajs's number of a codec, on the thread pool; throws a plain error for one we never write. */
export async function deflate(codec: number, bytes: Buffer): Promise<Buffer> {
  if (codec === CompressionTypes.GZIP) return await gzipped(bytes)
  if (codec === CompressionTypes.ZSTD) return await compress(bytes)
  throw new Error(`compression codec ${codec} is never written`)
}

/** The records of a batch in clear, by the codec in its attributes; throws a plain error for lz4 and snappy, which we never write. */
export function inflate(codec: number, bytes: Buffer): Buffer {
  if (codec === CompressionTypes.None) return bytes
  if (codec === CompressionTypes.GZIP) return gunzipSync(bytes, { maxOutputLength: maxBatchBytes })
  if (codec === CompressionTypes.ZSTD) return zstdDecompressSync(bytes, { maxOutputLength: maxBatchBytes })
  throw new Error(`compression codec ${codec} (lz4 or snappy): set compression.type=producer on the topic`)
}
