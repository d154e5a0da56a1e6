import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createInstantReader, NAIVE, NOT_GIVEN, UNREADABLE } from '../../src/kaleyra/instants.ts'

const utc = Date.UTC(2026, 0, 2, 3, 4, 5)
const read = createInstantReader(undefined)

describe('an instant', () => {
  test.each([
    ['2026-01-02T03:04:05Z', utc],
    ['2026-01-02 03:04:05Z', utc],
    ['2026-01-02T03:04:05.678Z', utc + 678],
    ['2026-01-02T03:04:05.6Z', utc + 600],
    ['2026-01-02T03:04:05.678999Z', utc + 678],
    ['2026-01-02T03:04:05+00:00', utc],
    ['2026-01-02T08:34:05+05:30', utc],
    ['2026-01-02T08:34:05+0530', utc],
    ['2026-01-01T22:04:05-05', utc],
    ['2026-01-02 03:04:05 UTC', utc],
    ['2026-01-02T03:04Z', utc - 5_000],
    [' 2026-01-02T03:04:05Z ', utc],
    [utc / 1_000, utc],
    [utc, utc],
    [String(utc / 1_000), utc],
    [String(utc), utc],
    [utc / 1_000 + 0.25, utc + 250],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
    [utc / 1_000 + 0.9996, utc + 999],
    [`${utc / 1_000}.9996`, utc + 999],
    [utc / 1_000 + 0.678, utc + 678],
  ])('%j is read exactly', (value, expected) => {
    expect(read(value)).toBe(expected)
  })

  test.each([
    ...[
      '2026-01-02',
      '02-01-2026 03:04:05',
      '01/02/2026 03:04',
      '2026-13-01T00:00:00Z',
      '2026-02-29T00:00:00Z',
      '2026-01-02T24:00:00Z',
    ],
    ...[
      '2026-01-02T03:60:00Z',
      '2026-01-02T03:04:60Z',
      '2026-01-02T03:04:05 IST',
      '2026-01-02T03:04:05+25:00',
      '2026-01-02T03:04:05.Z',
    ],
    ...[
      '2026-01-02T03:04:05ZZ',
      '2026-1-2T03:04:05Z',
      'yesterday',
      '20260102030405',
      '0001-13-01T00:00:00Z',
      '1899-01-01T00:00:00Z',
    ],
    ...[5, -1, 20_260_102, 1.7e15, Number.NaN, Number.POSITIVE_INFINITY, true, null, {}, []],
  ])('%j is not guessed at', value => {
    expect(read(value)).toBe(UNREADABLE)
  })

  test('a date that does not exist stays unreadable after one that does, whatever was read before', () => {
    const pairs = [
      ['2026-02-01T00:00:00Z', '2026-01-33T00:00:00Z'],
      ['2027-01-05T00:00:00Z', '2026-17-05T00:00:00Z'],
      ['2026-02-28T00:00:00Z', '2026-02-29T00:00:00Z'],
      ['2027-01-01T00:00:00Z', '2026-16-33T00:00:00Z'],
    ] as const
    for (const [good, nonsense] of pairs) {
      expect(read(good)).toBe(Date.parse(good))
      expect(read(nonsense), nonsense).toBe(UNREADABLE)
    }
  })

  test('is never another date than its text says, whatever was read before', () => {
    const two = (value: number) => String(value).padStart(2, '0')
    const date = fc.tuple(fc.integer({ min: 2026, max: 2027 }), fc.integer({ min: 0, max: 17 }), fc.integer({ min: 0, max: 34 }))
    fc.assert(
      fc.property(fc.array(date, { minLength: 50, maxLength: 200 }), dates => {
        for (const [year, month, day] of dates) {
          const text = `${year}-${two(month)}-${two(day)}T00:00:00.000Z`
          const instantMs = read(text)
          if (!Number.isNaN(instantMs)) expect(new Date(instantMs).toISOString()).toBe(text)
        }
      }),
    )
  })

  test.each([0, '0', '0000-00-00 00:00:00', '0000-00-00', '0001-01-01T00:00:00Z'])('%j means not given', value => {
    expect(read(value)).toBe(NOT_GIVEN)
  })

  test('agrees with Date on every ISO text', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true }), date => {
        expect(read(date.toISOString())).toBe(date.getTime())
      }),
    )
  })
})

describe('a time without an offset', () => {
  test('cannot be placed without a time zone', () => {
    expect(read('2026-01-02 03:04:05')).toBe(NAIVE)
    expect(read('2026-02-30 03:04:05')).toBe(UNREADABLE)
  })

  test('is placed by the account’s time zone; an offset in the text wins', () => {
    const kolkata = createInstantReader('Asia/Kolkata')

    expect(kolkata('2026-01-02 08:34:05')).toBe(utc)
    expect(kolkata('2026-01-02T03:04:05Z')).toBe(utc)
    expect(createInstantReader('UTC')('2026-01-02 03:04:05')).toBe(utc)
  })

  test('a skipped time moves forward by the change', () => {
    const berlin = createInstantReader('Europe/Berlin')

    expect(berlin('2026-03-29 01:59:59')).toBe(Date.UTC(2026, 2, 29, 0, 59, 59))
    expect(berlin('2026-03-29 02:30:00')).toBe(Date.UTC(2026, 2, 29, 1, 30))
    expect(berlin('2026-03-29 03:00:00')).toBe(Date.UTC(2026, 2, 29, 1))
  })

  test('a time that happened twice is the earlier', () => {
    const berlin = createInstantReader('Europe/Berlin')

    expect(berlin('2026-10-25 01:30:00')).toBe(Date.UTC(2026, 9, 24, 23, 30))
    expect(berlin('2026-10-25 02:30:00')).toBe(Date.UTC(2026, 9, 25, 0, 30))
    expect(berlin('2026-10-25 03:00:00')).toBe(Date.UTC(2026, 9, 25, 2))
  })

  test('half-hour changes count, too', () => {
    const lordHowe = createInstantReader('Australia/Lord_Howe')

    expect(lordHowe('2026-10-04 01:59:00')).toBe(Date.UTC(2026, 9, 3, 15, 29))
    expect(lordHowe('2026-10-04 02:15:00')).toBe(Date.UTC(2026, 9, 3, 15, 45))
    expect(lordHowe('2026-10-04 02:30:00')).toBe(Date.UTC(2026, 9, 3, 15, 30))
  })

  test('comes back to the same wall clock, in any zone at any time', () => {
    const zones = ['Asia/Kolkata', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca', 'Asia/Kathmandu']
    const readers = zones.map(timeZone => ({
      read: createInstantReader(timeZone),
      format: new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }),
    }))
    fc.assert(
      fc.property(
        fc.integer({ min: Date.UTC(2015, 0, 1), max: Date.UTC(2030, 0, 1) }),
        fc.nat(zones.length - 1),
        (atMs, index) => {
          const { read: inZone, format } = readers[index] ?? { read, format: new Intl.DateTimeFormat() }
          const wall = format.format(atMs)

          const instantMs = inZone(wall)

          expect(format.format(instantMs)).toBe(wall)
          expect(instantMs).toBeLessThanOrEqual(Math.floor(atMs / 1_000) * 1_000)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('an unknown zone is refused at start', () => {
    expect(() => createInstantReader('Asia/Nowhere')).toThrow(expect.objectContaining({ code: 'SETTINGS_INVALID' }))
  })
})
