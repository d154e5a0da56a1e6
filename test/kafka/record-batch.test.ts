import { describe, expect, test } from 'vitest'
import { crc32c } from '../../src/kafka/crc32c.ts'
import { batchesOf, isAbortMarker, recordsOf } from '../../src/kafka/record-batch.ts'
import { type BatchSketch, batchBytes } from './batch-bytes.ts'

const decode = (...sketches: BatchSketch[]) => batchesOf(Buffer.concat(sketches.map(batchBytes)))

describe('a record batch', () => {
  for (const codec of ['none', 'gzip', 'zstd'] as const) {
    test(`gives back keys, values, headers, tombstones, times and offsets with ${codec}`, () => {
      const records = [
        { key: 'a', value: 'x'.repeat(300) },
        { key: 'b', value: null, delta: 4, time: 5_000_000_000 },
        { key: null, value: '', delta: 9, time: -3 },
      ]

      const [batch] = decode({ base: 100, records, lastDelta: 9, codec })

      const headers = { h: '' }
      expect(batch?.nextOffset).toBe(110n)
      expect(batch && [...recordsOf(batch)]).toEqual([
        { offset: 100n, timestampMs: 1_700_000_000_000, key: Buffer.from('a'), value: Buffer.from('x'.repeat(300)), headers },
        { offset: 104n, timestampMs: 1_705_000_000_000, key: Buffer.from('b'), value: null, headers },
        { offset: 109n, timestampMs: 1_699_999_999_997, key: null, value: Buffer.alloc(0), headers },
      ])
    })
  }

  test('emptied by compaction still says where the log goes on', () => {
    const [batch] = decode({ base: 7, lastDelta: 41 })

    expect(batch?.nextOffset).toBe(49n)
    expect(batch && [...recordsOf(batch)]).toEqual([])
  })

  test('carries the time the broker stamped on all its records', () => {
    const [batch] = decode({ base: 0, records: [{ key: 'a', value: 'b', time: 5 }], appendTime: 1_800_000_000_000 })

    expect(batch && [...recordsOf(batch)][0]?.timestampMs).toBe(1_800_000_000_000)
  })

  test('cut off by the size limit is left out, those before it are read', () => {
    const bytes = Buffer.concat([
      batchBytes({ base: 0, records: [{ key: 'a', value: '1' }] }),
      batchBytes({ base: 1, records: [{ key: 'b', value: '2' }] }),
    ])

    const counts = [1, 20, 60].map(cut => batchesOf(bytes.subarray(0, bytes.length - cut)).length)

    expect(counts).toEqual([1, 1, 1])
  })

  test('with one flipped bit is refused by its checksum', () => {
    const bytes = batchBytes({ base: 3, records: [{ key: 'a', value: 'value' }] })
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 8) ^ 1, bytes.length - 8)

    expect(() => batchesOf(bytes)).toThrow('offset 3 fails its checksum')
  })

  test('of an older message format is refused', () => {
    const bytes = batchBytes({ base: 3, records: [{ key: 'a', value: 'value' }] })
    bytes.writeInt8(1, 16)

    expect(() => batchesOf(bytes)).toThrow('message format 1')
  })

  test('in a codec we never write is refused with what to do', () => {
    const [batch] = decode({ base: 0, records: [{ key: 'a', value: 'b' }], codec: 'lz4' })

    expect(() => batch && [...recordsOf(batch)]).toThrow('compression.type=producer')
  })

  test('of markers tells abort from commit, and an emptied one says nothing', () => {
    const batches = decode(
      { base: 0, producer: 1, marker: 'abort' },
      { base: 1, producer: 1, marker: 'commit' },
      { base: 2, producer: 1 },
    )

    expect(batches.map(isAbortMarker)).toEqual([true, false, false])
  })
})

test('CRC-32C gives the published check value, whatever the alignment', () => {
  const padded = Buffer.from('..123456789..')

  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
  expect(crc32c(padded, 2, 11)).toBe(0xe3069283)
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
})
