import { describe, expect, test } from 'vitest'
import { type AbortedTransaction, committedOf } from '../../src/kafka/committed.ts'
import { batchesOf, recordsOf } from '../../src/kafka/record-batch.ts'
import { type BatchSketch, batchBytes } from './batch-bytes.ts'

const data = (base: number, producer: number, key: string): BatchSketch => ({ base, producer, records: [{ key, value: key }] })
const plain = (base: number, key: string): BatchSketch => ({ base, records: [{ key, value: key }] })
const abort = (base: number, producer: number): BatchSketch => ({ base, producer, marker: 'abort' })
const commit = (base: number, producer: number): BatchSketch => ({ base, producer, marker: 'commit' })
const aborted = (...pairs: [producer: number, first: number][]): AbortedTransaction[] =>
  pairs.map(([producerId, firstOffset]) => ({ producerId: BigInt(producerId), firstOffset: BigInt(firstOffset) }))

/** The keys a reader sees. */
function seen(log: readonly BatchSketch[], list: readonly AbortedTransaction[]): string[] {
  const batches = batchesOf(Buffer.concat(log.map(batchBytes)))
  return [...committedOf(batches, list)].flatMap(batch => [...recordsOf(batch)].map(({ key }) => `${key}`))
}

describe('the committed batches of a fetch answer', () => {
  test('leave out an aborted producer between two committed ones', () => {
    const log = [data(0, 1, 'a'), data(1, 2, 'b'), data(2, 1, 'c'), commit(3, 2), abort(4, 1), data(5, 1, 'd'), commit(6, 1)]

    expect(seen(log, aborted([1, 0]))).toEqual(['b', 'd'])
  })

  test('leave out several transactions that were all open before the first batch', () => {
    const log = [data(10, 1, 'a'), data(11, 2, 'b'), data(12, 3, 'c'), abort(13, 2), abort(14, 1), commit(15, 3)]

    expect(seen(log, aborted([2, 4], [1, 3]))).toEqual(['c'])
  })

  test('do not depend on the order of the broker’s list, which is that of the markers', () => {
    const log = [data(0, 1, 'a'), data(1, 2, 'b'), abort(2, 2), data(3, 1, 'c'), abort(4, 1), data(5, 2, 'd'), commit(6, 2)]

    expect(seen(log, aborted([2, 1], [1, 0]))).toEqual(['d'])
  })

  test('tell two aborted transactions of one producer from the committed one between them', () => {
    const log = [data(0, 1, 'a'), abort(1, 1), data(2, 1, 'b'), commit(3, 1), data(4, 1, 'c'), abort(5, 1)]

    expect(seen(log, aborted([1, 0], [1, 4]))).toEqual(['b'])
  })

  test('keep what was written outside any transaction, also by an id whose transaction is aborted', () => {
    const log = [data(0, 1, 'a'), plain(1, 'b'), { ...data(2, 1, 'c'), transactional: false }, abort(3, 1)]

    expect(seen(log, aborted([1, 0]))).toEqual(['b', 'c'])
  })

  test('see an aborted transaction that begins within a batch’s range after compaction', () => {
    const log = [{ ...data(0, 1, 'a'), lastDelta: 9 }, abort(10, 1)]

    expect(seen(log, aborted([1, 5]))).toEqual([])
  })

  test('never include a marker', () => {
    expect(seen([data(0, 1, 'a'), commit(1, 1)], [])).toEqual(['a'])
  })
})
