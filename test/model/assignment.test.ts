import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assign, type GroupMember } from '../../src/model/assignment.ts'

const member = (id: string, owned: number[], wanted: Record<number, number>, keeps = false): GroupMember => ({
  id,
  owned,
  keeps,
  wanted: new Map(Object.entries(wanted).map(([partition, accounts]) => [Number(partition), accounts])),
})
const shown = (group: GroupMember[]) => Object.fromEntries(assign(group))

test('a member alone gets every partition that has accounts', () => {
  expect(shown([member('a', [], { 0: 1, 5: 2 })])).toEqual({ a: [0, 5] })
})

test('a newcomer with nothing to level stands by', () => {
  expect(shown([member('a', [3], { 3: 1 }), member('b', [], { 3: 1 })])).toEqual({ a: [3], b: [] })
})

test('what moves is given to nobody until its owner has given it back', () => {
  const wanted = { 0: 1, 1: 1, 2: 1, 3: 1 }

  const first = shown([member('a', [0, 1, 2, 3], wanted), member('b', [], wanted)])
  const second = shown([member('a', first.a ?? [], wanted), member('b', first.b ?? [], wanted)])

  expect(first.b).toEqual([])
  expect(first.a).toHaveLength(2)
  expect([...(second.a ?? []), ...(second.b ?? [])].sort()).toEqual([0, 1, 2, 3])
  expect(second.a).toEqual(first.a)
})

test('accounts are levelled, not partitions', () => {
  expect(shown([member('a', [], { 0: 4, 1: 1, 2: 1, 3: 1 }), member('b', [], { 0: 4, 1: 1, 2: 1, 3: 1 })])).toEqual({
    a: [0],
    b: [1, 2, 3],
  })
})

test('a member that ends by itself keeps what it has', () => {
  const wanted = { 0: 1, 1: 1 }

  expect(shown([member('a', [0, 1], wanted, true), member('b', [], wanted)])).toEqual({ a: [0, 1], b: [] })
})

test('a partition that two say they own is taken from both', () => {
  expect(shown([member('a', [0], { 0: 1 }), member('b', [0], { 0: 1 })])).toEqual({ a: [], b: [] })
})

test('an account that only one member knows goes to it', () => {
  expect(shown([member('a', [], { 0: 1 }), member('b', [], { 0: 1, 1: 1 })])).toEqual({ a: [0], b: [1] })
})

const groups = fc
  .array(
    fc.record({
      wanted: fc.dictionary(fc.integer({ min: 0, max: 7 }).map(String), fc.integer({ min: 1, max: 5 })),
      owned: fc.uniqueArray(fc.integer({ min: 0, max: 7 })),
      keeps: fc.boolean(),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map(list => list.map(({ wanted, owned, keeps }, index) => member(`m${index}`, owned, wanted, keeps)))

test('never two owners, never one taken from somebody who still has it, and after two rounds nothing moves any more', () => {
  fc.assert(
    fc.property(groups, group => {
      let members = group
      for (let round = 0; round < 3; round += 1) {
        const given = assign(members)
        const all = [...given.values()].flat()
        expect(new Set(all).size).toBe(all.length)
        for (const [id, partitions] of given)
          for (const partition of partitions)
            expect(members.filter(other => other.id !== id && other.owned.includes(partition))).toEqual([])
        expect(assign(members.toReversed())).toEqual(given)
        members = members.map(one => ({ ...one, owned: given.get(one.id) ?? [] }))
      }
      expect(assign(members)).toEqual(new Map(members.map(({ id, owned }) => [id, owned])))
      const wanted = new Set(members.flatMap(one => [...one.wanted.keys()]))
      for (const partition of wanted) expect(members.filter(({ owned }) => owned.includes(partition))).toHaveLength(1)
    }),
  )
})
