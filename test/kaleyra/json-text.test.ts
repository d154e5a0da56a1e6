import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { boundedJson, deepHash, TOO_DEEP } from '../../src/kaleyra/json-text.ts'

const DEPTH = 200_000
/** Nested far beyond the stack, around `core`. */
const deep = (core: string): unknown => JSON.parse(`${'{"a":['.repeat(DEPTH)}${core}${']}'.repeat(DEPTH)}`)

describe('bounded JSON', () => {
  test('says the same whatever the order of keys', () => {
    expect(boundedJson({ b: [1, { d: null, c: 'x' }], a: true }, 100)).toBe('{"a":true,"b":[1,{"c":"x","d":null}]}')
  })

  test('is JSON within its bound for any value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.integer({ min: 120, max: 400 }), (value, maxBytes) => {
        const text = boundedJson(value, maxBytes)

        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(maxBytes)
        expect(() => JSON.parse(text)).not.toThrow()
      }),
    )
  })

  test('keeps a key that sets prototypes, and one that looks like a method', () => {
    const value: unknown = JSON.parse('{"toJSON":1,"__proto__":{"x":1},"constructor":null}')

    expect(boundedJson(value, 100)).toBe('{"__proto__":{"x":1},"constructor":null,"toJSON":1}')
  })
})

describe('a value nested beyond the stack', () => {
  test('becomes a bare marker', () => {
    expect(boundedJson(deep('1'), 8_192)).toBe(TOO_DEEP)
  })

  test('is told from another by its hash, whatever the order of keys', () => {
    const hashes = ['1', '2', '"1"', '[]', '{}', 'null', '{"x":1,"y":2}', '{"y":2,"x":1}'].map(core => deepHash(deep(core)))

    expect(hashes[0]).toBe(deepHash(deep('1')))
    expect(hashes.at(-1)).toBe(hashes.at(-2))
    expect(new Set(hashes).size).toBe(hashes.length - 1)
  })
})
