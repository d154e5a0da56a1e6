/**
 * Avro's decimal: money as an exact integer of millionths, in as few two's-complement bytes as it needs. avsc ships no decimal of its own
 * and would take any bytes; here a value beyond the schema's digits is refused, and no amount ever passes through a float.
 */
import avro from 'avsc'

/** Where a value is taken apart; a buffer of its own for each would cost more than the rest of the work. */
const wide = new DataView(new ArrayBuffer(8))

/** Minimal big-endian two's complement of a value within 64 bits, as the Avro specification asks for. */
export function decimalBytes(unscaled: bigint): Buffer {
  wide.setBigInt64(0, unscaled)
  const high = wide.getInt32(0)
  const low = wide.getInt32(4)
  const length = high === low >> 31 ? bytesNeeded(low) : 4 + bytesNeeded(high)
  const bytes = Buffer.allocUnsafe(length)
  for (let index = 0; index < length; index += 1) bytes[index] = wide.getUint8(8 - length + index)
  return bytes
}

/** The value of big-endian two's-complement bytes of any length; none at all is 0, as other writers may send it. */
export function unscaledOf(bytes: Uint8Array): bigint {
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return BigInt.asIntN(8 * bytes.length, value)
}

/** Bytes for a 32-bit integer with its sign bit, 1 to 4. */
function bytesNeeded(value: number): number {
  return (40 - Math.clz32(value ^ (value >> 31))) >> 3
}

/** `bytes` with logicalType `decimal`, given and read as the unscaled `bigint`. Up to 18 digits, which is what 64 bits hold. */
export class DecimalType extends avro.types.LogicalType {
  readonly #beyond: bigint

  constructor(schema: avro.Schema, options?: unknown) {
    super(schema, options)
    const { precision, scale } = digitsOf(schema)
    if (precision > 18) throw new Error(`a decimal of ${precision} digits is not supported: at most 18`)
    if (scale > precision) throw new Error('the scale of a decimal cannot exceed its precision')
    this.#beyond = 10n ** BigInt(precision)
  }

  /** What a union asks before it writes. Inherited, it would make the bytes once more only to look at them: a third of the time of a record. */
  _check(value: unknown, _flags?: unknown, hook?: (value: unknown, type: avro.Type) => void): boolean {
    const fits = this.#fits(value)
    if (!fits) hook?.(value, this)
    return fits
  }

  protected override _toValue(value: unknown): Buffer | undefined {
    return this.#fits(value) ? decimalBytes(value) : undefined
  }

  #fits(value: unknown): value is bigint {
    return typeof value === 'bigint' && value < this.#beyond && value > -this.#beyond
  }

  protected override _fromValue(bytes: Uint8Array): bigint {
    return unscaledOf(bytes)
  }

  /** A writer's decimal arrives as `bigint` already, a writer's plain bytes do not. */
  protected override _resolve(writer: avro.Type): ((value: never) => bigint) | undefined {
    if (writer instanceof DecimalType) return (value: bigint) => value
    return avro.Type.isType(writer, 'bytes') ? unscaledOf : undefined
  }
}

function digitsOf(schema: unknown): { precision: number; scale: number } {
  if (typeof schema !== 'object' || schema === null || !('precision' in schema)) throw new Error('a decimal needs a precision')
  const scale = 'scale' in schema ? schema.scale : 0
  if (typeof schema.precision !== 'number' || typeof scale !== 'number')
    throw new Error('precision and scale of a decimal are numbers')
  return { precision: schema.precision, scale }
}
