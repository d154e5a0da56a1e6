import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { ALL_PLAIN, protectionOf, strictestOf } from '../../src/model/number-protection.ts'

const KEY = '0123456789abcdef0123456789abcdef'

test.each([
  [{}, 'plain', 'PLAIN'],
  [{ to_number: 'mask' }, 'mask', 'MASKED'],
  [{ from_number: 'hmac', to_number: 'mask' }, 'hmac', 'HMAC'],
  [{ from_number: 'hmac', bridge_number: 'drop' }, 'drop', 'DROPPED'],
] as const)('a record of %j is told by its strictest rule, %s', (rules, strictest, word) => {
  expect(strictestOf({ ...ALL_PLAIN, ...rules })).toBe(strictest)
  expect(protectionOf({ ...ALL_PLAIN, ...rules }, KEY).number_protection).toBe(word)
})

test('a record names its key wherever one of its numbers is an HMAC, and only there', () => {
  const id = createHmac('sha256', KEY).update('call-log-source/hmac-key-id').digest('hex').slice(0, 8)

  expect(protectionOf({ ...ALL_PLAIN, from_number: 'hmac', to_number: 'drop' }, KEY).hmac_key_id).toBe(id)
  expect(protectionOf({ ...ALL_PLAIN, from_number: 'hmac' }, `${KEY}0`).hmac_key_id).not.toBe(id)
  expect(protectionOf({ ...ALL_PLAIN, from_number: 'mask' }, KEY).hmac_key_id).toBeNull()
})
