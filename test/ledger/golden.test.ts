/** Ledgers as other releases write them: every one that is out, kept as bytes, and the next one, as far as it may differ. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import avsc from 'avsc'
import { describe, expect, test } from 'vitest'
import {
  decodeBirth,
  decodeCheckpoint,
  decodeDelta,
  encodeBirth,
  encodeCheckpoint,
  encodeDelta,
  FORMAT,
} from '../../src/ledger/codec.ts'
import { birthOf, sidHashOf } from '../../src/ledger/identity.ts'
import { DAY_MS } from '../../src/model/window.ts'
import { sighting } from '../support/calls.ts'
import { identity, ledgerOn, memoryCluster, noSignal } from '../support/ledger-on-memory.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import type { GoldenRecord } from './golden/make.ts'
import { coverageAt, dialect, identityOfGolden, startMs, TOMBSTONED_AFTER_MS, upkeepAt } from './golden/state.ts'

const folder = join(import.meta.dirname, 'golden')
const laterMs = startMs + TOMBSTONED_AFTER_MS

describe('a ledger that a release wrote is read by this one', () => {
  test.each(readdirSync(folder).filter(name => name.endsWith('.json')))('%s', async name => {
    const records: GoldenRecord[] = JSON.parse(readFileSync(join(folder, name), 'utf8'))
    const cluster = await memoryCluster()
    const writer = cluster.publisher('of-that-release')
    await writer.open(noSignal)
    const [first, ...rest] = records.map(({ key, value, timestampMs }) => ({
      partition: 0,
      key,
      value: value === null ? null : Buffer.from(value, 'base64'),
      timestampMs,
    }))
    if (first === undefined) throw new Error('an empty ledger')
    // As far as the output had come by then.
    const events = Array.from({ length: 9 }, () => ({
      partition: 1,
      key: 'x',
      value: Buffer.from('event'),
      timestampMs: startMs,
    }))
    const batches = [
      { topic: 'ledger', messages: rest },
      { topic: 'events', messages: events },
    ]
    await writer.commit({ checkpoint: { topic: 'ledger', message: first }, rest: batches }, noSignal)

    const ledger = ledgerOn(cluster, new VirtualClock({ startMs: laterMs }), { identity: identityOfGolden, rules: 'rules-two' })
    const looked = await ledger.look(noSignal)
    const state = await ledger.recall(noSignal)

    const find = (callId: string, status = 'ANSWER') => state.seen.find(sighting({ call_id: callId, status }).print, laterMs)
    expect(records.filter(({ value }) => value === null).map(({ key }) => key)).toEqual(['main/seen/0'])
    expect(looked).toEqual({ notBeforeMs: laterMs + 60_000, dialect, paused: true, isWhole: true })
    expect(state.incarnation).toBe(4)
    expect(state.coverage).toEqual(coverageAt(laterMs))
    expect(state).toMatchObject(upkeepAt(laterMs))
    expect(state.seen.size).toBe(3)
    expect(find('forgotten')).toBeNull()
    expect(find('published')).toMatchObject({ revision: 1, refused: false, sameContent: true, firstSeenMs: laterMs, ageDays: 0 })
    expect(find('changed', 'BUSY')).toMatchObject({ revision: 2, refused: false, sameContent: true })
    expect(find('refused')).toMatchObject({ revision: 0, refused: true, sameContent: true })
    expect(find('published')?.rules).toBe(state.rules)
  })
})

describe('a ledger of the next format', () => {
  const birth = birthOf(identity)
  const checkpoint = {
    account: 'main',
    sidHash: sidHashOf(identity),
    incarnation: 3,
    instance: 'next',
    writtenAt: laterMs,
    coverage: coverageAt(laterMs),
    notBefore: laterMs,
    dialect: null,
    filters: '',
    offsets: { events: [4, -1] },
    ...upkeepAt(laterMs),
  }
  const delta = { writtenAt: laterMs, rules: ['rules-one'], entries: Buffer.alloc(44) }
  const kinds = [
    ['ledger-birth', encodeBirth(birth), decodeBirth, birth],
    ['ledger-checkpoint', encodeCheckpoint(checkpoint), decodeCheckpoint, checkpoint],
    ['ledger-delta', encodeDelta(delta), decodeDelta, delta],
  ] as const

  test.each(kinds)('that only appends to %s is read as far as this release knows it', (schema, bytes, decode, expected) => {
    const next = asNext(schema, bytes, { format: FORMAT + 1, minReader: FORMAT })

    expect(next.length).toBeGreaterThan(bytes.length)
    expect(decode(next)).toMatchObject(expected)
  })

  test.each(kinds)('that this release would misread is refused with the remedy: %s', (schema, bytes, decode) => {
    const next = asNext(schema, bytes, { format: FORMAT + 1, minReader: FORMAT + 1 })

    expect(() => decode(next)).toThrow(
      expect.objectContaining({
        code: 'LEDGER_UNREADABLE',
        message: expect.stringMatching(/format 2, written by a newer release; this one reads up to 1: start the newer release/),
      }),
    )
  })

  test.each(kinds)('%s cut short is no ledger', (_, bytes, decode) => {
    expect(() => decode(bytes.subarray(0, Math.floor(bytes.length / 3)))).toThrow(
      expect.objectContaining({ code: 'LEDGER_UNREADABLE' }),
    )
    expect(() => decode(Buffer.alloc(0))).toThrow(expect.objectContaining({ code: 'LEDGER_UNREADABLE' }))
  })

  test('is recalled whole: what it remembers, covers and promises holds for this release too', async () => {
    const cluster = await memoryCluster()
    const clock = new VirtualClock({ startMs: laterMs })
    const writer = cluster.publisher('next-release')
    await writer.open(noSignal)
    const message = (key: string, value: Buffer) => ({ partition: 0, key, value, timestampMs: laterMs })
    const versions = { format: FORMAT + 1, minReader: FORMAT }
    const entry = sighting({ call_id: 'known' }).print
    const words = new Uint32Array(11)
    words.set(entry)
    words[9] = laterMs / 1_000
    words[10] = (1 << 16) | ((Math.floor(laterMs / DAY_MS) & 0xff) << 8)
    const entries = Buffer.from(words.buffer)
    await writer.commit(
      {
        checkpoint: {
          topic: 'ledger',
          message: message(
            'main/checkpoint',
            asNext('ledger-checkpoint', encodeCheckpoint({ ...checkpoint, offsets: {} }), versions),
          ),
        },
        rest: [
          {
            topic: 'ledger',
            messages: [
              message('birth', asNext('ledger-birth', encodeBirth(birth), versions)),
              message('main/seen/0', asNext('ledger-delta', encodeDelta({ ...delta, entries }), versions)),
            ],
          },
        ],
      },
      noSignal,
    )

    const state = await ledgerOn(cluster, clock).recall(noSignal)

    expect(state).toMatchObject({ incarnation: 4, notBeforeMs: laterMs, coverage: coverageAt(laterMs) })
    expect(state.seen.find(entry, laterMs)).toMatchObject({ revision: 1, sameContent: true })
  })
})

/** The record as a release would write it that has appended two fields. */
function asNext(schema: string, bytes: Buffer, versions: { readonly format: number; readonly minReader: number }): Buffer {
  const known = JSON.parse(readFileSync(join(import.meta.dirname, '../../schemas', `${schema}.avsc`), 'utf8'))
  const added = [
    { name: 'addedText', type: 'string' },
    { name: 'addedList', type: { type: 'array', items: 'long' } },
  ]
  const value: object = avsc.Type.forSchema(known).fromBuffer(bytes)
  const next = avsc.Type.forSchema({ ...known, fields: [...known.fields, ...added] })
  return next.toBuffer({ ...value, ...versions, addedText: 'later', addedList: [1, 2, 3] })
}
