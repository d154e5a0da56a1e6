import { describe, expect, test } from 'vitest'
import { type Check, type Finding, failed, ok, runChecks, warning } from '../../src/commands/checklist.ts'
import { ConnectorError } from '../../src/errors.ts'

const never = new AbortController().signal

async function found(checks: readonly Check[], signal = never): Promise<Finding[]> {
  return await Array.fromAsync(runChecks(checks, signal, () => undefined))
}
const states = (findings: readonly Finding[]) => Object.fromEntries(findings.map(({ name, state }) => [name, state]))

describe('checks', () => {
  test('that need something failed are not checked and say so; everything else is checked', async () => {
    const findings = await found([
      { name: 'kafka', run: async () => failed('no answer', 'start it') },
      { name: 'topic', needs: ['kafka'], run: async () => ok('there') },
      { name: 'writing', needs: ['topic'], run: async () => ok('allowed') },
      { name: 'registry', run: async () => warning('slow', 'wait') },
      { name: 'schema', needs: ['registry'], run: async () => ok('there') },
    ])

    expect(states(findings)).toEqual({
      kafka: 'failed',
      topic: 'not_checked',
      writing: 'not_checked',
      registry: 'warning',
      schema: 'ok',
    })
    expect(findings[1]).toEqual({ name: 'topic', state: 'not_checked', found: 'not checked: needs kafka', remedy: null })
  })

  test('that fail with a code get the remedy of the code', async () => {
    const [finding] = await found([
      { name: 'key', run: () => Promise.reject(new ConnectorError('API_UNAUTHORIZED', 'the API answered RBC001')) },
    ])

    expect(finding).toMatchObject({
      state: 'failed',
      found: 'the API answered RBC001',
      remedy: expect.stringContaining('apiKey'),
    })
  })

  test('run side by side, and are told in the order of the list', async () => {
    const second = Promise.withResolvers<void>()
    const names: string[] = []

    const checks: Check[] = [
      { name: 'first', run: async () => second.promise.then(() => ok('waited for the second')) },
      {
        name: 'second',
        run: async () => {
          second.resolve()
          return ok('ran meanwhile')
        },
      },
    ]
    for await (const { name } of runChecks(checks, never, () => undefined)) names.push(name)

    expect(names).toEqual(['first', 'second'])
  })

  test('that only come after something run also when it failed', async () => {
    const order: string[] = []
    const step = (name: string, outcome: ReturnType<typeof ok>) => async () => {
      order.push(name)
      return outcome
    }

    const findings = await found([
      { name: 'api', run: step('api', failed('no', 'do')) },
      { name: 'clock', after: ['api'], run: step('clock', ok('agrees')) },
    ])

    expect(states(findings)).toEqual({ api: 'failed', clock: 'ok' })
    expect(order).toEqual(['api', 'clock'])
  })

  test('that have not ended when told to stop are not checked', async () => {
    const stop = new AbortController()
    const slow = async () => {
      stop.abort()
      throw new ConnectorError('STOPPED', 'stopped while waiting')
    }

    const findings = await found(
      [
        { name: 'slow', run: slow },
        { name: 'later', after: ['slow'], run: async () => ok('') },
      ],
      stop.signal,
    )

    expect(findings.map(({ state, found: text }) => `${state}: ${text}`)).toEqual(
      ['slow', 'later'].map(() => 'not_checked: not checked: stopped'),
    )
  })

  test('an error without a code is a bug and ends the program', async () => {
    const checks: Check[] = [{ name: 'broken', run: () => Promise.reject(new TypeError('undefined is not a function')) }]

    await expect(found(checks)).rejects.toThrow(TypeError)
  })

  test('tell which of them run just now', async () => {
    const told: string[] = []
    const checks: Check[] = [
      { name: 'a', run: async () => ok('') },
      { name: 'b', needs: ['a'], run: async () => ok('') },
    ]

    await Array.fromAsync(runChecks(checks, never, names => told.push(names.join())))

    expect(told).toEqual(['a', '', 'b', ''])
  })
})
