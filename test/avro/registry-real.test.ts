/** The same questions put to a real registry, which is stricter and stranger than one made for a test. */
import { setTimeout as sleep } from 'node:timers/promises'
import { SchemaRegistry } from '@kafkajs/confluent-schema-registry'
import { beforeAll, describe, expect, test } from 'vitest'
import { createEncoder } from '../../src/avro/encoder.ts'
import { resolveSchemaId } from '../../src/avro/registry.ts'
import { readCallLogSchema } from '../../src/avro/schema.ts'
import type { Clock } from '../../src/ports.ts'
import { platform, platformStartMs, uniqueName } from '../support/platform/shared.ts'
import { emptyEvent } from './sample.ts'

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
}
let url = ''
beforeAll(async () => {
  url = (await platform()).registryUrl
}, platformStartMs)

const resolve = (subject: string, register = true) =>
  resolveSchemaId({ url, auth: {}, subject, register }, clock, new AbortController().signal)
const send = async (method: string, path: string, body: object) => {
  const answer = await fetch(`${url}${path}`, {
    method,
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
  })
  expect(answer.status).toBeLessThan(300)
}
const registerAs = (subject: string, schema: object) =>
  send('POST', `/subjects/${subject}/versions`, { schema: JSON.stringify(schema) })

describe('a real registry', () => {
  test('gives the same id to whoever registers or looks up the schema again', async () => {
    const subject = uniqueName('calls-value')

    const ids = [await resolve(subject), await resolve(subject), await resolve(subject, false)]

    expect(new Set(ids).size).toBe(1)
  })

  test('hands out under that id a schema that reads what we encode', async () => {
    const id = await resolve(uniqueName('calls-value'))

    const decoded = await new SchemaRegistry({ host: url }).decode(createEncoder(id).encode(emptyEvent()))

    expect({ ...decoded }).toEqual(emptyEvent())
  })

  test('keeps the level that the operator has set, and our schema passes the strictest', async () => {
    const subject = uniqueName('calls-value')
    await resolve(subject)
    await send('PUT', `/config/${subject}`, { compatibility: 'FULL_TRANSITIVE' })

    await resolve(subject)

    expect(await (await fetch(`${url}/config/${subject}`)).json()).toEqual({ compatibilityLevel: 'FULL_TRANSITIVE' })
  })

  test('accepts a later schema with one more field under FULL_TRANSITIVE', async () => {
    const subject = uniqueName('calls-value')
    await resolve(subject)
    await send('PUT', `/config/${subject}`, { compatibility: 'FULL_TRANSITIVE' })
    const now = JSON.parse(readCallLogSchema().json)

    await registerAs(subject, { ...now, fields: [...now.fields, { name: 'mos_score', type: ['null', 'double'], default: null }] })

    expect(await (await fetch(`${url}/subjects/${subject}/versions`)).json()).toHaveLength(2)
  })

  test('refuses our schema where another one lives, and its reason is passed on', async () => {
    const subject = uniqueName('calls-value')
    await registerAs(subject, {
      type: 'record',
      name: 'CallLog',
      namespace: 'calllog.v1',
      fields: [{ name: 'call_id', type: 'int' }],
    })
    await send('PUT', `/config/${subject}`, { compatibility: 'BACKWARD' })

    const refusal = resolve(subject)

    await expect(refusal).rejects.toMatchObject({ code: 'REGISTRY_REJECTED', message: expect.stringMatching(/409.*ncompatible/) })
  })

  test('that does not know the schema, or another one only, is told how to get it when registering is off', async () => {
    const other = uniqueName('calls-value')
    await registerAs(other, { type: 'record', name: 'Other', fields: [] })

    for (const subject of [uniqueName('calls-value'), other]) {
      await expect(resolve(subject, false)).rejects.toMatchObject({
        code: 'REGISTRY_REJECTED',
        message: expect.stringContaining(`not registered under subject ${subject}`),
      })
    }
  })
})
