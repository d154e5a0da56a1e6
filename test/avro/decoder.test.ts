/** Values back into events, whoever wrote them: by the schema they name, asked for once, and never with an error for the value itself. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import avro from 'avsc'
import { afterEach, describe, expect, test } from 'vitest'
import { createDecoder } from '../../src/avro/decoder.ts'
import { createEncoder } from '../../src/avro/encoder.ts'
import { readCallLogSchema } from '../../src/avro/schema.ts'
import { systemClock } from '../../src/host/clock.ts'
import { emptyEvent, sampleEvent } from './sample.ts'

const noSignal = new AbortController().signal
const { json } = readCallLogSchema()
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** Gives each schema under its id, and remembers which ids it was asked for. */
async function registryOf(schemas: Readonly<Record<number, string>>, status = 200) {
  const asked: number[] = []
  const server = createServer((request, response) => {
    const id = Number(/^\/schemas\/ids\/(\d+)/.exec(request.url ?? '')?.[1])
    asked.push(id)
    const schema = schemas[id]
    response.writeHead(schema === undefined ? 404 : status, { 'content-type': 'application/vnd.schemaregistry.v1+json' })
    response.end(JSON.stringify(schema === undefined ? { error_code: 40403, message: 'Schema not found' } : { schema }))
  })
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const registry = { url, auth: {}, subject: 'calls-value', register: false, timeoutMs: 2_000 }
  return { asked, decoder: createDecoder(registry, systemClock) }
}

const framed = (id: number, body: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, 0, id]), body])

describe('a decoder', () => {
  test('gives back what the encoder wrote, asking for its schema once', async () => {
    const { asked, decoder } = await registryOf({ 7: json })
    const encoder = createEncoder(7)
    const values = [sampleEvent(), emptyEvent()].map(event => Buffer.from(encoder.encode(event)))

    const decoded = await Promise.all(values.map(value => decoder.decode(value, noSignal)))

    expect(decoded.map(each => 'event' in each && { ...each.event })).toEqual([sampleEvent(), emptyEvent()])
    expect(asked).toEqual([7])
  })

  test('reads records of an older release and of a newer one as if they were ours', async () => {
    const ours = JSON.parse(json)
    const older = { ...ours, fields: ours.fields.filter(({ name }: { name: string }) => name !== 'read_by') }
    const newer = { ...ours, fields: [...ours.fields, { name: 'mos_score', type: ['null', 'double'], default: null }] }
    const { decoder } = await registryOf({ 1: JSON.stringify(older), 2: JSON.stringify(newer) })
    const { cost, ...rest } = sampleEvent()
    // Another program's idea of a decimal: its bytes.
    const money = Buffer.from([0x13, 0x12, 0xd0])
    const write = (schema: avro.Schema, over: object) =>
      avro.Type.forSchema(schema, { wrapUnions: 'never' }).toBuffer({ ...rest, cost: money, ...over })

    const [old, young] = await Promise.all(
      [framed(1, write(older, {})), framed(2, write(newer, { mos_score: 4.5 }))].map(value => decoder.decode(value, noSignal)),
    )

    expect(old && 'event' in old && { ...old.event }).toEqual({ ...sampleEvent(), read_by: 'UNKNOWN' })
    expect(young && 'event' in young && { ...young.event }).toEqual({ ...sampleEvent(), cost })
  })

  test.each([
    ['a tombstone', null, 'a tombstone, which the connector never writes'],
    ['text', Buffer.from('{"call_id":"x"}'), 'not framed as a registry’s clients do'],
    ['nothing after the id', Buffer.from([0, 0, 0, 0, 7]), 'not framed as a registry’s clients do'],
    ['an unknown schema', framed(9, Buffer.from([1])), 'schema id 9 is no Avro schema of the registry'],
    ['a schema that is none', framed(8, Buffer.from([1])), 'schema id 8 is no schema that ours can read'],
    ['another record type', framed(6, Buffer.from([2])), 'schema id 6 is no schema that ours can read'],
    ['half a value', createEncoder(7).encode(sampleEvent()).subarray(0, 90), 'its bytes do not fit the schema they name'],
    [
      'a value with a tail',
      framed(7, Buffer.concat([createEncoder(7).encode(sampleEvent()).subarray(5), Buffer.from([0])])),
      'its bytes do not fit the schema they name',
    ],
  ])('says why it cannot read %s', async (_, value, reason) => {
    const other = JSON.stringify({ type: 'record', name: 'CallLog', fields: [{ name: 'call_id', type: 'int' }] })
    const { decoder } = await registryOf({ 6: other, 7: json, 8: '{"type":"nonsense"}' })

    expect(await decoder.decode(value, noSignal)).toEqual({ unreadable: reason })
  })

  test('asks for at most a hundred schemas', async () => {
    const { asked, decoder } = await registryOf({})

    for (let id = 1; id <= 105; id += 1) await decoder.decode(framed(id, Buffer.from([1])), noSignal)

    expect(asked).toHaveLength(100)
    expect(await decoder.decode(framed(111, Buffer.from([1])), noSignal)).toEqual({
      unreadable: 'more than 100 schema ids on one topic',
    })
  })

  test('does not take a registry that refuses us for a record that cannot be read', async () => {
    const { decoder } = await registryOf({ 7: json }, 403)

    await expect(decoder.decode(framed(7, Buffer.from([1])), noSignal)).rejects.toMatchObject({ code: 'REGISTRY_REJECTED' })
  })
})
