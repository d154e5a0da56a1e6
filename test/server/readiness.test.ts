import { describe, expect, test } from 'vitest'
import type { TaskState } from '../../src/ports.ts'
import { createReadiness } from '../../src/server/readiness.ts'

const noted = (...states: TaskState[]) => {
  const readiness = createReadiness()
  for (const state of states) readiness.note(state)
  return readiness
}

describe('readiness', () => {
  test('comes with the first account that runs or stands by', () => {
    expect([noted(), noted('recalling'), noted('failed'), noted('running'), noted('standby')].map(one => one.ready())).toEqual([
      false,
      false,
      false,
      true,
      true,
    ])
  })

  test('stays when an account fails, pauses or recalls later', () => {
    expect(noted('recalling', 'running', 'failed', 'recalling', 'paused').ready()).toBe(true)
  })

  test('goes for good at the stop signal', () => {
    const readiness = noted('running')

    readiness.stopping()
    readiness.note('running')

    expect(readiness.ready()).toBe(false)
  })
})
