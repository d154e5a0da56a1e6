/**
 * The schema of what we publish lives in one file, `schemas/call-log.avsc`, that other teams can read and compile. This is the only
 * place that opens it, and it turns it into the type that writes.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import avro from 'avsc'
import { DecimalType } from './decimal.ts'

export interface CallLogSchema {
  /** The schema as JSON on one line, as the registry gets it; docs included. */
  readonly json: string
  /** Reads and writes events: instants as plain numbers of milliseconds, money as unscaled `bigint`. */
  readonly type: avro.Type
}

/** Two levels up from `src/avro` and from the compiled `dist/avro` alike. */
const file = join(import.meta.dirname, '../../schemas/call-log.avsc')

/** Reads and compiles the schema; meant for start-up. Throws when the file is missing or no valid Avro. */
export function readCallLogSchema(): CallLogSchema {
  const schema: avro.Schema = JSON.parse(readFileSync(file, 'utf8'))
  // `never` refuses at start a union whose values would need wrapping; without the assertion a refused decimal would pass as plain bytes.
  const type = avro.Type.forSchema(schema, {
    logicalTypes: { decimal: DecimalType },
    assertLogicalTypes: true,
    wrapUnions: 'never',
  })
  return { json: JSON.stringify(schema), type }
}
