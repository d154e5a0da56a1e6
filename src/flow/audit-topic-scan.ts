/** Goes through both output topics from their beginnings, and later through what has come since, and remembers how far it has looked. */
import type { Decoder, TopicScanner } from '../looking-ports.ts'
import type { PartitionEnds, Topics } from '../ports.ts'
import type { ScannedPartition, TopicReport } from './audit-report.ts'
import type { LetterSide, Log, TopicSide } from './audit-topic.ts'
import type { Output } from './pack.ts'

export interface OutputTopics {
  readonly topics: Pick<Topics, 'offsets'>
  readonly scanner: TopicScanner
  readonly decoder: Decoder
  readonly events: Output
  readonly deadLetters: Output
  /** Whether Kafka may drop older versions of a call that has newer ones. */
  readonly isCompacted: boolean
}

interface ReadLog extends Log {
  until: bigint
  high: bigint
}

export class TopicScan {
  beyondRetention = 0
  private records = 0
  private readonly output: OutputTopics
  private readonly events: TopicSide
  private readonly letters: LetterSide
  private readonly logs = new Map<string, ReadLog>()

  constructor(output: OutputTopics, events: TopicSide, letters: LetterSide) {
    this.output = output
    this.events = events
    this.letters = letters
  }

  /** Reads on from where it stopped to the present ends; `told` hears the number of records now and then. */
  async scanOn(told: (records: number) => void, signal: AbortSignal): Promise<void> {
    const { topics, events, deadLetters } = this.output
    for (const { topic } of [events, deadLetters])
      for (const [partition, ends] of await topics.offsets(topic, signal)) {
        const log = this.logOf(topic, partition, ends)
        await this.scanLog(log, ends.stable, told, signal)
      }
  }

  /** Whether something published at this time must still be in its partition. */
  isKept(topic: string, partition: number, publishedMs: number): boolean {
    const log = this.logs.get(`${topic}-${partition}`)
    return log === undefined || log.low === 0n || (log.earliestMs !== null && publishedMs >= log.earliestMs)
  }

  report(): TopicReport {
    const partitions = [...this.logs.values()].map(({ high, ...log }): ScannedPartition => ({ ...log, hidden: high - log.until }))
    return { records: this.records, partitions, beyondRetention: this.beyondRetention }
  }

  private logOf(topic: string, partition: number, { low, high }: PartitionEnds): ReadLog {
    const name = `${topic}-${partition}`
    const log = this.logs.get(name) ?? { topic, partition, low, until: low, earliestMs: null, high }
    log.high = high
    this.logs.set(name, log)
    return log
  }

  private async scanLog(log: ReadLog, until: bigint, told: (records: number) => void, signal: AbortSignal): Promise<void> {
    const { scanner, decoder, events } = this.output
    const isEvents = log.topic === events.topic
    for await (const records of scanner.scan(log.topic, log.partition, { from: log.until, until }, signal)) {
      for (const record of records) {
        log.earliestMs ??= record.timestampMs
        if (isEvents) this.events.take(log, record, await decoder.decode(record.value, signal))
        else this.letters.take(log, record)
      }
      this.records += records.length
      told(this.records)
    }
    log.until = until > log.until ? until : log.until
  }
}
