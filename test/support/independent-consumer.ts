/**
 * The judge of what was published: Kafka's own console consumer, in read_committed, sharing no code with the connector. It
 * says what any other program would see. Values are decoded by the id they carry and the registry's answer for it.
 */
import { randomUUID } from 'node:crypto'
import { text } from 'node:stream/consumers'
import avsc from 'avsc'
import { type ConsumedRecord, lineFormat, parseLine } from './platform/console-line.ts'
import { type RunningTool, runKafkaTool } from './platform/kafka-tool.ts'
import type { Reach } from './platform/platform.ts'
import { type Ends, type TopicEnds, withTopicEnds } from './platform/topic-ends.ts'
import { until } from './platform/until.ts'

export type { ConsumedRecord }

/** Markers follow an acknowledged commit within milliseconds; this is for a machine that is very busy. */
const markersMs = 5_000

export interface ConsumeOptions {
  /** False leaves values out, which is much faster for many records. */
  readonly values?: boolean
  readonly deadlineMs: number
  /** How long a transaction that is open is waited for; after that it bounds what is read. 0 for a test of an open one. */
  readonly openMs?: number
}

/**
 * Every record that was committed before the call, in order within a partition; none of an aborted or open transaction, and
 * none behind an open one. Throws when reading takes longer than `deadlineMs`.
 */
export async function consumeAll(
  platform: Reach,
  topic: string,
  { values = true, deadlineMs, openMs = markersMs }: ConsumeOptions,
): Promise<ConsumedRecord[]> {
  return withTopicEnds(platform, async topicEnds => {
    const ends = await topicEnds.ends(topic, openMs)
    if (ends.size === 0) return []
    const records: ConsumedRecord[] = []
    const reader = await startReader(platform, topic, values, record => records.push(record))
    try {
      await read(topicEnds, reader, topic, ends, deadlineMs)
    } finally {
      await reader.stop()
    }
    return records.filter(({ partition, offset }) => offset < (ends.get(partition) ?? 0))
  })
}

export interface Follower {
  /** Resolves when everything that was committed before the call has been handed to `onRecord`. */
  untilCaughtUp(deadlineMs: number): Promise<void>
  /** Resolves when the consumer has ended; `onRecord` is not called after that. */
  stop(): Promise<void>
}

/** Hands over every committed record of a topic, from the earliest on and as they come, until stopped. */
export async function follow(platform: Reach, topic: string, onRecord: (record: ConsumedRecord) => void): Promise<Follower> {
  const reader = await startReader(platform, topic, true, onRecord)
  return {
    untilCaughtUp: deadlineMs =>
      withTopicEnds(platform, async topicEnds => {
        await read(topicEnds, reader, topic, await topicEnds.ends(topic, markersMs), deadlineMs)
        await reader.drained()
      }),
    stop: () => reader.stop(),
  }
}

/**
 * Lets Kafka's own performance consumer read the topic in read_committed until it has `expected` records, and returns how
 * many it read (a poll may bring a few more). Throws when no record comes for `deadlineMs`, or when
 * it has not read them all after that time and a grace of five seconds for the tool's own start.
 */
export async function countWithPerfTest(platform: Reach, topic: string, expected: number, deadlineMs: number): Promise<number> {
  const tool = await runKafkaTool(platform, 'kafka-consumer-perf-test', [
    ...['--topic', topic, '--group', `count-${randomUUID()}`, '--num-records', String(expected), '--hide-header'],
    ...['--timeout', String(deadlineMs), '--command-property', 'isolation.level=read_committed'],
  ])
  const late = setTimeout(() => void tool.terminate(), deadlineMs + 5_000)
  const [printed, { code, complaints }] = await Promise.all([text(tool.output), tool.ended]).finally(() => clearTimeout(late))
  // start, end, megabytes, megabytes a second, records, records a second, …
  const count = Number(printed.trim().split('\n').at(-1)?.split(',')[4])
  if (code !== 0 || !(count >= expected)) {
    throw new Error(
      `${topic}: ${expected} records awaited for ${deadlineMs} ms, ${count || 'too few'} read (exit ${code})\n${printed}\n${complaints}`,
    )
  }
  return count
}

interface Reader {
  readonly group: string
  /** Rejects when the consumer ends unasked, or prints what cannot be read. */
  readonly failed: Promise<never>
  /** Resolves when all that it has printed by now has been handed over. */
  drained(): Promise<void>
  stop(): Promise<void>
}

async function startReader(
  platform: Reach,
  topic: string,
  values: boolean,
  onRecord: (record: ConsumedRecord) => void,
): Promise<Reader> {
  const [group, nullWord] = [`judge-${randomUUID()}`, `null-${randomUUID()}`]
  const tool = await runKafkaTool(platform, 'kafka-console-consumer', [
    ...['--topic', topic, '--group', group, '--from-beginning', '--isolation-level', 'read_committed'],
    ...['--command-property', 'enable.auto.commit=true', '--command-property', 'auto.commit.interval.ms=200'],
    ...lineFormat(nullWord, values),
  ])
  let chunks = 0
  let stopping = false
  const reading = eachLine(
    tool,
    () => chunks++,
    line => onRecord(parseLine(line, nullWord, values)),
  )
  const failed = Promise.all([tool.ended, reading]).then(([{ code, complaints }]) => {
    throw new Error(`Kafka's consumer of ${topic} ended (exit ${code}): ${complaints}`)
  })
  failed.catch(() => undefined)
  return {
    group,
    failed,
    async drained() {
      // Printed means written to the pipe; a turn of the loop that brings nothing more has emptied it. Through an engine it
      // may still be on its way, so silence must last there.
      const quietMs = platform.tools?.via === 'docker' ? 300 : 20
      for (let before = -1; before !== chunks; ) {
        before = chunks
        await new Promise(resolve => setTimeout(resolve, quietMs))
      }
    },
    async stop() {
      if (stopping) return
      stopping = true
      await tool.terminate()
      await reading
    },
  }
}

/** Hands over whole lines in order; resolves at the end of the output. */
async function eachLine(tool: RunningTool, onChunk: () => void, onLine: (line: string) => void): Promise<void> {
  let rest = ''
  for await (const chunk of tool.output.setEncoding('latin1')) {
    onChunk()
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
  }
}

/** Waits until the reader's group has committed up to `ends`: it commits only what it has printed. */
async function read(
  topicEnds: TopicEnds,
  { group, failed }: Reader,
  topic: string,
  ends: Ends,
  deadlineMs: number,
): Promise<void> {
  const over = new AbortController()
  const waiting = until({ what: `${topic} is read to its end`, deadlineMs, signal: over.signal }, async () =>
    (await topicEnds.hasRead(group, topic, ends)) ? true : undefined,
  )
  await Promise.race([waiting, failed]).finally(() => over.abort(new Error('the wait is over')))
}

/** Decodes a value as the registry says: magic byte 0, schema id in four bytes, Avro. */
export interface Decoder {
  /** Longs stay numbers (so do timestamps), decimals become text by their scale: "12.50". Null stays null. */
  decode(value: Buffer | null): Promise<unknown>
}

export function createDecoder(registryUrl: string): Decoder {
  const types = new Map<number, Promise<avsc.Type>>()
  return {
    async decode(value) {
      if (value === null) return null
      if (value[0] !== 0 || value.length < 5)
        throw new Error(`Not in the registry’s wire format: begins with ${value.subarray(0, 5).toString('hex')}`)
      const id = value.readUInt32BE(1)
      const type = types.get(id) ?? fetchType(registryUrl, id)
      types.set(id, type)
      return (await type).fromBuffer(value.subarray(5))
    },
  }
}

async function fetchType(registryUrl: string, id: number): Promise<avsc.Type> {
  const response = await fetch(`${registryUrl}/schemas/ids/${id}`, { signal: AbortSignal.timeout(10_000) })
  if (!response.ok) throw new Error(`The registry answers ${response.status} for schema ${id}: ${await response.text()}`)
  const { schema } = (await response.json()) as { schema: string }
  return avsc.Type.forSchema(JSON.parse(schema), { logicalTypes: { decimal: DecimalText } })
}

/** Avro's decimal: a two's complement number, big endian, of 10^-scale each. */
class DecimalText extends avsc.types.LogicalType {
  readonly #scale: number

  constructor(schema: avsc.Schema, options?: object) {
    super(schema, options)
    const { scale = 0 } = schema as { scale?: number }
    this.#scale = scale
  }

  protected override _fromValue(value: Buffer): string {
    const unscaled = value.length === 0 ? 0n : BigInt.asIntN(value.length * 8, BigInt(`0x${value.toString('hex')}`))
    const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(this.#scale + 1, '0')
    const whole = digits.slice(0, digits.length - this.#scale)
    return `${unscaled < 0n ? '-' : ''}${whole}${this.#scale === 0 ? '' : `.${digits.slice(-this.#scale)}`}`
  }

  protected override _toValue(): undefined {
    return undefined
  }
}
