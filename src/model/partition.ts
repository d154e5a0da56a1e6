/**
 * Which partition a key belongs to: the Java client's murmur2, so that our topics co-partition with those of every other producer. It is
 * ours because a client library that partitions again on a retry can lose or double records.
 */

/** `murmur2(key) & 0x7fffffff % partitions`, as `org.apache.kafka.common.utils.Utils` does it over UTF-8 bytes. */
export function partitionOf(key: string, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}

/** The Kafka key of a call, for one account; several accounts on a topic are kept apart by it. */
export function keyed(style: 'call_id' | 'account/call_id', account: string): (callId: string) => string {
  return style === 'account/call_id' ? callId => `${account}/${callId}` : callId => callId
}

const M = 0x5bd1e995
const encoder = new TextEncoder()
const scratch = new Uint8Array(1024)

function murmur2(key: string): number {
  const { read, written } = encoder.encodeInto(key, scratch)
  const bytes = read === key.length ? scratch : encoder.encode(key)
  const length = bytes === scratch ? written : bytes.length
  const byte = (index: number) => bytes[index] ?? 0
  let h = 0x9747b28c ^ length
  let index = 0
  for (; index + 4 <= length; index += 4) {
    let k = Math.imul(byte(index) | (byte(index + 1) << 8) | (byte(index + 2) << 16) | (byte(index + 3) << 24), M)
    k = Math.imul(k ^ (k >>> 24), M)
    h = Math.imul(h, M) ^ k
  }
  const left = length - index
  if (left >= 3) h ^= byte(index + 2) << 16
  if (left >= 2) h ^= byte(index + 1) << 8
  if (left >= 1) h = Math.imul(h ^ byte(index), M)
  h = Math.imul(h ^ (h >>> 13), M)
  return h ^ (h >>> 15)
}
