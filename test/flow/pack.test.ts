import { expect, test } from 'vitest'
import { createEncoder } from '../../src/avro/encoder.ts'
import { Packer, type PackOptions } from '../../src/flow/pack.ts'
import { Seen } from '../../src/ledger/seen.ts'
import type { BadRow } from '../../src/model/call-log.ts'
import { badRowFingerprint } from '../../src/model/fingerprint.ts'
import { ALL_PLAIN, protectionOf } from '../../src/model/number-protection.ts'
import { type SiftContext, sift } from '../../src/model/sift.ts'
import { HOUR_MS } from '../../src/model/window.ts'
import type { Message } from '../../src/ports.ts'
import { sighting } from '../support/calls.ts'

const MESSAGE_MAX_BYTES = 1_048_588
const now = Date.parse('2026-03-10T12:00:00Z')
const context: SiftContext = {
  account: 'main',
  rules: 0,
  observedAtMs: now,
  window: { fromMs: now - HOUR_MS, untilMs: now },
  readBy: 'hot',
}
const output: PackOptions = {
  account: 'main',
  numbers: protectionOf(ALL_PLAIN, undefined),
  events: { topic: 'events', partitions: 1 },
  deadLetters: { topic: 'dlq', partitions: 1 },
  keyOf: callId => callId,
}
const packer = (valueBytes: number) => new Packer({ encode: () => Buffer.alloc(valueBytes) }, output)

/** As it lies in a batch without compression, framing left out. */
function bytesOf({ key, value, headers = {} }: Message): number {
  const texts = Object.entries(headers).flat().join('')
  return Buffer.byteLength(String(key)) + (value?.length ?? 0) + Buffer.byteLength(texts)
}

function badRow(index: number): BadRow {
  const json = JSON.stringify({ id: `ж${index}`, start_time: '2026-01-01 10:00:00', note: 'x'.repeat(300) })
  return { reason: 'naive_time', detail: 'é'.repeat(400), path: 'start_time', json, callId: `ж${index}` }
}

test('a chunk of dead letters with long reasons fits the broker’s default message limit, uncompressed', () => {
  const bad = Array.from({ length: 6_000 }, (_, index) => badRow(index)).map(row => ({
    bad: row,
    print: badRowFingerprint(row.callId, row.json),
  }))
  const packing = packer(10)

  const chunks = [...packing.add(sift(new Seen(10_000), [], bad, context), new Seen(10_000)), packing.take()]

  const messages = chunks.map(({ chunk }) => chunk.rest.flatMap(({ messages }) => messages))
  expect(messages.flat()).toHaveLength(6_000)
  for (const batch of messages)
    expect(batch.reduce((sum, message) => sum + bytesOf(message), 0)).toBeLessThan(MESSAGE_MAX_BYTES - 50 * batch.length)
})

test('at most 2,000 records of a partition go into one chunk, each with its memory', () => {
  const calls = Array.from({ length: 5_000 }, (_, index) => sighting({ call_id: `call-${index}` }))
  const packing = packer(10)

  const chunks = [...packing.add(sift(new Seen(10_000), calls, [], context), new Seen(10_000)), packing.take()]

  expect(chunks.map(({ chunk }) => chunk.rest.flatMap(({ messages }) => messages).length)).toEqual([2_000, 2_000, 1_000])
  expect(chunks.map(({ chunk }) => chunk.entries.length)).toEqual([2_000, 2_000, 1_000])
})

test('a record too large for a broker becomes a dead letter, and is remembered', () => {
  const packing = packer(900_000)

  const { chunk, summary } =
    [...packing.add(sift(new Seen(10), [sighting()], [], context), new Seen(10)), packing.take()].at(-1) ?? {}

  expect(chunk?.rest.map(({ topic }) => topic)).toEqual(['dlq'])
  expect(chunk?.entries).toHaveLength(1)
  expect(summary?.deadLetters).toEqual({ too_large: 1 })
})

test('a record that cannot be encoded becomes a dead letter of what would have been published, and its reason quotes no value', () => {
  const numbers = protectionOf({ ...ALL_PLAIN, from_number: 'mask' }, undefined)
  const options = { ...output, numbers }
  const unencodable = sighting({ from_number: '91********10', duration_seconds: 9_876_543_210, extra: { odd: '91********11' } })

  const packing = new Packer(createEncoder(1), options)
  const { chunk, summary } =
    [...packing.add(sift(new Seen(10), [unencodable], [], context), new Seen(10)), packing.take()].at(-1) ?? {}

  const [{ value, headers } = {}] = chunk?.rest.flatMap(({ messages }) => messages) ?? []
  expect(summary?.deadLetters).toEqual({ unencodable: 1 })
  expect(chunk?.entries).toHaveLength(1)
  expect(headers).toMatchObject({ 'dlq.reason': 'unencodable', 'dlq.path': '' })
  expect(headers?.['dlq.detail']).toBe('the event does not fit the schema of the topic at duration_seconds')
  expect(JSON.parse(String(value)).row).toMatchObject({
    ...{ call_id: unencodable.call.call_id, from_number: '91********10', extra: { odd: '91********11' } },
    number_protection: 'MASKED',
  })
})
