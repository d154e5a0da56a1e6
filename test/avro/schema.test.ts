import avro from 'avsc'
import { describe, expect, test } from 'vitest'
import { DecimalType } from '../../src/avro/decimal.ts'
import { readCallLogSchema } from '../../src/avro/schema.ts'
import { emptyEvent, sampleEvent } from './sample.ts'

interface Field {
  readonly name: string
  readonly type: unknown
  readonly default?: unknown
  readonly doc?: string
}

const { json, type } = readCallLogSchema()
const raw: { name: string; namespace: string; fields: Field[] } = JSON.parse(json)
const field = (name: string) => raw.fields.find(one => one.name === name)
const typeOf = (schema: unknown) => avro.Type.forSchema(schema as avro.Schema, { logicalTypes: { decimal: DecimalType } })

describe('the schema of the topic', () => {
  test('has exactly the fields of an event, in the same order', () => {
    expect(raw.fields.map(one => one.name)).toEqual(Object.keys(sampleEvent()))
  })

  test('says of every field what it means, and of every instant that it counts milliseconds', () => {
    const instants = raw.fields.filter(one => JSON.stringify(one.type).includes('timestamp-millis'))

    expect(raw.fields.filter(one => (one.doc ?? '').length < 20)).toEqual([])
    expect(instants.map(one => one.name)).toEqual(expect.arrayContaining(['start_time', 'event_time', 'read_to']))
    expect(instants.filter(one => !/milliseconds/i.test(one.doc ?? ''))).toEqual([])
  })

  test('uses no enum, and lists the values of its closed vocabularies', () => {
    const vocabularies = ['direction', 'disposition', 'number_protection', 'change_type'].map(field)

    expect(json).not.toContain('"enum"')
    expect(vocabularies.map(one => [one?.type, one?.default])).toEqual(Array(4).fill(['string', 'UNKNOWN']))
    expect(vocabularies.map(one => one?.doc?.includes('UNKNOWN'))).toEqual(Array(4).fill(true))
  })

  test('puts null first in every union and makes it the default', () => {
    const unions = raw.fields.filter(one => Array.isArray(one.type))

    expect(unions.length).toBe(24)
    expect(
      unions.filter(one => (one.type as unknown[])[0] !== 'null' || (one.type as unknown[]).length !== 2 || one.default !== null),
    ).toEqual([])
  })

  test('lets a field go without a default only where any default would be a lie', () => {
    const bare = raw.fields.filter(one => !('default' in one)).map(one => one.name)

    expect(bare).toEqual([
      'call_id',
      'account',
      'event_time',
      'revision',
      'content_hash',
      'first_seen_at',
      'observed_at',
      'read_from',
      'read_to',
    ])
  })

  test('gives the event time a plain timestamp and money six decimals of eighteen digits', () => {
    expect(field('event_time')?.type).toEqual({ type: 'long', logicalType: 'timestamp-millis' })
    expect(field('cost')?.type).toEqual(['null', { type: 'bytes', logicalType: 'decimal', precision: 18, scale: 6 }])
  })
})

describe('a later schema with one more field', () => {
  const later = typeOf({ ...raw, fields: [...raw.fields, { name: 'mos_score', type: ['null', 'double'], default: null }] })

  test('reads what was written before', () => {
    const read = later.fromBuffer(type.toBuffer(sampleEvent()), later.createResolver(type))

    expect({ ...read }).toEqual({ ...sampleEvent(), mos_score: null })
  })

  test('is read by who only knows the earlier one', () => {
    const bytes = later.toBuffer({ ...emptyEvent(), mos_score: 4.2 })

    expect({ ...type.fromBuffer(bytes, type.createResolver(later)) }).toEqual(emptyEvent())
  })

  test('may drop every field that has a default', () => {
    const fewer = typeOf({ ...raw, fields: raw.fields.filter(one => !('default' in one)) })

    const read = type.fromBuffer(fewer.toBuffer(sampleEvent()), type.createResolver(fewer))

    expect(read).toMatchObject({
      call_id: sampleEvent().call_id,
      cost: null,
      direction: 'UNKNOWN',
      extra: {},
      changed_fields: [],
      regressed: false,
    })
  })
})
