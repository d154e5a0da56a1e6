/** The answer of a broker with an authorizer, written by hand after the protocol's own description of Metadata response 8. */
import { describe, expect, test } from 'vitest'
import { decodeRights } from '../../src/kafka/topic-rights.ts'

const int16 = (value: number) => [value >> 8, value & 0xff].map(byte => byte & 0xff)
const int32 = (value: number) => [...int16(value >> 16), ...int16(value & 0xffff)]
const text = (value: string | null) => (value === null ? int16(-1) : [...int16(value.length), ...Buffer.from(value)])
const list = (items: readonly (readonly number[])[]) => [...int32(items.length), ...items.flat()]

function answer(allowed: number, errorCode = 0): Buffer {
  const brokers = list([
    [...int32(1), ...text('one'), ...int32(9092), ...text(null)],
    [...int32(2), ...text('two'), ...int32(9092), ...text('rack')],
  ])
  const partition = [
    ...int16(0),
    ...int32(0),
    ...int32(1),
    ...int32(7),
    ...list([int32(1), int32(2)]),
    ...list([int32(1)]),
    ...list([]),
  ]
  const topic = [...int16(errorCode), ...text('events'), 0, ...list([partition, partition]), ...int32(allowed)]
  return Buffer.from([...int32(250), ...brokers, ...text('cluster'), ...int32(1), ...list([topic]), ...int32(-2147483648)])
}

describe('rights on a topic', () => {
  test('are the bits of the operations', () => {
    const [read, write, describing, describingConfigs] = [1 << 3, 1 << 4, 1 << 8, 1 << 10]

    expect(decodeRights(answer(read | describing))).toEqual({
      clientSideThrottleTime: 250,
      rights: new Set(['read', 'describe']),
    })
    expect(decodeRights(answer(write | describing | describingConfigs | (1 << 11))).rights).toEqual(
      new Set(['write', 'describe', 'describe_configs']),
    )
    expect(decodeRights(answer(0)).rights).toEqual(new Set())
  })

  test('of a topic that may not be seen are the broker’s refusal', () => {
    expect(() => decodeRights(answer(0, 29))).toThrow(expect.objectContaining({ type: 'TOPIC_AUTHORIZATION_FAILED' }))
  })
})
