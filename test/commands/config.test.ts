import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import * as z from 'zod'
import { configCommand, settingsJsonSchema } from '../../src/commands/config.ts'
import { SETTING_TEXTS } from '../../src/commands/setting-texts.ts'
import { loadSettings } from '../../src/host/environment.ts'
import { isGroup } from '../../src/model/settings-tree.ts'
import { parseSettings } from '../../src/settings.ts'

const config = join(import.meta.dirname, '..', '..', 'config')
const example = join(config, 'example.yaml')
const smallest = { name: 'kaleyra', accounts: [{ id: 'main', sid: `\${KALEYRA_SID}`, apiKey: `\${KALEYRA_API_KEY}` }] }

describe('the JSON Schema of the settings', () => {
  test('is printed by config schema', async () => {
    let printed = ''
    const program = new Command().configureOutput({ writeOut: text => (printed += text) }).addCommand(configCommand())

    await program.parseAsync(['config', 'schema'], { from: 'user' })

    expect(JSON.parse(printed)).toEqual(settingsJsonSchema())
  })

  test('is the one in config/settings.schema.json', () => {
    // When this fails: node src/main.ts config schema > config/settings.schema.json
    expect(readFileSync(join(config, 'settings.schema.json'), 'utf8')).toBe(`${JSON.stringify(settingsJsonSchema(), null, 2)}\n`)
  })

  test('says of every setting what it means, and of nothing else', () => {
    expect([...pathsIn(settingsJsonSchema())].sort()).toEqual(Object.keys(SETTING_TEXTS).sort())
  })

  test('accepts the example, the smallest settings and what counts as not written', () => {
    const schema = z.fromJSONSchema(JSON.parse(JSON.stringify(settingsJsonSchema())))

    expect(schema.safeParse(parse(readFileSync(example, 'utf8'))).error).toBeUndefined()
    expect(schema.safeParse(smallest).error).toBeUndefined()
    expect(
      schema.safeParse({
        ...smallest,
        http: { port: `\${PORT}` },
        registry: { subject: '' },
        kafka: { sasl: {}, brokers: `\${BROKERS}` },
      }).error,
    ).toBeUndefined()
  })

  test.each([
    ['an unknown setting', { zap: 1 }],
    ['a number out of range', { http: { port: 70_000 } }],
    ['a bare number as duration', { api: { timeout: 15 } }],
    ['a mechanism without a password', { kafka: { sasl: { mechanism: 'plain', username: 'me' } } }],
  ])('refuses %s', (_, sections) => {
    const schema = z.fromJSONSchema(JSON.parse(JSON.stringify(settingsJsonSchema())))

    expect(schema.safeParse({ ...smallest, ...sections }).success).toBe(false)
  })
})

describe('the annotated example', () => {
  const env = { KALEYRA_SID: 'HX0000000001IN', KALEYRA_API_KEY: 'A0123456789' }

  test('loads, given the two variables it requires', () => {
    expect(loadSettings(example, undefined, env).accounts[0]).toMatchObject({
      sid: 'HX0000000001IN',
      apiKey: 'A0123456789',
      timeZone: 'Asia/Kolkata',
    })
  })

  test('states the defaults: without it nothing else is meant', () => {
    const { accounts, ...written } = loadSettings(example, undefined, env)
    const { accounts: bare, ...standard } = parseSettings({
      name: 'kaleyra',
      accounts: [{ id: 'main', sid: env.KALEYRA_SID, apiKey: env.KALEYRA_API_KEY }],
    })

    expect(written).toEqual(standard)
    expect(accounts).toEqual([{ ...bare[0], timeZone: 'Asia/Kolkata' }])
  })

  test('mentions every setting', () => {
    const text = readFileSync(example, 'utf8')

    const names = Object.keys(SETTING_TEXTS).map(path => path.replace(/.*\./, ''))

    expect(names.filter(name => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([])
  })
})

/** Every path of a JSON Schema's properties, lists written `[]`. */
function pathsIn(schema: unknown, path = ''): Set<string> {
  const paths = new Set<string>()
  if (!isGroup(schema)) return paths
  const add = (inner: unknown, at: string) => {
    for (const found of pathsIn(inner, at)) paths.add(found)
  }
  if (isGroup(schema.properties)) {
    for (const [name, inner] of Object.entries(schema.properties)) {
      const at = path === '' ? name : `${path}.${name}`
      paths.add(at)
      add(inner, at)
    }
  }
  add(schema.items, `${path}[]`)
  for (const choices of [schema.anyOf, schema.oneOf]) if (Array.isArray(choices)) for (const inner of choices) add(inner, path)
  return paths
}
