import { describe, expect, test } from 'vitest'
import { ConnectorError, type ErrorCode } from '../../src/errors.ts'
import type { Ending } from '../../src/flow/account.ts'
import { type Member, runFleet } from '../../src/flow/fleet.ts'
import type { Stop } from '../../src/flow/sweep.ts'
import { SECOND_MS } from '../../src/model/window.ts'
import type { Happening } from '../../src/ports.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const nowMs = Date.parse('2026-03-10T12:00:00Z')

/** What an account does when it is run, given how it is told to stop. */
type Life = (stop: Stop) => Promise<Ending>

const fails =
  (code: ErrorCode, message = 'it went wrong'): Life =>
  async () => {
    throw new ConnectorError(code, message)
  }
const ends =
  (ending: Ending): Life =>
  async () =>
    ending
/** Reads until told to stop, and commits what it has read then. */
const runsUntilStopped =
  (onEnd: () => void = () => undefined): Life =>
  async ({ soft }) => {
    await new Promise<void>(resolve => soft.addEventListener('abort', () => resolve()))
    await new Promise(resolve => setImmediate(resolve))
    onEnd()
    return 'stopped'
  }

interface Setup {
  readonly once?: boolean
  readonly notBeforeMs?: number
  readonly clock?: VirtualClock
}

/** Accounts named a, b, … with these lives. */
function fleet(
  lives: readonly Life[],
  { once = false, notBeforeMs = 0, clock = new VirtualClock({ startMs: nowMs, mode: 'manual' }) }: Setup = {},
) {
  const notes: [string, Happening][] = []
  const [soft, hard] = [new AbortController(), new AbortController()]
  let stoppings = 0
  const launch = (stop: Stop) =>
    lives.map((life, index): Member => {
      const account = String.fromCharCode(97 + index)
      return {
        account,
        run: () => life(stop),
        notBeforeMs: () => notBeforeMs,
        note: happening => notes.push([account, happening]),
      }
    })
  const options = {
    once,
    clock,
    onStopping: () => {
      stoppings += 1
    },
  }
  const ended = runFleet(launch, { soft: soft.signal, hard: hard.signal }, options)
  ended.catch(() => undefined)
  return { ended, notes, soft, stoppings: () => stoppings }
}

describe('orderly ends', () => {
  test.each<[Ending[], Ending]>([
    [['covered', 'covered'], 'covered'],
    [['covered', 'unproved', 'covered'], 'unproved'],
    [['unproved', 'stopped'], 'unproved'],
    [['covered', 'stopped'], 'stopped'],
  ])('%s is %s', async (endings, worst) => {
    await expect(fleet(endings.map(ends), { once: true }).ended).resolves.toBe(worst)
  })

  test('a stop from outside reaches every account', async () => {
    const { ended, soft, stoppings } = fleet([runsUntilStopped(), runsUntilStopped()])

    soft.abort()

    expect(await ended).toBe('stopped')
    expect(stoppings()).toBe(0)
  })
})

describe('an error that is not the API’s', () => {
  test.each([false, true])('stops the others softly and is thrown when they have ended (once: %s)', async once => {
    let committed = false
    const bystander = runsUntilStopped(() => {
      committed = true
    })
    const { ended, stoppings } = fleet([bystander, fails('KAFKA_UNAUTHORIZED', 'no right'), bystander], { once })

    await expect(ended).rejects.toMatchObject({ code: 'KAFKA_UNAUTHORIZED', message: 'account "b": no right' })
    expect([committed, stoppings()]).toEqual([true, 1])
  })

  test('is cut off hard only when an account does not come to an end', async () => {
    const clock = new VirtualClock({ startMs: nowMs, mode: 'manual' })
    const deaf: Life = async ({ hard }) => {
      await new Promise<void>(resolve => hard.addEventListener('abort', () => resolve()))
      return 'stopped'
    }
    const { ended } = fleet([deaf, fails('BUG')], { clock })
    let isOver = false
    ended.catch(() => {
      isOver = true
    })

    await new Promise(resolve => setImmediate(resolve))
    await clock.advance(29 * SECOND_MS)
    const before = isOver
    await clock.advance(SECOND_MS)

    await expect(ended).rejects.toMatchObject({ code: 'BUG' })
    expect(before).toBe(false)
  })

  test('leaves no timer behind', async () => {
    const clock = new VirtualClock({ startMs: nowMs, mode: 'manual' })

    await expect(fleet([runsUntilStopped(), fails('FENCED')], { clock }).ended).rejects.toMatchObject({ code: 'FENCED' })

    expect(clock.asleep).toBe(0)
  })

  test('the first of several is the one that is thrown: the others may be its consequences', async () => {
    const second: Life = async ({ soft }) => {
      await new Promise<void>(resolve => soft.addEventListener('abort', () => resolve()))
      throw new ConnectorError('COMMIT_UNKNOWN', 'the producer went away')
    }

    const { ended, notes } = fleet([second, fails('FENCED', 'taken over')])

    await expect(ended).rejects.toMatchObject({ code: 'FENCED', message: 'account "b": taken over' })
    expect(notes.map(([account, happening]) => [account, happening.kind === 'task' && happening.state])).toEqual([
      ['b', 'failed'],
      ['a', 'failed'],
    ])
  })

  test('an account that is stopped while it waits has not failed', async () => {
    const waiting: Life = async ({ soft }) => {
      await new Promise<void>(resolve => soft.addEventListener('abort', () => resolve()))
      throw new ConnectorError('STOPPED', 'stopped while waiting')
    }

    const { ended, notes } = fleet([waiting, fails('LEDGER_FULL')])

    await expect(ended).rejects.toMatchObject({ code: 'LEDGER_FULL' })
    expect(notes.map(([account]) => account)).toEqual(['b'])
  })

  test('a bug keeps its own stack', async () => {
    const bug = new TypeError('x is not a function')

    await expect(fleet([async () => Promise.reject(bug), ends('covered')]).ended).rejects.toBe(bug)
  })
})

describe('a verdict of the API', () => {
  test('with --once lets the others finish what is due, and is thrown then', async () => {
    const finish = Promise.withResolvers<Ending>()
    let wasStopped = false
    const busy: Life = async ({ soft }) => {
      const ending = await finish.promise
      wasStopped = soft.aborted
      return ending
    }
    const { ended, notes, stoppings } = fleet([fails('API_UNAUTHORIZED', 'RBC001'), busy], { once: true })
    await new Promise(resolve => setImmediate(resolve))
    finish.resolve('covered')

    await expect(ended).rejects.toMatchObject({ code: 'API_UNAUTHORIZED', message: 'account "a": RBC001' })
    expect([wasStopped, stoppings()]).toEqual([false, 0])
    expect(notes).toMatchObject([['a', { kind: 'task', state: 'failed', error: { code: 'API_UNAUTHORIZED' } }]])
  })

  test('with --exit-on-failure stops the others', async () => {
    const { ended, stoppings } = fleet([fails('API_UNAUTHORIZED'), runsUntilStopped()])

    await expect(ended).rejects.toMatchObject({ code: 'API_UNAUTHORIZED' })
    expect(stoppings()).toBe(1)
  })

  test('is outranked by an error of Kafka that comes later', async () => {
    const later: Life = async () => {
      await new Promise(resolve => setImmediate(resolve))
      throw new ConnectorError('TOPIC_MISSING', 'gone')
    }

    await expect(fleet([fails('API_UNAUTHORIZED'), later], { once: true }).ended).rejects.toMatchObject({
      code: 'TOPIC_MISSING',
    })
  })

  test('says until when the API asked to stay away, and keeps how long that is', async () => {
    const throttled: Life = async () => {
      throw new ConnectorError('API_THROTTLED', 'the API answers 429', { retryAfterMs: 3_600_000 })
    }

    const { ended, notes } = fleet([throttled], { once: true, notBeforeMs: nowMs + 3_600_000 })

    await expect(ended).rejects.toMatchObject({
      code: 'API_THROTTLED',
      message: 'the API answers 429; the API asked to stay away until 2026-03-10T13:00:00Z',
      retryAfterMs: 3_600_000,
    })
    expect(notes).toEqual([])
  })

  test('of the only account is thrown as it is', async () => {
    const error = new ConnectorError('API_UNAUTHORIZED', 'RBC001')

    await expect(fleet([async () => Promise.reject(error)], { once: true, notBeforeMs: nowMs }).ended).rejects.toBe(error)
  })
})
