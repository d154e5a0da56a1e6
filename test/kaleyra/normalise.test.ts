import { describe, expect, test } from 'vitest'
import { createNormaliser } from '../../src/kaleyra/normalise.ts'
import type { Happening } from '../../src/ports.ts'

function normaliser({ timeZone, optIn = [] as string[] }: { timeZone?: string; optIn?: string[] } = {}) {
  const notes: Happening[] = []
  const normalise = createNormaliser({ timeZone, optIn, note: happening => notes.push(happening) })
  return { notes, normalise, one: (row: unknown) => normalise([row])[0] }
}
const call = (row: Record<string, unknown>, options?: Parameters<typeof normaliser>[0]) =>
  normaliser(options).one({ id: 'a-1', ...row })?.call
const bad = (row: unknown, options?: Parameters<typeof normaliser>[0]) => normaliser(options).one(row)?.bad

const LEGACY = {
  id: '75abcdef-0000-4000-8000-000000000000-1',
  uniqid: '58_1771925707.21729277',
  parent_id: '',
  callfrom: '9876543210',
  callto: 8_876_543_211,
  start_time: '2026-02-24 15:05:07',
  end_time: '2026-02-24 15:06:10',
  date: '2026-02-24',
  duration: 63,
  billsec: '58',
  credits: '1.25',
  status: 'NOANSWER_LEG1',
  service: 'CallForward',
  caller_id: '13236000007',
  location: 'Mumbai',
  provider: 'Airtel',
  recording: '//play.example.com/?id=55',
  notes: 'called back',
  custom: '',
}

describe('a row', () => {
  test('of the legacy log becomes a call log', () => {
    expect(normaliser({ timeZone: 'Asia/Kolkata' }).one(LEGACY)?.call).toEqual({
      call_id: '75abcdef-0000-4000-8000-000000000000-1',
      unique_id: '58_1771925707.21729277',
      parent_call_id: null,
      service: 'CallForward',
      direction: 'FORWARD',
      from_number: '9876543210',
      to_number: '8876543211',
      bridge_number: '13236000007',
      start_time: Date.UTC(2026, 1, 24, 9, 35, 7),
      start_time_raw: '2026-02-24 15:05:07',
      answer_time: null,
      end_time: Date.UTC(2026, 1, 24, 9, 36, 10),
      duration_seconds: 63,
      billed_seconds: 58,
      status: 'NOANSWER_LEG1',
      disposition: 'NO_ANSWER',
      hangup_cause: null,
      hangup_by: null,
      cost: 1_250_000n,
      cost_unit: 'credits',
      location: null,
      operator: null,
      has_recording: true,
      recording_ref: null,
      custom: null,
      notes: null,
      extra: { date: '2026-02-24' },
    })
  })

  test('of kaleyra.io becomes a call log', () => {
    const row = {
      call_id: '75abcdef-0000-4000-8000-000000000000-2',
      parent_call_id: '75abcdef-0000-4000-8000-000000000000-1',
      from: '919876543210',
      to: '918876543211',
      bridge: '13236000007',
      start_time: '2026-02-24T09:35:07Z',
      end_time: '2026-02-24T09:36:10+00:00',
      duration: 63,
      billsec: '58',
      status: 'ANSWER',
      credits: 0.1,
      service: 'Incoming',
      recording: '',
      notes: null,
    }

    expect(normaliser().one(row)?.call).toEqual({
      ...normaliser().one({ id: row.call_id })?.call,
      parent_call_id: '75abcdef-0000-4000-8000-000000000000-1',
      service: 'Incoming',
      direction: 'INBOUND',
      from_number: '919876543210',
      to_number: '918876543211',
      bridge_number: '13236000007',
      start_time: Date.UTC(2026, 1, 24, 9, 35, 7),
      start_time_raw: '2026-02-24T09:35:07Z',
      end_time: Date.UTC(2026, 1, 24, 9, 36, 10),
      duration_seconds: 63,
      billed_seconds: 58,
      status: 'ANSWER',
      disposition: 'ANSWERED',
      cost: 100_000n,
      cost_unit: 'credits',
    })
  })

  test('of a callback, and of a log nobody has described, becomes one by the words it uses', () => {
    const callback = {
      id: 'a-1',
      caller: '1',
      receiver: '2',
      callerid: '3',
      starttime: '1771925707',
      endtime: 1_771_925_770,
      recordpath: '0',
    }
    const other = {
      call_uuid: 'a-1',
      'Call From': '1',
      Callee: 2,
      DID: '3',
      'Start-At': '2026-02-24 15:05:07',
      endAt: '2026-02-24T09:36:10.999Z',
      call_duration: '00:01:03',
      Charges: '12.500000',
      currency: 'INR',
      call_state: 'busy',
      call_type: 'OBD',
      hangup_source: 'callee',
      pulse: 60,
    }
    const same = {
      call_id: 'a-1',
      from_number: '1',
      to_number: '2',
      bridge_number: '3',
      start_time: Date.UTC(2026, 1, 24, 9, 35, 7),
    }

    expect(call(callback)).toMatchObject({ ...same, end_time: Date.UTC(2026, 1, 24, 9, 36, 10), has_recording: false, extra: {} })
    expect(normaliser({ timeZone: 'Asia/Kolkata' }).one(other)?.call).toMatchObject({
      ...same,
      end_time: Date.UTC(2026, 1, 24, 9, 36, 10, 999),
      duration_seconds: 63,
      cost: 12_500_000n,
      cost_unit: 'INR',
      disposition: 'BUSY',
      direction: 'OUTBOUND',
      hangup_by: 'callee',
      extra: { pulse: '60' },
    })
  })

  test.each(['Call_ID', 'call-id', 'CALL ID', 'callId', 'uuid', 'call_sid'])('is known by %s', key => {
    expect(normaliser().one({ [key]: 'x-1' })?.call?.call_id).toBe('x-1')
  })

  test('keeps its id as it came', () => {
    expect(call({ id: ' 007-a-1 ' })?.call_id).toBe(' 007-a-1 ')
    expect(call({ id: 12_345 })?.call_id).toBe('12345')
  })

  test('with two keys of one field takes the more trusted and keeps the other', () => {
    const both = call({ call_id: 'uuid-1', id: 17, from: '1', caller: '1', callfrom: '' })

    expect(both).toMatchObject({ call_id: 'uuid-1', from_number: '1', extra: { id: '17' } })
  })

  test('with two spellings of one key is the same call, in whatever order they come', () => {
    const one = normaliser().one({ call_id: 'a', callId: 'b', from: '1', From: '2' })
    const other = normaliser().one({ From: '2', from: '1', callId: 'b', call_id: 'a' })

    expect(one).toEqual(other)
    expect(one?.call?.extra).toEqual({ call_id: 'a', from: '1' })
  })

  test('keeps unlisted scalars as text, nested values as JSON with sorted keys, and empty ones not at all', () => {
    const extra = call({
      agent: 7,
      vip: true,
      tags: { b: [1, { d: 1, c: 2 }], a: 'x' },
      none: null,
      blank: '  ',
      list: [],
    })?.extra

    expect(extra).toEqual({ agent: '7', vip: 'true', tags: '{"a":"x","b":[1,{"c":2,"d":1}]}' })
  })

  test('keeps a key named __proto__ under a name that no reader stumbles over', () => {
    const row: unknown = JSON.parse('{"id":"a-1","__proto__":"x","constructor":"y"}')

    expect(Object.entries(normaliser().one(row)?.call?.extra ?? {})).toEqual([
      ['_proto_', 'x'],
      ['constructor', 'y'],
    ])
  })

  test('half a surrogate pair becomes the replacement character, in fields and in extra', () => {
    const found = call({ status: 'A\ud800', odd: '\udc00b' })

    expect(found?.status).toBe('A\ufffd')
    expect(found?.extra.odd).toBe('\ufffdb')
  })

  test('a nested value beyond 8 KB becomes a marker that changes with it', () => {
    const marker = (text: string) => call({ blob: { text } })?.extra.blob ?? ''

    expect(marker('x'.repeat(9_000))).toMatch(/^\{"truncated":true,"bytes":9011,"sha256":"[0-9a-f]{64}"\}$/)
    expect(marker('x'.repeat(9_000))).not.toBe(marker('y'.repeat(9_000)))
  })

  test('values its fields cannot take stay null, with the text kept and counted', () => {
    const { one, notes } = normaliser()

    const row = one({
      id: 'a-1',
      duration: '63.5',
      billsec: 'n/a',
      credits: '1.0000005',
      from: { number: 1 },
      to: 1e300,
      direction: 'sideways',
    })

    expect(row?.call).toMatchObject({
      duration_seconds: null,
      billed_seconds: null,
      cost: null,
      cost_unit: null,
      from_number: null,
      to_number: null,
    })
    expect(row?.call).toMatchObject({
      direction: 'UNKNOWN',
      extra: {
        duration: '63.5',
        billsec: 'n/a',
        credits: '1.0000005',
        from: '{"number":1}',
        to: '1e+300',
        direction: 'sideways',
      },
    })
    expect(notes).toEqual([{ kind: 'unknown.value', of: 'field', count: 6 }])
  })

  test.each([
    [{ credits: 1 }, 'credits'],
    [{ Credit: 1 }, 'credits'],
    [{ cost: 1 }, null],
    [{ credits: 1, currency: 'INR' }, 'INR'],
  ])('%j costs in %j', (row, unit) => {
    expect(call(row)).toMatchObject({ cost: 1_000_000n, cost_unit: unit })
  })
})

describe('times', () => {
  test('that cannot be read are null, never now; the text is kept and counted', () => {
    const { one, notes } = normaliser()

    const row = one({ id: 'a-1', start_time: '24/02/2026', answer_time: 'soon', end_time: [1] })

    expect(row?.call).toMatchObject({ start_time: null, start_time_raw: '24/02/2026', answer_time: null, end_time: null })
    expect(row?.call?.extra).toEqual({ answer_time_raw: 'soon', end_time_raw: '[1]' })
    expect(notes).toEqual([{ kind: 'unknown.value', of: 'time', count: 3 }])
  })

  test('without an offset make the row bad until a time zone is set', () => {
    expect(bad({ id: 'a-1', endTime: '2026-02-24 15:06:10' })).toMatchObject({
      reason: 'naive_time',
      path: 'endTime',
      callId: 'a-1',
    })
    expect(bad({ id: 'a-1', endTime: '2026-02-24 15:06:10' })?.detail).not.toContain('2026')
  })

  test('of zero stay not given when somebody wrote them out as a date, in any zone', () => {
    const zeros = ['1970-01-01T00:00:00Z', '1970-01-01 05:30:00', '1970-01-01T00:00:00+05:30', '1969-12-31T19:00:00-05:00']
    for (const zero of zeros) {
      expect(call({ start_time: zero, end_time: zero }, { timeZone: 'Asia/Kolkata' })).toMatchObject({
        start_time: null,
        start_time_raw: zero,
        end_time: null,
        extra: {},
      })
    }
  })

  test('of zero are not given and need no time zone', () => {
    expect(call({ start_time: '0000-00-00 00:00:00', end_time: 0 })).toMatchObject({
      start_time: null,
      end_time: null,
      extra: {},
    })
  })
})

describe('statuses', () => {
  test.each([
    ['ANSWER', 'ANSWERED'],
    ['ANSWERED-A', 'ANSWERED'],
    ['ANSWERED-B', 'ANSWERED'],
    ['accepted', 'ANSWERED'],
    ['FLOW_ANSWER', 'IVR_ONLY'],
    ['IVR-ANSWER', 'IVR_ONLY'],
    ['FLOW_EXECUTED', 'IVR_ONLY'],
    ['NOANSWER', 'NO_ANSWER'],
    ['No Answer', 'NO_ANSWER'],
    ['NOANSWER_CHANNEL2', 'NO_ANSWER'],
    ['OBD_TIMEOUT', 'NO_ANSWER'],
    ['BUSY_LEG1', 'BUSY'],
    ['CANCEL', 'CANCELLED'],
    ['INCOMING_DISCONNECTED', 'CANCELLED'],
    ['REJECTED', 'REJECTED'],
    ['DND', 'BLOCKED'],
    ['OUTGOING_RESTRICTED', 'BLOCKED'],
    ['MISS_CALL', 'MISSED_CALL'],
    ['MISWIG', 'MISSED_CALL'],
    ['FAILED_LEG2', 'FAILED'],
    ['MAXUSE', 'FAILED'],
    ['MAX-USE', 'FAILED'],
    ['FLOW_PAUSED', 'FAILED'],
    ['OFF-HOUR', 'FAILED'],
    ['IVR', 'FAILED'],
    ['FORWARDED', 'UNKNOWN'],
  ])('%s is %s, and stays as it came', (status, disposition) => {
    expect(call({ status })).toMatchObject({ status, disposition })
  })

  test('nobody knows are counted', () => {
    const { normalise, notes } = normaliser()

    normalise([{ id: 'a', status: 'FORWARDED' }, { id: 'b', status: 'NEW_ONE' }, { id: 'c' }])

    expect(notes).toEqual([{ kind: 'unknown.value', of: 'status', count: 2 }])
  })

  test.each([
    [{ service: 'Incoming' }, 'INBOUND'],
    [{ type: 'Click2Call' }, 'OUTBOUND'],
    [{ call_type: 'OBD' }, 'OUTBOUND'],
    [{ direction: 'in', service: 'CallForward' }, 'INBOUND'],
    [{ direction: 'sideways', service: 'CallForward' }, 'FORWARD'],
    [{ service: 'Fax' }, 'UNKNOWN'],
  ])('%j goes %s', (row, direction) => {
    expect(call(row)?.direction).toBe(direction)
  })
})

describe('fields that may identify people', () => {
  const row = {
    location: 'Mumbai',
    circle: 'MH',
    provider: 'Airtel',
    notes: 'n',
    custom: { a: 1 },
    recording: 'https://x.example.com/r/1.mp3?sig=1',
  }

  test('are nowhere unless asked for', () => {
    const plain = call(row)

    expect(plain).toMatchObject({
      location: null,
      operator: null,
      notes: null,
      custom: null,
      recording_ref: null,
      has_recording: true,
    })
    expect(plain?.extra).toEqual({})
  })

  test('come one by one when asked for', () => {
    expect(call(row, { optIn: ['notes', 'custom'] })).toMatchObject({
      location: null,
      operator: null,
      notes: 'n',
      custom: '{"a":1}',
    })
    expect(call(row, { optIn: ['location', 'operator'] })).toMatchObject({
      location: 'Mumbai',
      operator: 'Airtel',
      notes: null,
      custom: null,
    })
  })

  test.each([
    ['https://x.example.com/r/1.mp3?sig=1', true, 'https://x.example.com/r/1.mp3'],
    ['//play.example.com/?id=55', true, '//play.example.com/?id=55'],
    ['rec-55', true, 'rec-55'],
    ['', null, null],
    ['//play.example.com/?id=55&signature=7', true, '//play.example.com/?id=55'],
    ['https://x.example.com/play.php?sig=1&call_id=5&Expires=9', true, 'https://x.example.com/play.php?call_id=5'],
    ['//play.example.com/?signature=7', true, '//play.example.com/?signature=7'],
    ['0', false, null],
    [false, false, null],
    [true, true, null],
    [null, null, null],
  ])('a recording of %j', (recording, has, ref) => {
    expect(call({ recording }, { optIn: ['recording_ref'] })).toMatchObject({ has_recording: has, recording_ref: ref })
  })
})

describe('a bad row', () => {
  test.each([null, 7, 'text', [], [{ id: 'a' }]])('%j is no object', row => {
    expect(bad(row)).toMatchObject({ reason: 'not_an_object', json: JSON.stringify(row), callId: null })
  })

  test.each([
    {},
    { id: '' },
    { id: null },
    { id: 1.5 },
    { id: 2 ** 60 },
    { id: true },
    { id: {} },
    { id: 0 },
    { id: -0 },
    { id: '0' },
  ])('%j has no id', row => {
    expect(bad(row)).toMatchObject({ reason: 'no_call_id', callId: null })
  })

  test('is kept as JSON of at most 256 KB, else as a marker', () => {
    const small = bad({ from: '+919876543210' })
    const large = bad({ from: 'é'.repeat(200_000) })

    expect(small?.json).toBe('{"from":"+919876543210"}')
    expect(small?.detail).not.toContain('9876543210')
    expect(JSON.parse(large?.json ?? '')).toMatchObject({ truncated: true, bytes: 400_011 })
  })

  test('is one that no topic could hold', () => {
    expect(bad({ id: 'a-1', blob: 'x'.repeat(300_000) })).toMatchObject({ reason: 'too_large', callId: 'a-1' })
  })

  test('is one whose id is no text', () => {
    expect(bad({ id: 'a\ud800' })).toMatchObject({ reason: 'unencodable', path: 'id' })
  })

  test.each([
    ['half a surrogate pair', 'a\ud800', 'a\ud801'],
    ['bytes that were no UTF-8', 'a\ufffd', 'a\ufffd\ufffd'],
  ])('is told from another by the whole row when its id holds %s', (_what, id, other) => {
    const [one, two] = [bad({ id, status: 'BUSY' }), bad({ id: other, status: 'BUSY' })]

    expect([one, two]).toMatchObject([
      { reason: 'unencodable', callId: null },
      { reason: 'unencodable', callId: null },
    ])
    expect(one?.json).not.toBe(two?.json)
  })
})
