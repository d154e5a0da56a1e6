/**
 * One line of Kafka's console consumer, read back into bytes. With BytesDeserializer everything but printable ASCII is
 * written as \xNN, and so is the backslash; tab and line feed can therefore only be the separators they are used as:
 *
 *   CreateTime:1700000000000 TAB Partition:0 TAB Offset:7 TAB name:value SOH name:value TAB key [TAB value]
 */
export interface ConsumedRecord {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  /** Null for a tombstone, and when values were not asked for. */
  readonly value: Buffer | null
  /** Values as UTF-8 text, a null value as ''. Of a name that occurs twice, the last. */
  readonly headers: Record<string, string>
}

const bytes = 'org.apache.kafka.common.serialization.BytesDeserializer'
const headerSeparator = '\u0001'

/** The options that make the consumer write such lines. `nullWord` stands for null and must occur in no record. */
export function lineFormat(nullWord: string, values: boolean): string[] {
  const properties = {
    'print.timestamp': 'true',
    'print.partition': 'true',
    'print.offset': 'true',
    'print.headers': 'true',
    'print.key': 'true',
    'print.value': String(values),
    'key.separator': '\t',
    'line.separator': '\n',
    'headers.separator': headerSeparator,
    'null.literal': nullWord,
    'key.deserializer': bytes,
    'value.deserializer': bytes,
    'headers.deserializer': bytes,
  }
  return Object.entries(properties).flatMap(([name, value]) => ['--formatter-property', `${name}=${value}`])
}

/**
 * Reads one line, as latin1 and without its line feed. Throws when it is not of the shape above. Header names are not escaped by Kafka:
 * they must hold no colon, tab, line feed or U+0001.
 */
export function parseLine(line: string, nullWord: string, values: boolean): ConsumedRecord {
  const parts = line.split('\t')
  const [time = '', partition = '', offset = '', headers = '', key = '', value] = parts
  if (parts.length !== (values ? 6 : 5)) throw new Error(`Kafka's consumer printed ${parts.length} fields: ${line.slice(0, 200)}`)
  return {
    partition: numberAfter('Partition:', partition),
    offset: numberAfter('Offset:', offset),
    timestampMs: numberAfter(/^(CreateTime|LogAppendTime):/.exec(time)?.[0] ?? 'CreateTime:', time),
    key: fieldBytes(key, nullWord),
    value: value === undefined ? null : fieldBytes(value, nullWord),
    headers:
      headers === 'NO_HEADERS'
        ? {}
        : Object.fromEntries(headers.split(headerSeparator).map(header => parseHeader(header, nullWord))),
  }
}

/** The bytes that Kafka's `Bytes.toString` wrote. By hand, since it is nearly all the work of reading many records. */
export function unescapeBytes(text: string): Buffer {
  const bytes = Buffer.allocUnsafe(text.length)
  let length = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x5c) {
      bytes[length++] = (hexDigit(text.charCodeAt(at + 2)) << 4) | hexDigit(text.charCodeAt(at + 3))
      at += 3
    } else bytes[length++] = code
  }
  // A copy of its own size: a slice would keep the longer one alive.
  return length === text.length ? bytes : Buffer.from(bytes.subarray(0, length))
}

/** 0-9 and A-F, as Kafka writes them. */
const hexDigit = (code: number): number => (code < 0x41 ? code - 0x30 : code - 0x37)

const fieldBytes = (text: string, nullWord: string): Buffer | null => (text === nullWord ? null : unescapeBytes(text))

function parseHeader(header: string, nullWord: string): [string, string] {
  const colon = header.indexOf(':')
  if (colon < 0) throw new Error(`Kafka's consumer printed a header without a colon: ${header.slice(0, 200)}`)
  const name = Buffer.from(header.slice(0, colon), 'latin1').toString('utf8')
  return [name, fieldBytes(header.slice(colon + 1), nullWord)?.toString('utf8') ?? '']
}

function numberAfter(label: string, text: string): number {
  const value = Number(text.slice(label.length))
  if (!text.startsWith(label) || !Number.isSafeInteger(value))
    throw new Error(`Kafka's consumer printed "${text.slice(0, 80)}" where ${label} belongs`)
  return value
}
