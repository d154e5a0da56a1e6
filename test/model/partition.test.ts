import { expect, test } from 'vitest'
import { partitionOf } from '../../src/model/partition.ts'

// From Kafka's own UtilsTest and MessageDigest-free reference runs of the Java client.
test('agrees with the murmur2 of the Java client', () => {
  expect(
    [
      '21',
      'foobar',
      'a-little-bit-long-string',
      'a-little-bit-longer-string',
      'lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8',
    ].map(key => partitionOf(key, 0x7fffffff)),
  ).toEqual([-973932308, -790332482, -985981536, -1486304829, -58897971].map(hash => (hash & 0x7fffffff) % 0x7fffffff))
})

test('keys beyond the scratch buffer and beyond ASCII are hashed whole', () => {
  const long = 'x'.repeat(5_000)

  expect(partitionOf(`${long}a`, 1_000_003)).not.toBe(partitionOf(`${long}b`, 1_000_003))
  expect(partitionOf('ключ', 6)).toBeGreaterThanOrEqual(0)
})
