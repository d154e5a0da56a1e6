/**
 * `config schema`: the JSON Schema of the settings, for editors and checks in CI. It is the schema the settings are parsed with, made to
 * accept what is replaced after parsing: wherever a value stands, `${VAR}` may stand as well.
 */
import { Command } from 'commander'
import * as z from 'zod'
import { isGroup } from '../model/settings-tree.ts'
import { settingsSchema } from '../settings.ts'
import { SETTING_TEXTS } from './setting-texts.ts'

type JsonSchema = Readonly<Record<string, unknown>>

/** An interpolation, or empty text, which counts as not written. */
const REPLACED = { type: 'string', pattern: '^$|\\$\\{' }
/** A login that is written as `{}`. */
const NONE = { type: 'object', maxProperties: 0 }

/** A JSON Schema, draft-07, that every valid settings file fits. Rules between settings and time zones are checked only at start. */
export function settingsJsonSchema(): object {
  const { $schema, ...schema } = z.toJSONSchema(settingsSchema, { io: 'input', target: 'draft-07' })
  return { $schema, title: 'Settings of call-log-source', ...annotated(schema, '') }
}

/** `config schema` prints to where commander is told to print. */
export function configCommand(): Command {
  const config = new Command('config').description('about the settings')
  config
    .command('schema')
    .description('print the JSON Schema of the settings')
    .action((_, command: Command) => {
      write(command, `${JSON.stringify(settingsJsonSchema(), null, 2)}\n`)
    })
  return config
}

/** The outermost command says where output goes. */
function write(command: Command, text: string): void {
  let outermost = command
  while (outermost.parent !== null) outermost = outermost.parent
  outermost.configureOutput().writeOut?.(text)
}

function annotated(schema: JsonSchema, path: string): JsonSchema {
  const { default: standard, ...bare } = schema
  const description = SETTING_TEXTS[path]
  const outer = {
    ...(description === undefined ? {} : { description }),
    ...(standard === undefined ? {} : { default: standard }),
  }
  if (isLeaf(bare)) return { ...outer, anyOf: [bare, REPLACED] }
  return {
    ...outer,
    ...Object.fromEntries(Object.entries(bare).map(([keyword, inner]) => [keyword, within(keyword, inner, path)])),
  }
}

function within(keyword: string, inner: unknown, path: string): unknown {
  const schemaAt = (schema: unknown, at: string) => (isGroup(schema) ? annotated(schema, at) : schema)
  if (keyword === 'items') return schemaAt(inner, `${path}[]`)
  if (keyword === 'additionalProperties') return schemaAt(inner, `${path}.*`)
  if (keyword === 'properties' && isGroup(inner)) {
    const prefix = path === '' ? '' : `${path}.`
    return Object.fromEntries(Object.entries(inner).map(([name, schema]) => [name, schemaAt(schema, prefix + name)]))
  }
  if (!Array.isArray(inner) || (keyword !== 'anyOf' && keyword !== 'oneOf')) return inner
  const choices = inner.map(schema => schemaAt(schema, path))
  return keyword === 'oneOf' ? [NONE, ...choices] : choices
}

/** A single value; unpatterned text takes an interpolation as it is. */
function isLeaf({ type, enum: names, const: only, pattern, anyOf, oneOf, properties, items }: JsonSchema): boolean {
  if (anyOf !== undefined || oneOf !== undefined || properties !== undefined || items !== undefined || type === 'object')
    return false
  return type !== 'string' || names !== undefined || only !== undefined || pattern !== undefined
}
