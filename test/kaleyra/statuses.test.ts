import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createDirectionReader, createDispositionReader } from '../../src/kaleyra/statuses.ts'

const dispositionOf = createDispositionReader()
const directionOf = createDirectionReader()

/** The 28 final statuses of kaleyra.io. */
const KALEYRA_IO: Readonly<Record<string, string>> = {
  ANSWER: 'ANSWERED',
  NOANSWER: 'NO_ANSWER',
  FLOW_ANSWER: 'IVR_ONLY',
  FAILED: 'FAILED',
  BUSY: 'BUSY',
  REJECTED: 'REJECTED',
  NOROUTE: 'FAILED',
  BUSY_CHANNEL1: 'BUSY',
  BUSY_CHANNEL2: 'BUSY',
  FAILED_CHANNEL1: 'FAILED',
  FAILED_CHANNEL2: 'FAILED',
  NOANSWER_CHANNEL1: 'NO_ANSWER',
  NOANSWER_CHANNEL2: 'NO_ANSWER',
  MAXUSE: 'FAILED',
  FLOW_UNASSIGNED: 'FAILED',
  FLOW_PAUSED: 'FAILED',
  FLOW_NOT_PUBLISHED: 'FAILED',
  FLOW_UNREACHABLE: 'FAILED',
  FLOW_EXECUTED: 'IVR_ONLY',
  QUEUE_TIMEOUT: 'FAILED',
  OBD_TIMEOUT: 'NO_ANSWER',
  RING_TIMEOUT: 'FAILED',
  CANCEL: 'CANCELLED',
  BRIDGE_UNAVAILABLE: 'FAILED',
  MISS_CALL: 'MISSED_CALL',
  NO_INCOMING_CLI: 'FAILED',
  INCOMING_DISCONNECTED: 'CANCELLED',
  OUTGOING_RESTRICTED: 'BLOCKED',
}

const LEGACY: Readonly<Record<string, string>> = {
  BUSY: 'BUSY',
  CHANUNAVAIL: 'FAILED',
  CONGESTION: 'FAILED',
  NOANSWER: 'NO_ANSWER',
  ANSWER: 'ANSWERED',
  CANCEL: 'CANCELLED',
  FAILED: 'FAILED',
  IVR: 'FAILED',
  'IVR-ANSWER': 'IVR_ONLY',
  MISWIG: 'MISSED_CALL',
  BLOCKED: 'BLOCKED',
  'MAX-USE': 'FAILED',
  DND: 'BLOCKED',
  'OFF-HOUR': 'FAILED',
  NOTALLOWED: 'BLOCKED',
  NOANSWER_LEG1: 'NO_ANSWER',
  NOANSWER_LEG2: 'NO_ANSWER',
  FAILED_LEG1: 'FAILED',
  FAILED_LEG2: 'FAILED',
}

/** In no list, yet 15 % of one live log. */
const LIVE: Readonly<Record<string, string>> = {
  'ANSWERED-A': 'ANSWERED',
  'ANSWERED-B': 'ANSWERED',
  ACCEPTED: 'ANSWERED',
  FORWARDED: 'UNKNOWN',
}

describe('the disposition of a status', () => {
  test.each([
    ['kaleyra.io', KALEYRA_IO],
    ['the legacy log', LEGACY],
    ['a live log', LIVE],
  ])('is settled for every status of %s', (_of, list) => {
    expect(Object.fromEntries(Object.keys(list).map(status => [status, dispositionOf(status)]))).toEqual(list)
  })

  test('does not depend on case and separators', () => {
    const separator = fc.constantFrom('', '_', '-', ' ')
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.entries({ ...KALEYRA_IO, ...LEGACY, ...LIVE })),
        fc.infiniteStream(separator),
        fc.boolean(),
        ([status, disposition], between, isLower) => {
          const parts = status.split(/[_-]/)
          const spelled = parts.map((part, at) => (at === 0 ? part : `${between.next().value}${part}`)).join('')

          expect(dispositionOf(isLower ? spelled.toLowerCase() : spelled)).toBe(disposition)
        },
      ),
    )
  })

  test('is UNKNOWN for what only looks like a listed one, and for any text at all one of ten words', () => {
    const words = 'ANSWERED NO_ANSWER BUSY FAILED CANCELLED REJECTED BLOCKED IVR_ONLY MISSED_CALL UNKNOWN'.split(' ')

    expect(
      ['UNANSWERED', 'CANCELLED BY US', 'IVRX', 'DNDX', 'RINGING', 'constructor', '__proto__', ''].map(dispositionOf),
    ).toEqual(new Array(8).fill('UNKNOWN'))
    fc.assert(fc.property(fc.string({ unit: 'binary' }), status => words.includes(dispositionOf(status))))
  })
})

test.each([
  [['Incoming', 'IN', 'inbound'], 'INBOUND'],
  [['CallForward', 'Call-Forward', 'call forwarding', 'FORWARD'], 'FORWARD'],
  [['Click2Call', 'click to call', 'OBD', 'OUT', 'Outgoing', 'outbound'], 'OUTBOUND'],
  [['IVR', 'in out', 'constructor', '__proto__', ''], 'UNKNOWN'],
])('the services %j go %s', (services, direction) => {
  expect(services.map(directionOf)).toEqual(services.map(() => direction))
})
