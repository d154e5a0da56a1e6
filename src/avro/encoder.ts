/**
 * Events to Kafka values: the Confluent frame (a zero, the schema id in four bytes, the Avro body) written straight into a slab.
 * The registry client writes the same bytes, but allocates and concatenates for each record and answers with a promise.
 */
import type { CallLogEvent } from '../model/call-log.ts'
import type { Encoder } from '../ports.ts'
import { type CallLogSchema, readCallLogSchema } from './schema.ts'

const FRAME_BYTES = 5
const SLAB_BYTES = 1024 * 1024
/** Below this a new slab is begun, since a value that does not fit is encoded twice. */
const MIN_ROOM_BYTES = 4096

/**
 * An encoder for one schema id of the registry. The returned buffers are cut from a slab of 1 MiB that is never written again, so they
 * stay valid for as long as anyone holds them; holding one holds its slab. Throws when the id is no positive 32-bit integer.
 */
export function createEncoder(schemaId: number, schema: CallLogSchema = readCallLogSchema()): Encoder {
  if (!Number.isInteger(schemaId) || schemaId < 1 || schemaId > 0x7fff_ffff)
    throw new Error(`no schema id of a registry: ${schemaId}`)
  const { type } = schema
  let slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
  let used = 0

  /** Where the event ends in `buffer`, or a negative number of missing bytes. */
  const write = (event: CallLogEvent, buffer: Buffer, start: number): number => {
    buffer[start] = 0
    buffer.writeInt32BE(schemaId, start + 1)
    try {
      return type.encode(event, buffer, start + FRAME_BYTES)
    } catch {
      // The cause is left out on purpose: avsc quotes the value.
      throw new Error(`the event does not fit the schema of the topic at ${misfits(event)}`)
    }
  }

  const misfits = (event: CallLogEvent): string => {
    const paths: string[] = []
    type.isValid(event, { errorHook: path => void paths.push(pathText(path)) })
    return paths.length === 0 ? 'no single field' : [...new Set(paths)].slice(0, 5).join(', ')
  }

  return {
    encode(event) {
      if (SLAB_BYTES - used < MIN_ROOM_BYTES) {
        slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
        used = 0
      }
      const start = used
      const end = write(event, slab, start)
      if (end >= 0) {
        used = end
        return slab.subarray(start, end)
      }
      const bytes = SLAB_BYTES - end - start
      if (bytes > SLAB_BYTES) {
        const own = Buffer.allocUnsafeSlow(bytes)
        return own.subarray(0, write(event, own, 0))
      }
      slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
      used = write(event, slab, 0)
      return slab.subarray(0, used)
    },
  }
}

/** Keys of `extra` come from the API and could be anything, a number of a person too: only plain words are named. */
function pathText(path: readonly string[]): string {
  return path.map(part => (/^[A-Za-z_]{1,64}$/.test(part) ? part : '*')).join('.') || 'the whole record'
}
