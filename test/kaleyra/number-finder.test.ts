import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { protectNumbers } from '../../src/kaleyra/number-finder.ts'

const marked = (text: string) => protectNumbers(text, number => `<${number}>`)
const dropped = (text: string) => protectNumbers(text, () => null)

describe('what looks like a number', () => {
  test.each([
    ['9876543210', '<9876543210>'],
    ['call +91 98765 43210 back', 'call <+91 98765 43210> back'],
    ['(022) 2876-5432', '<(022) 2876-5432>'],
    ['323.600.0007', '<323.600.0007>'],
    ['06.12.34.56.78', '<06.12.34.56.78>'],
    ['tel:919876543210;x=1', 'tel:<919876543210>;x=1'],
    ['x919876543210y', 'x<919876543210>y'],
    ['%2B919876543210', '%2B<919876543210>'],
    ['919876543210@10.0.0.1', '<919876543210>@10.0.0.1'],
    ['rec_20260224_919876543210.wav', 'rec_<20260224>_<919876543210>.wav'],
    ['9876543210,9876543211', '<9876543210>,<9876543211>'],
    ['9876543210 9876543211', '<9876543210> <9876543211>'],
    ['+91 98765 43210 +91 98765 43211', '<+91 98765 43210> <+91 98765 43211>'],
    ['9 8 7 6 5 4 3 2 1 0', '<9 8 7 6 5 4 3 2 1 0>'],
    ['123456789012345678', '<123456789012345678>'],
    ['1771925707', '<1771925707>'],
    ['12345.6789', '<12345.6789>'],
    ['2026-02-24 9876543210', '<2026-02-24> <9876543210>'],
    ['2026-02-2498765', '<2026-02-2498765>'],
    ['00000000-0000-0000-0000-919876543210', '<00000000-0000-0000-0000-919876543210>'],
    ['９８７６५४३२१०', '<９８７６५४३२१०>'],
  ])('%j becomes %j', (text, made) => {
    expect(marked(text)).toBe(made)
  })

  test('is gone altogether when it is the whole value and is dropped, and named within longer text', () => {
    expect(dropped(' +91 98765 43210 ')).toBeNull()
    expect(dropped('call 9876543210, or 9876543211')).toBe('call [dropped], or [dropped]')
    expect(dropped('[dropped]')).toBe('[dropped]')
  })
})

describe('what is plainly no number', () => {
  test.each([
    '2026-02-24',
    '2026-02-24 15:05:07',
    '2026-02-24T15:05:07.123456Z',
    '2026-02-24T15:05:07+05:30',
    '24/02/2026 15:05',
    '24.02.2026',
    '0000-00-00 00:00:00',
    'from 2026-02-24 to 2026-02-25, twice',
    '00:01:03',
    '0.650000',
    '12.500000',
    '75abcdef-0000-4000-8000-0a0000000000',
    'd41d8cd98f00b204e9800998ecf8427e',
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'extension 123456',
    'SIP 603',
    '',
  ])('%j stays', text => {
    expect(marked(text)).toBe(text)
  })
})

test('no text is too long to look through', () => {
  const [spaces, words] = ['12345    '.repeat(30_000), 'a1-'.repeat(100_000)]

  expect(dropped('1'.repeat(300_000))).toBeNull()
  expect(dropped('1 '.repeat(150_000))).toBe('[dropped] '.repeat(10_000))
  expect(dropped('0000-'.repeat(60_000))).toBe('[dropped]-')
  expect([dropped(spaces), dropped(words)]).toEqual([spaces, words])
})

test('a number of seven digits or more never survives, whatever stands around it and between its digits', () => {
  const digits = fc.stringMatching(/^[6-9][0-9]{6,14}$/)
  const between = fc.constantFrom('', '', '', ' ', '-', '.', '/', ') ', ' - ', '\u00a0', '\u2011', '\u200b')
  const around = fc.string({ maxLength: 12, unit: 'binary' })
  const spelled = digits.chain(number =>
    fc
      .array(between, { minLength: number.length, maxLength: number.length })
      .map(gaps => [...number].map((digit, at) => (at === 0 ? '' : gaps[at]) + digit).join('')),
  )

  fc.assert(
    fc.property(around, spelled, around, (before, number, after) => {
      // A date is left alone on purpose, and any eight digits with two dashes may be one.
      fc.pre(!/\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}/.test(number))
      const digitsOnly = number.replace(/\D/g, '')

      expect((dropped(before + number + after) ?? '').replace(/\D/g, '')).not.toContain(digitsOnly)
    }),
    { numRuns: 2_000 },
  )
})
