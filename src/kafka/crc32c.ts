/** CRC-32C as record batches carry it. Eight bytes a step from eight tables: node:zlib has CRC-32 only, with another polynomial. */

const polynomial = 0x82f63b78

const tables: readonly Int32Array[] = (() => {
  const built = Array.from({ length: 8 }, () => new Int32Array(256))
  const [first = new Int32Array(256)] = built
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    first[byte] = crc
  }
  for (let table = 1; table < 8; table++) {
    for (let byte = 0; byte < 256; byte++) {
      const before = built[table - 1]?.[byte] ?? 0
      const target = built[table]
      if (target) target[byte] = (first[before & 0xff] ?? 0) ^ (before >>> 8)
    }
  }
  return built
})()

const none = new Int32Array(256)
const [t0 = none, t1 = none, t2 = none, t3 = none, t4 = none, t5 = none, t6 = none, t7 = none] = tables

/** The checksum of `bytes` in `[from, until)`, as an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, from = 0, until = bytes.length): number {
  let crc = -1
  let at = from
  for (const last = until - 7; at < last; at += 8) {
    const low =
      crc ^ (byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8) | (byteAt(bytes, at + 2) << 16) | (byteAt(bytes, at + 3) << 24))
    crc =
      pick(t7, low & 0xff) ^
      pick(t6, (low >>> 8) & 0xff) ^
      pick(t5, (low >>> 16) & 0xff) ^
      pick(t4, low >>> 24) ^
      pick(t3, byteAt(bytes, at + 4)) ^
      pick(t2, byteAt(bytes, at + 5)) ^
      pick(t1, byteAt(bytes, at + 6)) ^
      pick(t0, byteAt(bytes, at + 7))
  }
  for (; at < until; at++) crc = pick(t0, (crc ^ byteAt(bytes, at)) & 0xff) ^ (crc >>> 8)
  return (crc ^ -1) >>> 0
}

// The indexes are in range by construction; `| 0` says so to the type checker at no cost.
const pick = (table: Int32Array, index: number): number => (table[index] as number) | 0
const byteAt = (bytes: Uint8Array, at: number): number => (bytes[at] as number) | 0
