/**
 * Kafka values back into events, for the commands that look at the topic. A value is read with the schema it was written with, which the
 * registry gives by the id it carries, and resolved to ours: so records of older and newer releases compare with those of this one.
 */
import avro from 'avsc'
import type { Decoded, Decoder } from '../looking-ports.ts'
import type { CallLogEvent } from '../model/call-log.ts'
import type { Clock } from '../ports.ts'
import { DecimalType } from './decimal.ts'
import { type RegistryOptions, schemaById } from './registry.ts'
import { readCallLogSchema } from './schema.ts'

const FRAME_BYTES = 5
/** A topic of ours has a handful of schemas; one full of foreign ids must not become a question for each record. */
const MOST_SCHEMAS = 100

type Read = (value: Buffer) => Decoded

/** Asks the registry once for each schema id, at most 100 of them. */
export function createDecoder(options: RegistryOptions, clock: Clock): Decoder {
  const { type } = readCallLogSchema()
  const readers = new Map<number, Promise<Read>>()

  const readerOf = (id: number, signal: AbortSignal): Promise<Read> => {
    const known = readers.get(id)
    if (known !== undefined) return known
    if (readers.size >= MOST_SCHEMAS) return Promise.resolve(refuse(`more than ${MOST_SCHEMAS} schema ids on one topic`))
    const made = makeReader(type, id, schemaById(options, id, clock, signal))
    readers.set(id, made)
    return made
  }

  return {
    async decode(value, signal) {
      if (value === null) return { unreadable: 'a tombstone, which the connector never writes' }
      if (value.length <= FRAME_BYTES || value[0] !== 0) return { unreadable: 'not framed as a registry’s clients do' }
      return (await readerOf(value.readInt32BE(1), signal))(value)
    },
  }
}

async function makeReader(type: avro.Type, id: number, asked: Promise<string | null>): Promise<Read> {
  const json = await asked
  if (json === null) return refuse(`schema id ${id} is no Avro schema of the registry`)
  try {
    const writer = avro.Type.forSchema(JSON.parse(json), { logicalTypes: { decimal: DecimalType } })
    const resolver = type.createResolver(writer)
    return value => read(type, resolver, value)
  } catch {
    return refuse(`schema id ${id} is no schema that ours can read`)
  }
}

function read(type: avro.Type, resolver: ReturnType<avro.Type['createResolver']>, value: Buffer): Decoded {
  try {
    const decoded: { value?: CallLogEvent | undefined; offset: number } = type.decode(value, FRAME_BYTES, resolver)
    if (decoded.value !== undefined && decoded.offset === value.length) return { event: decoded.value }
  } catch {
    // The cause is left out on purpose: avsc quotes values.
  }
  return { unreadable: 'its bytes do not fit the schema they name' }
}

function refuse(unreadable: string): Read {
  return () => ({ unreadable })
}
