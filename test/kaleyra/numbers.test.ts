import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { protector } from '../../src/kaleyra/numbers.ts'

const KEY = 'a key of more than sixteen characters'
const hmacOf = (text: string) => createHmac('sha256', KEY).update(text).digest('hex')

describe('hmac', () => {
  const protect = protector('hmac', KEY)

  test.each([
    '919876543210',
    '+919876543210',
    '00919876543210',
    '+91 98765 43210',
    '(+91) 98765-43210',
    '+91.98765.43210',
    '\u202a+91\u00a098765\u201143210\u202c',
    ' 919876543210 ',
    '９１９８７６５４３２１０',
  ])('%j is the HMAC-SHA-256 of its digits alone, in hex', spelling => {
    expect(protect?.(spelling)).toBe(hmacOf('919876543210'))
  })

  test('a national number is not taken for an international one', () => {
    expect(protect?.('9876543210')).toBe(hmacOf('9876543210'))
    expect(protect?.('09876543210')).toBe(hmacOf('09876543210'))
  })

  test.each([
    ['Anonymous', 'anonymous'],
    [' ANONYMOUS ', 'anonymous'],
    ['sip:Alice42@example.net', 'sip:alice42@example.net'],
    ['9876543210, 9876543211', '9876543210, 9876543211'],
    ['00', '00'],
    ['+', '+'],
  ])('of %j it is over %j', (text, normalised) => {
    expect(protect?.(text)).toBe(hmacOf(normalised))
  })

  test('another key makes another value', () => {
    expect(protector('hmac', `${KEY}2`)?.('919876543210')).not.toBe(protect?.('919876543210'))
  })

  test('stays the same when more numbers were seen than are remembered', () => {
    for (let number = 0; number < 25_000; number += 1) protect?.(String(9_000_000_000 + number))

    expect(protect?.('9000000000')).toBe(hmacOf('9000000000'))
    expect(protect?.('9000024999')).toBe(hmacOf('9000024999'))
  })
})

describe('mask', () => {
  const protect = protector('mask')

  test.each([
    ['+919876543210', '91********10'],
    ['00919876543210', '91********10'],
    ['919876543210', '91********10'],
    ['+91 98765-43210', '91********10'],
    ['9876543210', '********10'],
    ['09876543210', '*********10'],
    ['+13236000007', '1********07'],
    ['13236000007', '1********07'],
    ['+971501234567', '971*******67'],
    ['+3545812345', '354*****45'],
  ])('%j keeps a country code that is known, and two digits: %j', (number, masked) => {
    expect(protect?.(number)).toBe(masked)
  })

  test.each([
    ['1234567', '*****67'],
    ['+1234567', '*****67'],
    ['+35412345', '******45'],
    ['123456', '******'],
    ['7', '*'],
    ['Anonymous', '***'],
    ['sip:98765@example.net', '***'],
    ['1234567890123456', '***'],
    ['९८७६५४३२१०', '********१०'],
  ])('%j leaves at least five digits hidden, or nothing shown: %j', (number, masked) => {
    expect(protect?.(number)).toBe(masked)
  })
})

test('drop leaves nothing, and plain has nothing to do', () => {
  expect(protector('drop')?.('919876543210')).toBeNull()
  expect(protector('plain')).toBeNull()
})
