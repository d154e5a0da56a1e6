import { describe, expect, test } from 'vitest'
import type { TaskState } from '../../src/ports.ts'
import { createReadiness } from '../../src/server/readiness.ts'

const noted = (...states: TaskState[]) => {
  const readiness = createReadiness(['main'])
  for (const state of states) readiness.note('main', state)
  return readiness
}

describe('readiness', () => {
  test('comes when the account runs or stands by', () => {
    expect([noted(), noted('recalling'), noted('failed'), noted('running'), noted('standby')].map(one => one.ready())).toEqual([
      false,
      false,
      false,
      true,
      true,
    ])
  })

  test('waits until each of several accounts has run once', () => {
    const readiness = createReadiness(['a', 'b'])

    readiness.note('a', 'running')
    const afterOne = readiness.ready()
    readiness.note('a', 'running')
    const afterTheSame = readiness.ready()
    readiness.note('b', 'running')

    expect([afterOne, afterTheSame, readiness.ready()]).toEqual([false, false, true])
  })

  test('comes although the account that ran first has failed when the second one runs', () => {
    const readiness = createReadiness(['a', 'b'])

    readiness.note('a', 'running')
    readiness.note('a', 'failed')
    readiness.note('b', 'running')

    expect(readiness.ready()).toBe(true)
  })

  test('stays when an account fails, pauses or recalls later', () => {
    expect(noted('recalling', 'running', 'failed', 'recalling', 'paused').ready()).toBe(true)
  })

  test('goes for good at the stop signal', () => {
    const readiness = noted('running')

    readiness.stopping()
    readiness.note('main', 'running')

    expect(readiness.ready()).toBe(false)
  })
})
