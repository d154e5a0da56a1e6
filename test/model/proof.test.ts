import { describe, expect, test } from 'vitest'
import { ReadProof } from '../../src/model/proof.ts'
import type { Sighting } from '../../src/model/sift.ts'
import { sighting } from '../support/calls.ts'

const rows = (...ids: number[]): Sighting[] => ids.map(id => sighting({ call_id: `call-${id}` }))
const page = (number: number, total: number | null, calls: Sighting[], recheck = false) => ({
  number,
  total,
  recheck,
  rawRows: calls.length,
  calls,
  bad: [],
})
function readOf(...pages: ReturnType<typeof page>[]): ReadProof {
  const proof = new ReadProof()
  for (const one of pages) proof.note(one)
  return proof
}

describe('a read', () => {
  test('is proved when rows and total agree and page 1 stays as it was', () => {
    const read = readOf(page(1, 3, rows(1, 2)), page(2, 3, rows(3)), page(1, 3, rows(1, 2), true))

    expect(read.doubt(null)).toBeNull()
    expect(read.drifted).toBe(false)
  })

  test('is in doubt when page 1, asked again, is another', () => {
    expect(readOf(page(1, 3, rows(1, 2)), page(2, 3, rows(3)), page(1, 3, rows(1, 4), true)).doubt(null)).toBe('moved')
  })

  test('is proved when page 1, asked again, shows a call that the total says has come since', () => {
    const read = readOf(page(1, 3, rows(1, 2)), page(2, 3, rows(3)), page(1, 4, rows(4, 1), true))

    expect(read.doubt(null)).toBeNull()
    expect(read.drifted).toBe(false)
  })

  test('is in doubt when page 1, asked again, shows more new calls than have come since, or another content', () => {
    const changed = [sighting({ call_id: 'call-1', status: 'BUSY' })]

    expect(readOf(page(1, 3, rows(1, 2)), page(2, 3, rows(3)), page(1, 4, rows(4, 5), true)).doubt(null)).toBe('moved')
    expect(readOf(page(1, 3, rows(1, 2)), page(2, 3, rows(3)), page(1, 4, [...rows(4), ...changed], true)).doubt(null)).toBe(
      'moved',
    )
  })

  test('is in doubt when another row than the last is gone from page 1: one slid up unread as it left, whatever has come since', () => {
    const read = readOf(page(1, 6, rows(1, 2, 3)), page(2, 6, rows(5, 6, 7)), page(1, 7, rows(2, 3, 4), true))

    expect(read.doubt(null)).toBe('moved')
  })

  test('that only grew is proved as of its beginning', () => {
    expect(readOf(page(1, 3, rows(1, 2)), page(2, 4, rows(2, 3)), page(3, 4, [])).doubt(null)).toBeNull()
  })

  test('that only grew in front of page 1 is proved, and is in doubt when a row is gone from there: another slid up unread', () => {
    const grown = readOf(page(1, 3, rows(1, 2)), page(2, 4, rows(2, 3)), page(1, 4, rows(4, 1), true))
    const slid = readOf(
      page(1, 6, rows(1, 2, 3)),
      page(2, 7, rows(5, 6, 7)),
      page(3, 7, rows(8)),
      page(1, 7, rows(2, 3, 4), true),
    )

    expect(grown.doubt(null)).toBeNull()
    expect(slid.doubt(null)).toBe('moved')
  })

  test('that shrank in between is in doubt, even when it has grown again at the end', () => {
    const read = readOf(page(1, 5, rows(1, 2)), page(2, 4, rows(4, 5)), page(3, 6, rows(5, 6)), page(1, 6, rows(1, 2), true))

    expect(read.doubt(null)).toBe('total_mismatch')
  })

  test('with one call in two contents is in doubt', () => {
    const changed = [sighting({ call_id: 'call-1', status: 'BUSY' })]

    expect(readOf(page(1, 2, rows(1)), page(2, 2, changed)).doubt(null)).toBe('conflicting_rows')
  })

  test('that met a row twice proves nothing together with another that did, even when both met the same set', () => {
    const first = readOf(page(1, null, rows(1, 2)), page(2, null, rows(2)))

    expect(readOf(page(1, null, rows(1, 2)), page(2, null, rows(1))).doubt(first)).toBe('no_total')
    expect(readOf(page(1, null, rows(1, 2))).doubt(first)).toBe('no_total')
  })

  test('without a total is proved by the next one that meets the same set, in whatever order', () => {
    const first = readOf(page(1, null, rows(1, 2)), page(2, null, rows(3)))

    expect(first.doubt(null)).toBe('no_total')
    expect(readOf(page(1, null, rows(3, 1)), page(2, null, rows(2))).doubt(first)).toBeNull()
    expect(readOf(page(1, null, rows(3, 1)), page(2, null, rows(4))).doubt(first)).toBe('no_total')
  })
})
