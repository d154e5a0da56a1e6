import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createNormaliser, type NormaliserOptions } from '../../src/kaleyra/normalise.ts'
import type { NumberRules } from '../../src/model/number-protection.ts'

const KEY = '0123456789abcdef0123456789abcdef'
const hmacOf = (text: string) => createHmac('sha256', KEY).update(text).digest('hex')

/** `rule` for all three numbers unless told otherwise. */
function normaliser(rule: NumberRules['from_number'], options: Partial<NormaliserOptions> = {}) {
  const privacy = { from_number: rule, to_number: rule, bridge_number: rule }
  const normalise = createNormaliser({ timeZone: undefined, optIn: [], privacy, hmacKey: KEY, note: () => {}, ...options })
  return {
    call: (row: object) => normalise([{ id: 'a-1', ...row }])[0]?.call,
    bad: (row: unknown) => normalise([row])[0]?.bad,
    published: (row: unknown) => JSON.parse(normalise([row])[0]?.bad?.json ?? '') as unknown,
  }
}

describe('the three numbers', () => {
  test('follow each its own rule', () => {
    const privacy = { from_number: 'hmac', to_number: 'mask', bridge_number: 'drop' } as const
    const { call } = normaliser('plain', { privacy })

    expect(call({ from: '+91 98765 43210', callto: 8_876_543_211, did: '13236000007' })).toMatchObject({
      from_number: hmacOf('919876543210'),
      to_number: '********11',
      bridge_number: null,
      extra: {},
    })
  })

  test('are protected where a less trusted key names another one', () => {
    const { call } = normaliser('plain', { privacy: { from_number: 'hmac', to_number: 'plain', bridge_number: 'drop' } })
    const row = { from: '919876543210', caller: '4711', to: '918', callee: '919', bridge: '13236000007', did: '4712' }

    expect(call(row)?.extra).toEqual({ caller: hmacOf('4711'), callee: '919' })
  })

  test('are protected where they come as a list or a group', () => {
    const { call } = normaliser('mask')

    expect(call({ to: ['919876543210', 4711], from: { number: '4712', name: 'Ann' } })?.extra).toEqual({
      to: '["91********10","****"]',
      from: '{"name":"***","number":"****"}',
    })
  })
})

describe('numbers elsewhere', () => {
  const row = {
    agent_mobile: '919876543210',
    agent_number: 9_876_543_210,
    comment: 'call +91 98765 43210 at 15:05',
    legs: [{ from: '4711', at: '2026-02-24', said: { to: '919876543210' } }],
    payload: '{"caller":"4711", "text":"919876543210"}',
    '919876543210': 'yes',
  }

  test('in extra, at any depth and in keys, follow the strictest rule in force', () => {
    const privacy = { from_number: 'mask', to_number: 'plain', bridge_number: 'plain' } as const

    expect(normaliser('plain', { privacy }).call(row)?.extra).toEqual({
      agent_mobile: '91********10',
      agent_number: '********10',
      comment: 'call 91********10 at 15:05',
      legs: '[{"at":"2026-02-24","from":"****","said":{"to":"919876543210"}}]',
      payload: '{"caller":"****","text":"91********10"}',
      '91********10': 'yes',
    })
  })

  test('are left out when dropped', () => {
    expect(normaliser('drop').call(row)?.extra).toEqual({
      comment: 'call [dropped] at 15:05',
      legs: '[{"at":"2026-02-24","from":null,"said":{"to":null}}]',
      payload: '{"caller":null,"text":null}',
      '[dropped]': 'yes',
    })
  })

  test('stay when all are plain', () => {
    expect(normaliser('plain').call(row)?.extra).toEqual({
      agent_mobile: '919876543210',
      agent_number: '9876543210',
      comment: 'call +91 98765 43210 at 15:05',
      legs: '[{"at":"2026-02-24","from":"4711","said":{"to":"919876543210"}}]',
      payload: '{"caller":"4711", "text":"919876543210"}',
      '919876543210': 'yes',
    })
  })

  test('in texts of known fields are protected, ids are not', () => {
    const number = '919876543210'
    const texts = { service: number, status: `BUSY ${number}`, reason: number, hangup_by: number, currency: number }
    const ids = { id: number, uniqid: number, parent_id: number }

    expect(normaliser('mask').call({ ...texts, ...ids })).toMatchObject({
      ...{ call_id: number, unique_id: number, parent_call_id: number },
      ...{ service: '91********10', status: 'BUSY 91********10', hangup_cause: '91********10', hangup_by: '91********10' },
      cost_unit: '91********10',
    })
  })

  test('in the place of an amount or a time are no amount and no time', () => {
    const number = '919876543210'
    const row = { duration: 1_722_345_678, billsec: '9876543', credits: number, start_time: number, end_time: `${number}x` }

    expect(normaliser('mask').call(row)).toMatchObject({
      ...{ duration_seconds: null, billed_seconds: null, cost: null, cost_unit: null, start_time: null, end_time: null },
      start_time_raw: '91********10',
      extra: { duration: '********78', billsec: '*****43', credits: '91********10', end_time_raw: '91********10x' },
    })
  })

  test('in free text that was asked for are protected', () => {
    const { call } = normaliser('mask', { optIn: ['notes', 'custom', 'location', 'operator'] })
    const row = { notes: 'ring 919876543210', custom: { mobile: '919876543210' }, location: '9876543210', provider: 'Airtel' }

    expect(call(row)).toMatchObject({
      notes: 'ring 91********10',
      custom: '{"mobile":"91********10"}',
      location: '********10',
      operator: 'Airtel',
    })
  })

  test('in the reference of a recording: with a number of the call in it there is no reference, an id of digits stays', () => {
    const { call } = normaliser('mask', { optIn: ['recording_ref'] })
    const from = '+91 98765 43210'

    expect(call({ from, recording: '//play.example.com/20260224-9876543210.mp3' })).toMatchObject({
      recording_ref: null,
      has_recording: true,
    })
    expect(call({ from, recording: '//play.example.com/?id=21729277' })?.recording_ref).toBe('//play.example.com/?id=21729277')
  })

  test('do not make a time out of what is one: key and value must both say so', () => {
    const extra = normaliser('mask').call({
      ...{ created_at: 1_771_925_707, updatedAt: '1771925707123', agent: 1_771_925_707, call_date: '9876543210' },
      ...{ queueTime: '1771925707', candidate: '2025550123', updated_by: '1425550123' },
      ...{ date: '2026-02-24', answer_time: 'noon, 24/02/2026' },
    })?.extra

    expect(extra).toEqual({
      ...{ created_at: '1771925707', updatedAt: '1771925707123', agent: '********07', call_date: '********10' },
      ...{ queueTime: '1771925707', candidate: '********23', updated_by: '********23' },
      ...{ date: '2026-02-24', answer_time_raw: 'noon, 24/02/2026' },
    })
  })

  test('that become equal keys leave the same record in whatever order they come', () => {
    const { call } = normaliser('drop')

    expect(call({ 'x 919876543210': 'a', 'x 919876543211': 'b' })?.extra).toEqual(
      call({ 'x 919876543211': 'b', 'x 919876543210': 'a' })?.extra,
    )
  })
})

describe('fields that are published on request only', () => {
  const nested = { details: { city: 'Pune', location: 'Mumbai', deep: [{ notes: 'n', ok: 1 }] }, only: { notes: 'n' } }

  test('are withheld at any depth, and in JSON that came as text', () => {
    const asText = { payload: JSON.stringify(nested.details), other: '{"a": 1}' }

    expect(normaliser('plain').call({ ...nested, ...asText })?.extra).toEqual({
      details: '{"city":"Pune","deep":[{"ok":1}]}',
      payload: '{"city":"Pune","deep":[{"ok":1}]}',
      other: '{"a": 1}',
    })
  })

  test('are published where they were asked for', () => {
    expect(normaliser('plain', { optIn: ['location', 'notes'] }).call(nested)?.extra).toEqual({
      details: '{"city":"Pune","deep":[{"notes":"n","ok":1}],"location":"Mumbai"}',
      only: '{"notes":"n"}',
    })
  })
})

describe('the row of a dead letter', () => {
  const row = {
    id: '919876543210',
    uniqid: '58_1771925707.21729277',
    callfrom: '4711',
    callto: '919876543210',
    start_time: '2026-01-01 10:00:00',
    duration: 63,
    credits: '0.650000',
    agent_mobile: '919876543210',
    ...{ location: 'Mumbai', provider: 'Airtel', custom: 'c', notes: 'n', meta: 1, circle: 'MH' },
    recording: '//play.example.com/?id=7&signature=1',
  }

  test('has its numbers protected and its private fields withheld, and keeps its ids', () => {
    expect(normaliser('mask').published(row)).toEqual({
      ...{ id: '919876543210', uniqid: '58_1771925707.21729277', callfrom: '****', callto: '91********10' },
      ...{ start_time: '2026-01-01 10:00:00', duration: 63, credits: '0.650000', agent_mobile: '91********10' },
    })
  })

  test('withholds private fields also when all numbers are plain, unless they were asked for', () => {
    const { location: _, provider: __, custom: ___, notes: ____, meta: _____, circle: ______, recording: _______, ...rest } = row

    expect(normaliser('plain').published(row)).toEqual(rest)
    expect(normaliser('plain', { optIn: ['notes', 'recording_ref'] }).published(row)).toEqual({
      ...rest,
      notes: 'n',
      recording: '//play.example.com/?id=7',
    })
  })

  test.each([
    ['a text', 'call 919876543210, 4711', 'call 91********10, 4711'],
    ['a list', ['a-1', '919876543210', { from: '4711' }], ['a-1', '91********10', { from: '****' }]],
    ['a number', 9_876_543_210, '********10'],
    ['JSON as text', '{"id":"a-1","from":"4711","notes":"n"}', '{"from":"****","id":"a-1"}'],
    ['nothing', null, null],
  ])('is protected when the row is %s', (_, row, published) => {
    expect(normaliser('mask').published(row)).toEqual(published)
  })

  test('that is too large becomes a marker, of what would have been published', () => {
    const large = { id: 'a-1', blob: 'x '.repeat(200_000), from: '919876543210', notes: 'n' }
    const marker = (row: object) => normaliser('drop').bad(row)?.json

    expect(marker(large)).toMatch(/^\{"truncated":true,"bytes":\d+,"sha256":"[0-9a-f]{64}"\}$/)
    expect(marker({ ...large, from: '919876543211', notes: 'm' })).toBe(marker(large))
    expect(marker({ ...large, status: 'BUSY' })).not.toBe(marker(large))
  })

  test('names its path and its reason without a value', () => {
    for (const bad of [{ from: '919876543210' }, row, { id: '919876543210\ud800' }, ['919876543210']]) {
      const { path = '9198', detail = '9198' } = normaliser('mask').bad(bad) ?? {}

      expect(`${path} ${detail}`).not.toMatch(/9198|2026/)
    }
  })
})

describe('a bad row without an id', () => {
  const row = { from: '919876543210', start_time: '2026-02-24T15:05:07Z', recording: '//play.example.com/?id=7&signature=1' }
  const identity = (bad: object, options: Partial<NormaliserOptions> = {}, rule: NumberRules['from_number'] = 'plain') =>
    normaliser(rule, { identityKey: 'secret', ...options }).bad(bad)?.identity

  test('is the same row under any record settings, and with a link that was signed anew', () => {
    const same = identity(row)

    expect(identity({ ...row, recording: '//play.example.com/?id=7&signature=2' })).toBe(same)
    expect(identity(row, { optIn: ['recording_ref'] }, 'drop')).toBe(same)
    expect(identity(row, { hmacKey: 'another key of many characters' }, 'hmac')).toBe(same)
  })

  test('is another row when its numbers differ, however they are published', () => {
    expect(identity({ ...row, from: '919876543211' }, {}, 'drop')).not.toBe(identity(row, {}, 'drop'))
  })

  test('is remembered under a key, so that trying numbers does not find it', () => {
    expect(identity(row, { identityKey: 'other' })).not.toBe(identity(row))
  })
})
