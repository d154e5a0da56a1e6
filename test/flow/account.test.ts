import { describe, expect, test } from 'vitest'
import { ConnectorError } from '../../src/errors.ts'
import { type AccountOptions, AccountTask } from '../../src/flow/account.ts'
import type { CallLog } from '../../src/model/call-log.ts'
import type { Dialect } from '../../src/model/dialect.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/window.ts'
import type { Happening, Ownership } from '../../src/ports.ts'
import { callLog, callsFrom } from '../support/calls.ts'
import { ledgerOn, memoryCluster, noSignal } from '../support/ledger-on-memory.ts'
import type { MemoryCluster } from '../support/memory-kafka.ts'
import { type Script, ScriptedSource } from '../support/scripted-source.ts'
import { soleOwner } from '../support/sole-owner.ts'
import { usualAccount } from '../support/usual-account.ts'
import { usualDialect } from '../support/usual-dialect.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const startMs = Date.parse('2026-03-10T12:00:30Z')
const history = callsFrom(startMs - 10 * HOUR_MS, 700)

interface Setup {
  readonly cluster: MemoryCluster
  readonly script?: Partial<Script>
  readonly options?: Partial<AccountOptions>
  readonly clock?: VirtualClock
  /** What the ledger is told of the API. */
  readonly dialect?: Dialect | null
  readonly ownership?: Ownership
  readonly onNote?: (happening: Happening) => void
}

function task({
  cluster,
  script,
  options,
  dialect = null,
  clock = new VirtualClock({ startMs }),
  ownership = soleOwner(),
  onNote = () => {},
}: Setup) {
  const notes: Happening[] = []
  const soft = new AbortController()
  const source = new ScriptedSource({ calls: () => history, pageSize: 100, ...script })
  const account = new AccountTask(
    {
      source,
      ledger: ledgerOn(cluster, clock, { startFromMs: DAY_MS }, undefined, () => dialect),
      ownership,
      // Values are not looked into here; the Avro encoder has its own tests.
      encoder: {
        encode: event => Buffer.from(JSON.stringify({ id: event.call_id, status: event.status, changed: event.changed_fields })),
      },
      clock,
      random: () => 0.5,
      note: happening => {
        notes.push(happening)
        onNote(happening)
      },
    },
    { ...usualAccount, ...options },
    { soft: soft.signal, hard: new AbortController().signal },
  )
  return { account, source, notes, stop: () => soft.abort() }
}

const published = (cluster: MemoryCluster) =>
  cluster.committed('events').map(({ key, headers }) => `${String(key)} ${headers?.change} ${headers?.revision}`)

describe('run --once', () => {
  test('publishes every call of the reach exactly once and ends as covered', async () => {
    const cluster = await memoryCluster()

    expect(await task({ cluster }).account.run()).toBe('covered')

    expect(published(cluster).sort()).toEqual(history.map(call => `${call.call_id} CREATED 1`).sort())
  })

  test('run again adds not one record; a change in between is exactly one UPDATED', async () => {
    const cluster = await memoryCluster()
    await task({ cluster }).account.run()
    const changed: CallLog[] = history.map((call, index) => (index === 300 ? { ...call, cost: 7_000_000n } : call))

    await task({ cluster, clock: new VirtualClock({ startMs: startMs + 1_000 }) }).account.run()
    const afterSecond = published(cluster).length
    await task({ cluster, clock: new VirtualClock({ startMs: startMs + 2_000 }), script: { calls: () => changed } }).account.run()

    expect(afterSecond).toBe(700)
    expect(published(cluster).slice(700)).toEqual([`${history[300]?.call_id} UPDATED 2`])
    expect(JSON.parse(String(cluster.committed('events').at(-1)?.value))).toMatchObject({ changed: ['cost'] })
  })

  test('ends as unproved when a range could not be proved, and says where', async () => {
    const cluster = await memoryCluster()
    const restless = callLog({ call_id: 'restless', start_time: startMs - HOUR_MS })
    const { account, notes } = task({
      cluster,
      script: { calls: request => [{ ...restless, status: `S${request}` }], total: () => 9 },
    })

    expect(await account.run()).toBe('unproved')
    expect(notes.some(note => note.kind === 'gap.opened')).toBe(true)
  })

  test.each(['failAfterWrite', 'reject'] as const)(
    'survives a commit that ends in %s: recalls and publishes nothing twice',
    async fault => {
      const cluster = await memoryCluster()
      const { account, notes } = task({
        cluster,
        script: {
          calls: request => {
            if (request === 4) cluster.failNextCommit(fault)
            return history
          },
        },
      })

      expect(await account.run()).toBe('covered')

      expect(published(cluster).sort()).toEqual(history.map(call => `${call.call_id} CREATED 1`).sort())
      expect(notes.filter(note => note.kind === 'recalled')).toHaveLength(2)
    },
  )

  test('is stopped by an API verdict before anything is claimed', async () => {
    const cluster = await memoryCluster()
    const { account } = task({ cluster, script: { fail: () => new ConnectorError('API_UNAUTHORIZED', 'RBC001') } })

    await expect(account.run()).rejects.toMatchObject({ code: 'API_UNAUTHORIZED' })
    expect(cluster.committed('ledger')).toEqual([])
  })

  test('does not sit out a Retry-After of an hour: it ends with the API’s verdict and leaves the promise in the ledger', async () => {
    const cluster = await memoryCluster()
    const throttled = new ConnectorError('API_THROTTLED', '429', { retryAfterMs: 3_600_000 })
    const { account } = task({ cluster, script: { fail: request => (request === 3 ? throttled : null) } })

    await expect(account.run()).rejects.toMatchObject({ code: 'API_THROTTLED' })
  })

  test('an error in the middle keeps what was read and covers nothing of what was not', async () => {
    const cluster = await memoryCluster()
    const { account } = task({
      cluster,
      script: { fail: request => (request >= 6 ? new ConnectorError('API_UNAUTHORIZED', 'RBC001') : null) },
    })

    await expect(account.run()).rejects.toMatchObject({ code: 'API_UNAUTHORIZED' })
    const partial = published(cluster).length
    expect(partial).toBeGreaterThan(0)
    expect(partial).toBeLessThan(700)

    await task({ cluster }).account.run()
    expect(published(cluster).sort()).toEqual(history.map(call => `${call.call_id} CREATED 1`).sort())
  })
})

test('a promise to stay away is kept by the next life, before its first request', async () => {
  const cluster = await memoryCluster()
  const clock = new VirtualClock({ startMs })
  const notBeforeMs = startMs + 3_600_000
  const first = ledgerOn(cluster, clock, { startFromMs: DAY_MS }, () => notBeforeMs)
  const state = await first.recall(new AbortController().signal)
  await first.commit(state, { rest: [], entries: [] }, new AbortController().signal)
  const { account, source } = task({ cluster, clock: new VirtualClock({ startMs: startMs + 1_000 }) })

  await account.run()

  expect(source.holds[0]).toEqual({ untilMs: notBeforeMs, readsBefore: 0 })
})

describe('behind a transaction that a stranger left open on the ledger', () => {
  const notBeforeMs = startMs + HOUR_MS

  /** An earlier life's promise to stay away is hidden there. */
  async function scene() {
    const [cluster, clock] = [await memoryCluster(), new VirtualClock({ startMs })]
    let toldMs = 0
    const before = ledgerOn(cluster, clock, { startFromMs: DAY_MS }, () => toldMs)
    const state = await before.recall(noSignal)
    cluster.leaveOpen('stranger', 'ledger', [{ partition: 0, key: 'x', value: null, timestampMs: startMs }])
    toldMs = notBeforeMs
    await before.commit(state, { rest: [], entries: [] }, noSignal)
    return { cluster, clock, end: () => cluster.fence('stranger') }
  }

  test('a promise to stay away is kept, too: the ledger is recalled before anything is asked', async () => {
    const requestsTooEarly: number[] = []
    const fail = (request: number) => {
      if (!source.holds.some(({ untilMs }) => untilMs === notBeforeMs)) requestsTooEarly.push(request)
      return null
    }
    const { end, ...parts } = await scene()
    const onNote = (happening: Happening) => {
      if (happening.kind === 'task' && happening.state === 'recalling') end()
    }
    const { account, source } = task({ ...parts, script: { fail }, onNote })

    await account.run()

    expect(requestsTooEarly).toEqual([])
    expect(source.probing).toEqual(['probe'])
  })

  test('is waited for a moment, so that an account that cannot be read still disturbs nobody', async () => {
    const { cluster, clock, end } = await scene()
    const fail = () => new ConnectorError('API_UNAUTHORIZED', 'RBC001')
    const { account, source } = task({ cluster, clock, script: { fail } })
    void clock.sleep(1_500, noSignal).then(end)

    await expect(account.run()).rejects.toMatchObject({ code: 'API_UNAUTHORIZED' })
    expect(source.holds.at(-1)).toEqual({ untilMs: notBeforeMs, readsBefore: 0 })
    expect(cluster.committed('ledger').filter(({ key }) => String(key) === 'main/checkpoint')).toHaveLength(2)
  })
})

describe('run', () => {
  test('a failed account is tried again after retryFailed and then goes on by itself', async () => {
    const cluster = await memoryCluster()
    const clock = new VirtualClock({ startMs })
    const { account, notes, stop } = task({
      cluster,
      clock,
      options: { once: false },
      script: {
        fail: request => (request <= 2 ? new ConnectorError('API_UNAUTHORIZED', 'RBC001') : null),
        calls: request => {
          if (request > 30) stop()
          return history
        },
      },
    })

    expect(await account.run()).toBe('stopped')

    expect(clock.sleeps.filter(ms => ms === 15 * MINUTE_MS)).toHaveLength(2)
    expect(notes.find(note => note.kind === 'task')).toMatchObject({ remedy: expect.stringContaining('check sid and apiKey') })
    expect(notes.filter(note => note.kind === 'task').map(note => note.state)).toEqual([
      'failed',
      'failed',
      'recalling',
      'running',
    ])
    expect(published(cluster).length).toBeGreaterThan(0)
  })

  test('an outage beyond ten minutes fails the account and not the program, and it recovers by itself', async () => {
    const cluster = await memoryCluster()
    const clock = new VirtualClock({ startMs })
    const { account, notes, stop } = task({
      cluster,
      clock,
      options: { once: false },
      script: {
        fail: () => (clock.now() < startMs + HOUR_MS ? new ConnectorError('API_UNAVAILABLE', '503') : null),
        calls: () => {
          if (clock.now() > startMs + 2 * HOUR_MS) stop()
          return history
        },
      },
    })

    expect(await account.run()).toBe('stopped')

    const states = notes.flatMap(note => (note.kind === 'task' ? [note.state] : []))
    expect(states).toContain('failed')
    expect(states.at(-1)).toBe('running')
    expect(published(cluster).length).toBe(700)
  })

  test('a temporary failure is waited out without a recall, honouring Retry-After in full', async () => {
    const cluster = await memoryCluster()
    const clock = new VirtualClock({ startMs })
    const { account, notes, stop } = task({
      cluster,
      clock,
      options: { once: false },
      script: {
        fail: request => (request === 3 ? new ConnectorError('API_THROTTLED', '429', { retryAfterMs: 120_000 }) : null),
        calls: request => {
          if (request > 30) stop()
          return history
        },
      },
    })

    expect(await account.run()).toBe('stopped')

    expect(clock.sleeps).toContain(120_000)
    expect(notes.filter(note => note.kind === 'recalled')).toHaveLength(1)
  })

  test('a wait that the API asked for in mid-window is no cost of the schedule: it is not stretched', async () => {
    const cluster = await memoryCluster()
    const clock = new VirtualClock({ startMs })
    let notBeforeMs = 0
    const { account, notes, stop } = task({
      cluster,
      clock,
      options: { once: false },
      script: {
        notBeforeMs: () => notBeforeMs,
        fail: () => {
          if (notBeforeMs === 0 && clock.now() > startMs + 20 * MINUTE_MS) {
            clock.pass(10 * MINUTE_MS)
            notBeforeMs = clock.now()
          }
          if (clock.now() > startMs + 45 * MINUTE_MS) stop()
          return null
        },
      },
    })

    expect(await account.run()).toBe('stopped')

    expect(notBeforeMs).toBeGreaterThan(0)
    expect(notes.filter(note => note.kind === 'schedule.stretched')).toEqual([])
  })

  test('calls that appear or change while running are published by the next hot reads', async () => {
    const cluster = await memoryCluster()
    const clock = new VirtualClock({ startMs })
    const live = callLog({ call_id: 'live', start_time: startMs + 20_000, cost: null })
    const { account, stop } = task({
      cluster,
      clock,
      options: { once: false },
      script: {
        calls: () => {
          const nowMs = clock.now()
          if (nowMs > startMs + 6 * MINUTE_MS) stop()
          if (nowMs < startMs + MINUTE_MS) return history
          return [...history, nowMs < startMs + 3 * MINUTE_MS ? live : { ...live, cost: 1n }]
        },
      },
    })

    await account.run()

    expect(published(cluster).filter(line => line.startsWith('live'))).toEqual(['live CREATED 1', 'live UPDATED 2'])
  })

  test('fenced and no longer ours: the account stands by', async () => {
    const cluster = await memoryCluster()
    const { account, notes, stop } = task({
      cluster,
      options: { once: false },
      script: {
        calls: request => {
          if (request === 3) cluster.fence('kaleyra-0')
          return history
        },
      },
      onNote: happening => {
        if (happening.kind === 'task' && happening.state === 'standby') stop()
      },
    })

    expect(await account.run()).toBe('stopped')

    expect(notes.slice(-3)).toMatchObject([
      { kind: 'commit.failed', result: 'fenced' },
      { kind: 'ownership', change: 'lost' },
      { kind: 'task', state: 'standby' },
    ])
  })
})

test('with --once, fenced means the end, with the code the exit depends on', async () => {
  const cluster = await memoryCluster()
  const { account } = task({
    cluster,
    script: {
      calls: request => {
        if (request === 3) cluster.fence('kaleyra-0')
        return history
      },
    },
  })

  await expect(account.run()).rejects.toMatchObject({ code: 'FENCED' })
})

describe('an API that no longer hears the question as it is put', () => {
  const refused = new ConnectorError('API_REJECTED', 'RBC3004')
  const spoken: Dialect = usualDialect({
    style: 'post-form',
    limitIn: 'both',
    largestLimit: null,
    offset: 'rows',
    instants: 'z',
    probedAtMs: startMs,
  })

  test('is probed anew at once, and the reading goes on without a failed account', async () => {
    const cluster = await memoryCluster()
    const { account, source, notes } = task({ cluster, script: { fail: request => (request === 3 ? refused : null) } })

    expect(await account.run()).toBe('covered')

    expect(source.probing).toEqual(['probe', 'forget', 'probe'])
    expect(notes.flatMap(note => (note.kind === 'task' ? [note.state] : []))).not.toContain('failed')
    expect(published(cluster).length).toBe(700)
  })

  test('is not asked again in the way that the ledger remembers', async () => {
    const cluster = await memoryCluster()
    await task({ cluster, dialect: spoken }).account.run()
    const later = new VirtualClock({ startMs: startMs + HOUR_MS })
    const script = { fail: (request: number) => (request === 2 ? refused : null) }
    const { account, source } = task({ cluster, dialect: spoken, clock: later, script })

    expect(await account.run()).toBe('covered')

    expect(source.probing).toEqual(['adopt', 'probe', 'forget', 'probe'])
  })

  test('and still does not after that fails the account, until it does again: never probe after probe', async () => {
    const cluster = await memoryCluster()
    const clock = new VirtualClock({ startMs })
    const { account, source, notes, stop } = task({
      cluster,
      clock,
      options: { once: false },
      script: {
        fail: (_, window) => (clock.now() < startMs + HOUR_MS && window.fromMs > 0 ? refused : null),
        calls: () => {
          if (clock.now() > startMs + 2 * HOUR_MS) stop()
          return history
        },
      },
    })

    expect(await account.run()).toBe('stopped')

    const probes = source.probing.filter(what => what === 'probe').length
    expect(probes).toBeGreaterThan(3)
    expect(probes).toBeLessThanOrEqual(2 + 2 * 5)
    expect(notes.some(note => note.kind === 'task' && note.state === 'failed')).toBe(true)
    expect(published(cluster).length).toBe(700)
  })

  test('ends a run for cron with the verdict of the API, after one new probe', async () => {
    const cluster = await memoryCluster()
    const { account, source } = task({ cluster, script: { fail: request => (request === 1 || request === 3 ? null : refused) } })

    await expect(account.run()).rejects.toMatchObject({ code: 'API_REJECTED' })
    expect(source.probing.slice(0, 3)).toEqual(['probe', 'forget', 'probe'])
  })

  test('before anything was read fails the account right away', async () => {
    const cluster = await memoryCluster()
    const { account, source } = task({ cluster, script: { fail: () => refused } })

    await expect(account.run()).rejects.toMatchObject({ code: 'API_REJECTED' })
    expect(source.probing).toEqual(['probe', 'forget'])
  })
})

describe('a long run --once', () => {
  const cron = { schedule: [{ name: 'hot', everyMs: MINUTE_MS, spanMs: 6 * DAY_MS }] }

  test('ends although slots grow coarser while it reads: a quarter that an earlier run left half read is read once', async () => {
    const cluster = await memoryCluster()
    const first = new VirtualClock({ startMs: Date.parse('2026-03-10T06:07:30Z') })
    await task({ cluster, clock: first, options: cron }).account.run()
    const later = new VirtualClock({ startMs: Date.parse('2026-03-10T12:14:50Z') })

    const { account, source } = task({
      cluster,
      clock: later,
      script: {
        fail: request => {
          later.pass(4_000)
          return request > 100 ? new Error('reads in a circle') : null
        },
      },
    })

    expect(await account.run()).toBe('covered')
    expect(source.requests()).toBeLessThan(60)
  })

  test('does not begin again from the start when the API fails in the middle', async () => {
    const cluster = await memoryCluster()
    const clock = new VirtualClock({ startMs })
    await task({ cluster, clock: new VirtualClock({ startMs: startMs - MINUTE_MS }) }).account.run()
    const { account, source } = task({
      cluster,
      clock,
      script: {
        pageSize: 1_000,
        fail: request => {
          if (request > 100) return new Error('reads in a circle')
          return request % 3 === 0 ? new ConnectorError('API_UNAVAILABLE', '503') : null
        },
      },
    })

    expect(await account.run()).toBe('covered')
    expect(source.requests()).toBeLessThan(15)
  })
})

describe('what an operator is told', () => {
  test('a failed start is not called running, so that nothing is ready before it was proved', async () => {
    const cluster = await memoryCluster()
    const { account, notes } = task({
      cluster,
      script: { fail: request => (request <= 2 ? new ConnectorError('API_UNAVAILABLE', '503') : null) },
    })

    await account.run()

    const states = notes.flatMap(note => (note.kind === 'task' ? [note.state] : []))
    expect(states.indexOf('running')).toBeGreaterThan(states.indexOf('recalling'))
  })

  test('an account that failed in the middle of its life runs again once it reads again, and its error is gone', async () => {
    for (const code of ['API_UNAUTHORIZED', 'API_UNAVAILABLE'] as const) {
      const cluster = await memoryCluster()
      const { account, notes, stop } = task({
        cluster,
        options: { once: false },
        script: {
          fail: request => (request === 4 ? new ConnectorError(code, 'for once') : null),
          calls: request => {
            if (request > 30) stop()
            return history
          },
        },
      })

      await account.run()

      expect(notes.some(note => note.kind === 'task' && note.error !== undefined)).toBe(true)
      expect(notes.findLast(note => note.kind === 'task')).toEqual({ kind: 'task', state: 'running' })
    }
  })

  test('why the ledger cannot be recalled, each time it is tried', async () => {
    const cluster = await memoryCluster()
    cluster.failNextCommit('reject')
    cluster.failNextCommit('reject')
    const { account, notes } = task({ cluster })

    await account.run()

    const causes = notes.filter(note => note.kind === 'task' && note.state === 'recalling' && note.error !== undefined)
    expect(causes).toHaveLength(2)
  })

  test('a gap is told when it opens and when it closes, not at every read in between', async () => {
    const cluster = await memoryCluster()
    const clock = new VirtualClock({ startMs })
    const restless = callLog({ call_id: 'restless', start_time: startMs - 10 * MINUTE_MS })
    const isRestless = () => clock.now() < startMs + 5 * MINUTE_MS
    const { account, notes, stop } = task({
      cluster,
      clock,
      options: { once: false },
      script: {
        calls: request => {
          if (clock.now() > startMs + 8 * MINUTE_MS) stop()
          return isRestless() ? [{ ...restless, status: `S${request}` }] : [restless]
        },
        total: matches => (isRestless() && matches > 0 ? 9 : matches),
      },
    })

    await account.run()

    const told = notes.flatMap(note => (note.kind === 'gap.opened' || note.kind === 'gap.closed' ? [note.kind] : []))
    expect(told).toEqual(['gap.opened', 'gap.closed'])
  })
})

test('told to stop while a failed account waits, it just stops', async () => {
  const cluster = await memoryCluster()
  const clock = new VirtualClock({ startMs, mode: 'manual' })
  const { account, notes, stop } = task({
    cluster,
    clock,
    options: { once: false },
    script: { fail: () => new ConnectorError('API_UNAUTHORIZED', 'RBC001') },
  })

  const ending = account.run()
  while (!notes.some(note => note.kind === 'task' && note.state === 'failed')) await new Promise(setImmediate)
  stop()

  expect(await ending).toBe('stopped')
})
