import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SchemaRegistry } from '@kafkajs/confluent-schema-registry'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createEncoder } from '../../src/avro/encoder.ts'
import { readCallLogSchema } from '../../src/avro/schema.ts'
import type { CallLogEvent } from '../../src/model/call-log.ts'
import { emptyEvent, sampleEvent } from './sample.ts'

const SCHEMA_ID = 70_001
const { json, type } = readCallLogSchema()
const decode = (value: Buffer) => ({ ...type.fromBuffer(value.subarray(5)) })

describe('against the registry client', () => {
  const server = createServer((_request, response) => response.end(JSON.stringify({ schema: json })))
  let registry: SchemaRegistry

  beforeAll(async () => {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    registry = new SchemaRegistry({ host: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  })
  afterAll(() => server.close())

  // The client knows no decimals: it is given the bytes that a decimal of 1.25 has.
  test.each([
    ['a full event', sampleEvent(), { ...sampleEvent(), cost: Buffer.from('1312d0', 'hex') }],
    ['an empty event', emptyEvent(), emptyEvent()],
  ])('%s has the same bytes', async (_name, event, theirs) => {
    expect(createEncoder(SCHEMA_ID).encode(event).toString('hex')).toBe(
      (await registry.encode(SCHEMA_ID, theirs)).toString('hex'),
    )
  })

  test('what it decodes is what was encoded', async () => {
    const decoded = await registry.decode(createEncoder(SCHEMA_ID).encode(emptyEvent()))

    expect({ ...decoded }).toEqual(emptyEvent())
  })
})

describe('the encoder', () => {
  test('frames the body with a zero and the schema id', () => {
    expect(createEncoder(0x01020304).encode(emptyEvent()).subarray(0, 5).toString('hex')).toBe('0001020304')
  })

  test('refuses what is no schema id of a registry', () => {
    for (const id of [0, -1, 1.5, Number.NaN, 2 ** 31]) expect(() => createEncoder(id)).toThrow('no schema id')
  })

  test('never touches bytes it has handed out, over many slabs and values of all sizes', () => {
    const encoder = createEncoder(SCHEMA_ID)
    const sizes = [0, 10, 500, 5_000, 300_000, 1_048_000, 1_048_576, 3_000_000, 20]
    const events = Array.from({ length: 60 }, (_, i) =>
      sampleEvent({ call_id: `call-${i}`, notes: 'é'.repeat((sizes[i % sizes.length] ?? 0) / 2) }),
    )

    const values = events.map(event => encoder.encode(event))

    expect(values.map(decode).every((decoded, i) => decoded.call_id === `call-${i}` && decoded.notes === events[i]?.notes)).toBe(
      true,
    )
    expect(values.map(value => value.length)).toEqual(events.map(event => 5 + type.toBuffer(event).length))
  })

  test('goes on after an event that does not fit, and the bytes before it stay', () => {
    const encoder = createEncoder(SCHEMA_ID)
    const before = encoder.encode(sampleEvent({ call_id: 'before' }))

    expect(() => encoder.encode(sampleEvent({ revision: 1.5 }))).toThrow()
    const after = encoder.encode(sampleEvent({ call_id: 'after' }))

    expect([decode(before).call_id, decode(after).call_id]).toEqual(['before', 'after'])
  })

  test('gives any text back as it was', () => {
    const encoder = createEncoder(SCHEMA_ID)
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 200 }),
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })),
        (text, extra) => {
          // avsc writes a key `__proto__`, but assigns what it reads, which sets a prototype instead.
          const plain = Object.fromEntries(Object.entries(extra).filter(([key]) => key !== '__proto__'))
          expect(decode(encoder.encode(sampleEvent({ notes: text, extra: plain })))).toEqual(
            sampleEvent({ notes: text, extra: plain }),
          )
        },
      ),
    )
  })
})

describe('an event that does not fit', () => {
  const failure = (over: Record<string, unknown>) => {
    try {
      createEncoder(SCHEMA_ID).encode({ ...sampleEvent(), ...over } as CallLogEvent)
    } catch (error) {
      return error as Error
    }
    throw new Error('it fitted')
  }

  test.each([
    ['start_time', { start_time: 2 ** 60 }],
    ['duration_seconds', { duration_seconds: 1e12 }],
    ['cost', { cost: 10n ** 18n }],
    ['call_id', { call_id: null }],
    ['extra.queue', { extra: { queue: 7 } }],
    ['changed_fields.*', { changed_fields: ['cost', 7] }],
  ])('is refused naming %s', (path, over) => {
    expect(failure(over).message).toBe(`the event does not fit the schema of the topic at ${path}`)
  })

  test('is refused without its value, in the message or in a cause, and without keys that could be a number', () => {
    const error = failure({ notes: 919_800_000_001, extra: { '919800000001': 5 } })

    expect(error.message).toContain('notes, extra.*')
    expect(JSON.stringify([error.message, error.cause, error.stack])).not.toContain('9198')
  })
})
