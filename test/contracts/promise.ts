/**
 * The promise about one commit, held against what readers see. Whatever went wrong: what a commit said it did is there, whole and once; what
 * it could not say is, after the next open, told by the ledger: all of the batch or nothing of it; and after nothing, sending it again gives
 * it exactly once. One stage serves many trials, told apart by their labels, and at its end an independent reader of committed records goes
 * over all of it.
 */
import { expect } from 'vitest'
import type { LedgerReader, TransactionalPublisher, TransactionBatch } from '../../src/ports.ts'
import { type KafkaUnderTest, ledgerSpec, message, outcome, readAll, topicSpec } from './publisher.ts'

/** What is visible of a batch when its publisher has been opened again. */
export type Visible = 'all' | 'nothing'

export interface StageOptions {
  readonly events: string
  readonly partitions: number
  readonly ledger: string
  readonly reader: LedgerReader
  /** `key=value` of every committed record of a topic, by another program than the one under test. */
  readonly judge: (topic: string) => Promise<string[]>
}

const forever = new AbortController().signal

/** Fresh topics with a stage on them. `reader` is the one to look with, when not that of `kafka`. */
export async function newStage(
  kafka: KafkaUnderTest & Pick<StageOptions, 'judge'>,
  partitions: number,
  reader: LedgerReader = kafka.reader,
): Promise<{ readonly events: string; readonly ledger: string; readonly stage: Stage }> {
  const [events, ledger] = [kafka.uniqueName('events'), kafka.uniqueName('ledger')]
  await kafka.topics.ensure([topicSpec(events, partitions), ledgerSpec(ledger)], true, forever)
  return { events, ledger, stage: new Stage({ events, partitions, ledger, reader, judge: kafka.judge }) }
}

export class Stage {
  readonly #options: StageOptions
  readonly #events: string[] = []
  readonly #ledger: string[]

  /** With another stage, on its ledger: what is expected there is judged together. */
  constructor(options: StageOptions, neighbour?: Stage) {
    this.#options = options
    this.#ledger = neighbour === undefined ? [] : neighbour.#ledger
  }

  /** One record for each partition of the events, a checkpoint and a delta. */
  batch(label: string, attempt = 1): TransactionBatch {
    const { events, ledger, partitions } = this.#options
    const each = Array.from({ length: partitions }, (_, partition) => message(partition, label, `${attempt}`))
    return {
      checkpoint: { topic: ledger, message: message(0, label, `${attempt}`) },
      rest: [
        { topic: events, messages: each },
        { topic: ledger, messages: [message(0, `${label}/delta`, `${attempt}`)] },
      ],
    }
  }

  /** Whether the first attempt is visible, once the publisher stands again; then the batch is there once, sent again if it had to be. */
  async settle(label: string, publisher: TransactionalPublisher, said: string): Promise<Visible> {
    if (said !== 'done') await publisher.open(forever)
    const visible: Visible = (await this.#ledgerOf(label)).length > 0 ? 'all' : 'nothing'
    const attempt = visible === 'all' ? 1 : 2
    if (attempt === 2) expect(await outcome(publisher.commit(this.batch(label, 2), forever))).toBe('done')
    await this.expectOnce(label, attempt)
    return visible
  }

  /** The whole batch of this attempt is visible once, and nothing else of this label. */
  async expectOnce(label: string, attempt = 1): Promise<void> {
    const { events, partitions, reader } = this.#options
    const record = `${label}=${attempt}`
    const found: string[][] = []
    for (let partition = 0; partition < partitions; partition++)
      found.push((await readAll(reader, events, partition)).filter(one => one.startsWith(`${label}=`)))
    expect(found).toEqual(Array.from({ length: partitions }, () => [record]))
    expect(await this.#ledgerOf(label)).toEqual([record, `${label}/delta=${attempt}`])
    this.#events.push(...found.flat())
    this.#ledger.push(record, `${label}/delta=${attempt}`)
  }

  /** Everything that every trial left, and nothing besides, is what the judge finds. */
  async expectJudged(): Promise<void> {
    await this.expectEventsJudged()
    await this.expectLedgerJudged()
  }

  async expectEventsJudged(): Promise<void> {
    const { events, judge } = this.#options
    expect((await judge(events)).sort()).toEqual(this.#events.toSorted())
  }

  async expectLedgerJudged(): Promise<void> {
    const { ledger, judge } = this.#options
    expect((await judge(ledger)).sort()).toEqual(this.#ledger.toSorted())
  }

  async #ledgerOf(label: string): Promise<string[]> {
    const records = await readAll(this.#options.reader, this.#options.ledger, 0)
    return records.filter(one => one.startsWith(`${label}=`) || one.startsWith(`${label}/`))
  }
}
