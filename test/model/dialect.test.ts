import { expect, test } from 'vitest'
import { type Dialect, dialectFrom, dialectText } from '../../src/model/dialect.ts'

const dialect: Dialect = {
  style: 'post-form',
  provedBy: 'limit_echoed',
  limitIn: 'both',
  largestLimit: null,
  page: 'ignored',
  offset: 'ignored',
  total: 'absent',
  instants: 'z',
  probedAtMs: 1_700_000_000_000,
}

test('a dialect is read as it was written, with its largest page and without, as earlier releases wrote it', () => {
  for (const one of [dialect, { ...dialect, largestPage: 40 }]) expect(dialectFrom(dialectText(one))).toEqual(one)
})

test.each([
  ['no JSON', '{'],
  ['no object', 'null'],
  ['a word of a later release', JSON.stringify({ ...dialect, page: 'cursor' })],
  ['a word missing', JSON.stringify({ ...dialect, style: undefined })],
  ['a largest page that is no number of rows', JSON.stringify({ ...dialect, largestPage: '40' })],
])('of %s the API is asked again', (_what, text) => {
  expect(dialectFrom(text)).toBeNull()
})
