/** Of each call, one read hands over one version, whatever the API shows on its pages. */
import { describe, expect, test } from 'vitest'
import { distinct, OneVersion, Twins } from '../../src/flow/one-version.ts'
import { contentHash } from '../../src/model/fingerprint.ts'
import type { Sighting } from '../../src/model/sift.ts'
import { sighting } from '../support/calls.ts'

const early = sighting({ call_id: 'twice', end_time: 1_000, status: 'RINGING' })
const late = sighting({ call_id: 'twice', end_time: 2_000, status: 'ANSWER' })
const other = sighting({ call_id: 'other' })
const knows =
  (...known: Sighting[]) =>
  (print: Sighting['print']) =>
    known.some(one => one.print[0] === print[0] && contentHash(one.print) !== contentHash(print))

describe('one read', () => {
  test('lets new calls flow at once, and what is as it was', () => {
    const versions = new OneVersion(knows(other), new Twins())

    expect(versions.take([early, other])).toEqual([early, other])
    expect(versions.take([other])).toEqual([other])
    expect(versions.rest()).toEqual([])
  })

  test('keeps a changed call to its end', () => {
    const versions = new OneVersion(knows(early), new Twins())

    expect(versions.take([late, other])).toEqual([other])
    expect(versions.rest()).toEqual([late])
    expect(versions.rest()).toEqual([])
  })

  test.each([
    ['the better one first', [late, early]],
    ['the better one last', [early, late]],
  ] as const)('of a known call in two contents hands over the more complete one, %s', (_what, order) => {
    const versions = new OneVersion(knows(sighting({ call_id: 'twice', status: 'NEW' })), new Twins())

    for (const one of order) expect(versions.take([one])).toEqual([])

    expect(versions.rest()).toEqual([late])
  })

  test('of a known call in two contents, one of them the known, hands over no change back and forth', () => {
    for (const order of [
      [early, late],
      [late, early],
    ]) {
      const versions = new OneVersion(knows(late), new Twins())
      const flowing = order.flatMap(one => versions.take([one]))

      expect([...flowing, ...versions.rest()].every(one => one === late)).toBe(true)
    }
  })

  test('of a new call in two contents adds the second only when it is the better one', () => {
    const better = new OneVersion(knows(), new Twins())
    const poorer = new OneVersion(knows(), new Twins())

    expect([better.take([early]), better.take([late]), better.rest()]).toEqual([[early], [], [late]])
    expect([poorer.take([late]), poorer.take([early]), poorer.rest()]).toEqual([[late], [], []])
  })
})

test('ids met in two contents are left out of a page that stands alone', () => {
  const twins = new Twins()
  const versions = new OneVersion(knows(), twins)
  versions.take([early, other])
  versions.take([late])

  expect(twins.without([early, other])).toEqual([other])
})

test('of a call twice on one page the row with the later end counts, in whatever order they come', () => {
  expect(distinct([early, other, late])).toEqual([late, other])
  expect(distinct([late, other, early])).toEqual([late, other])
})
