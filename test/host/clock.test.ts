import { getEventListeners } from 'node:events'
import { describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/host/clock.ts'

const never = new AbortController().signal

describe('a sleep', () => {
  test('is never shorter than asked, by the monotonic clock', async () => {
    const before = systemClock.monotonic()

    await systemClock.sleep(5, never)

    expect(systemClock.monotonic() - before).toBeGreaterThanOrEqual(5)
  })

  test('of nothing, or less, is over', async () => {
    await expect(systemClock.sleep(0, never)).resolves.toBeUndefined()
    await expect(systemClock.sleep(-1, never)).resolves.toBeUndefined()
  })

  test('ends with STOPPED when the signal aborts, and tells why', async () => {
    const stop = new AbortController()
    const sleep = systemClock.sleep(3_600_000, stop.signal)

    stop.abort('told to')

    await expect(sleep).rejects.toMatchObject({ code: 'STOPPED', cause: 'told to' })
  })

  test('does not begin when the signal has aborted already', async () => {
    await expect(systemClock.sleep(0, AbortSignal.abort())).rejects.toMatchObject({ code: 'STOPPED' })
    await expect(systemClock.sleep(3_600_000, AbortSignal.abort())).rejects.toMatchObject({ code: 'STOPPED' })
  })

  test('leaves no listener on the signal, however it ends', async () => {
    const stop = new AbortController()
    await systemClock.sleep(1, stop.signal)
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0)

    const sleep = systemClock.sleep(3_600_000, stop.signal)
    stop.abort()

    await expect(sleep).rejects.toMatchObject({ code: 'STOPPED' })
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0)
  })

  test.each([2 ** 31, 30 * 86_400_000, Number.POSITIVE_INFINITY])(
    'longer than a timer can be (%d ms) goes on, in parts without warnings',
    async ms => {
      const warn = vi.spyOn(process, 'emitWarning')
      const stop = new AbortController()
      const sleep = systemClock.sleep(ms, stop.signal)

      await systemClock.sleep(5, never)
      stop.abort()

      await expect(sleep).rejects.toMatchObject({ code: 'STOPPED' })
      expect(warn).not.toHaveBeenCalled()
      warn.mockRestore()
    },
  )

  test('of no number is a bug', async () => {
    await expect(systemClock.sleep(Number.NaN, never)).rejects.toMatchObject({ code: 'BUG' })
  })
})

test('now is the wall clock in epoch milliseconds', () => {
  const before = Date.now()

  const now = systemClock.now()

  expect(now).toBeGreaterThanOrEqual(before)
  expect(now).toBeLessThanOrEqual(Date.now())
})
