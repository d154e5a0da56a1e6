import { describe, expect, test } from 'vitest'
import { ConnectorError } from '../../src/errors.ts'
import { Deadline } from '../../src/kafka/deadline.ts'
import { outcome } from '../contracts/publisher.ts'
import { realClock } from './real-kafka.ts'

const never = new Promise<never>(() => {})
const begin = (ms: number, signal = new AbortController().signal) =>
  new Deadline({ clock: realClock, ms, signal, late: cause => new ConnectorError('COMMIT_UNKNOWN', 'late', { cause }) })

describe('a deadline', () => {
  test('gives the result or the error of work that ends in time', async () => {
    const deadline = begin(10_000)

    expect(await deadline.wait(Promise.resolve(7))).toBe(7)
    await expect(deadline.wait(Promise.reject(new Error('mine')))).rejects.toThrow('mine')
  })

  test('is shared by all steps: time used by one is missing for the next', async () => {
    let nowMs = 0
    // Time passes by sleeping only: real timers may fire a fraction of a millisecond early.
    const sleep = async (ms: number) => {
      nowMs += ms
    }
    const late = () => new ConnectorError('COMMIT_UNKNOWN', 'late')
    const clock = { now: () => nowMs, monotonic: () => nowMs, sleep }
    const deadline = new Deadline({ clock, ms: 30, signal: new AbortController().signal, late })

    const codes = [await outcome(deadline.pause(20)), await outcome(deadline.pause(20)), await outcome(deadline.pause(1))]

    expect(codes).toEqual(['done', 'done', 'COMMIT_UNKNOWN'])
    expect([nowMs, deadline.remainingMs(), await outcome(deadline.wait(never))]).toEqual([30, 0, 'COMMIT_UNKNOWN'])
  })

  test('names the last failure that was to be tried again', async () => {
    const deadline = begin(10)
    const failure = new Error('broker down')
    deadline.remember(failure)

    await expect(deadline.wait(never)).rejects.toMatchObject({ cause: failure })
  })

  test('ends with a stop signal, also one that came before', async () => {
    const stop = new AbortController()
    const [waiting, pausing] = [outcome(begin(10_000, stop.signal).wait(never)), outcome(begin(10_000, stop.signal).pause(5_000))]
    stop.abort()

    expect([await waiting, await pausing]).toEqual(['STOPPED', 'STOPPED'])
    expect(await outcome(begin(10_000, stop.signal).wait(never))).toBe('STOPPED')
  })

  test('swallows the late failure of work it gave up', async () => {
    const { promise, reject } = Promise.withResolvers<never>()

    const code = await outcome(begin(5).wait(promise))
    reject(new Error('too late'))
    await Promise.resolve()

    expect(code).toBe('COMMIT_UNKNOWN')
  })
})
