/** The lines of Kafka's console consumer, without Kafka: what it prints for real is in independent-consumer.test.ts. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseLine, unescapeBytes } from './platform/console-line.ts'

const line = (...fields: string[]) => fields.join('\t')

/** What Kafka's Bytes.toString does. */
const escaped = (bytes: Uint8Array) =>
  [...bytes]
    .map(byte =>
      byte >= 0x20 && byte <= 0x7e && byte !== 0x5c
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .join('')

describe('parseLine', () => {
  test('reads place, time, headers, key and value', () => {
    const text = line('CreateTime:1700000000123', 'Partition:4', 'Offset:17', 'a:1\u0001b:x:\\x5Cy', 'key\\x00', '\\x00\\x00')

    expect(parseLine(text, 'null-1', true)).toEqual({
      partition: 4,
      offset: 17,
      timestampMs: 1_700_000_000_123,
      key: Buffer.from('key\0'),
      value: Buffer.from([0, 0]),
      headers: { a: '1', b: 'x:\\y' },
    })
  })

  test('takes the agreed word, and nothing else, for null', () => {
    const text = line('LogAppendTime:1', 'Partition:0', 'Offset:0', 'NO_HEADERS', 'null', 'null-1')

    expect(parseLine(text, 'null-1', true)).toMatchObject({ key: Buffer.from('null'), value: null, headers: {} })
  })

  test('refuses a line of another shape', () => {
    expect(() => parseLine('CreateTime:1\tPartition:0\tOffset:0', 'null-1', true)).toThrow('printed 3 fields')
    expect(() => parseLine(line('CreateTime:1', 'Offset:0', 'Partition:0', 'NO_HEADERS', 'k'), 'null-1', false)).toThrow(
      'printed "Offset:0" where Partition: belongs',
    )
    expect(() => parseLine(line('NO_TIMESTAMP', 'Partition:0', 'Offset:0', 'NO_HEADERS', 'k'), 'null-1', false)).toThrow(
      'CreateTime:',
    )
  })
})

test('unescapeBytes undoes what Kafka’s Bytes.toString did, for any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array(), bytes => {
      expect(unescapeBytes(escaped(bytes))).toEqual(Buffer.from(bytes))
    }),
  )
})
