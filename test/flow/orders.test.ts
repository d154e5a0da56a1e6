/** What an operator orders, in the life of an account on virtual time: durable when answered, and kept by the ledger through restarts and doubt. */
import { describe, expect, test } from 'vitest'
import { ConnectorError } from '../../src/errors.ts'
import type { AccountTask, Ending } from '../../src/flow/account.ts'
import { quantilesOf } from '../../src/model/lateness.ts'
import type { Answer, Order } from '../../src/model/order.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/window.ts'
import type { Happening } from '../../src/ports.ts'
import { callLog } from '../support/calls.ts'
import { clockUntil } from '../support/clock-until.ts'
import { memoryCluster } from '../support/ledger-on-memory.ts'
import { checkpointOn, publishedOn } from '../support/memory-books.ts'
import type { MemoryCluster } from '../support/memory-kafka.ts'
import { type LifeSettings, lifeOf } from '../support/one-account.ts'
import { type Script, ScriptedSource } from '../support/scripted-source.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const startMs = Date.parse('2026-03-10T12:00:30Z')
/** One call a minute for 30 hours. */
const history = Array.from({ length: 1_800 }, (_, index) => {
  const callStartMs = startMs - 30 * HOUR_MS + index * MINUTE_MS
  return callLog({ call_id: `call-${index}`, start_time: callStartMs, end_time: callStartMs + 20_000 })
})
const never = new AbortController().signal
const pause: Order = { kind: 'pause' }
const resume: Order = { kind: 'resume' }
const hours = (from: number, until: number): Order => ({
  kind: 'backfill',
  window: { fromMs: startMs - from * HOUR_MS, untilMs: startMs - until * HOUR_MS },
})

interface Setup extends Partial<Omit<LifeSettings, 'cluster' | 'source' | 'note' | 'stop'>> {
  readonly cluster: MemoryCluster
  readonly script?: Partial<Script>
  readonly atMs?: number
  /** Told everything; may give orders. */
  readonly on?: (happening: Happening, life: Life) => void
}

interface Life {
  readonly task: AccountTask
  readonly source: ScriptedSource
  readonly notes: Happening[]
  readonly ended: Promise<Ending>
  give(order: Order): Promise<Answer>
  stop(): void
}

function live({ cluster, script, atMs = startMs, on = () => {}, ...settings }: Setup): Life {
  const notes: Happening[] = []
  const stop = new AbortController()
  const source = new ScriptedSource({ calls: () => history, pageSize: 100, ...script })
  const clock = settings.clock ?? new VirtualClock({ startMs: atMs })
  const begun = Promise.withResolvers<Life>()
  const note = (happening: Happening) => {
    notes.push(happening)
    void begun.promise.then(life => on(happening, life))
  }
  const task = lifeOf({ once: false, startFromMs: HOUR_MS, ...settings, cluster, source, clock, note, stop: stop.signal })
  const give = (order: Order) => task.attention.orders.give(order, never)
  const life: Life = { task, source, notes, ended: task.run(), give, stop: () => stop.abort() }
  begun.resolve(life)
  return life
}

const once = <T>(act: (life: Life) => Promise<T>, kind: Happening['kind'] = 'window.read', state?: string) => {
  const acted = Promise.withResolvers<T>()
  let isDone = false
  const on = (happening: Happening, life: Life) => {
    if (isDone || happening.kind !== kind) return
    if (state !== undefined && !(happening.kind === 'task' && happening.state === state)) return
    isDone = true
    act(life).then(acted.resolve, acted.reject)
  }
  return { on, acted: acted.promise }
}

type On = NonNullable<Setup['on']>
const both =
  (one: On, other: On): On =>
  (happening, life) => {
    one(happening, life)
    other(happening, life)
  }

/** Calls between 20 and 10 hours before the start. */
const readByBackfill = (cluster: MemoryCluster) =>
  publishedOn(cluster).filter(({ content }) => {
    const atMs = Number(content?.start_time)
    return content?.read_by === 'backfill' && startMs - 20 * HOUR_MS <= atMs && atMs < startMs - 10 * HOUR_MS
  })

const states = (life: Life) => life.notes.flatMap(note => (note.kind === 'task' ? [note.state] : []))
const schedules = (life: Life) => life.notes.flatMap(note => (note.kind === 'window.read' ? [note.schedule] : []))

/** Where an earlier life was told to pause. */
async function pausedBefore(): Promise<MemoryCluster> {
  const cluster = await memoryCluster()
  const { on, acted } = once(life => life.give(pause))
  const life = live({ cluster, on })
  await acted
  life.stop()
  await life.ended
  return cluster
}

describe('pause', () => {
  test('is durable when it is answered, and from then on nothing is asked of the API', async () => {
    const cluster = await memoryCluster()
    const { on, acted } = once(async life => ({ answer: await life.give(pause), asked: life.source.requests() }))
    const life = live({ cluster, on })

    const { answer, asked } = await acted
    const kept = checkpointOn(cluster)?.paused
    life.stop()

    expect([await life.ended, answer.outcome, kept, life.source.requests(), states(life).at(-1)]).toEqual([
      'stopped',
      'done',
      true,
      asked,
      'paused',
    ])
  })

  test('survives a restart without one request, not even a probe, and ends with resume', async () => {
    const cluster = await pausedBefore()

    const second = once(async life => [life.source.requests(), await life.give(resume)] as const, 'task', 'paused')
    const read = once(async life => life.stop())
    const life = live({ cluster, atMs: startMs + HOUR_MS, on: both(second.on, read.on) })
    const [askedWhilePaused, answer] = await second.acted
    await life.ended

    expect([askedWhilePaused, answer.outcome, states(life)]).toEqual([0, 'done', ['recalling', 'paused', 'running']])
    expect(life.source.probing).toContain('probe')
    expect(life.source.reads.length).toBeGreaterThan(0)
    expect(checkpointOn(cluster)?.paused).toBe(false)
  })

  test('cuts a long read short: what was read is committed, the rest is read after resume, nothing twice', async () => {
    const cluster = await memoryCluster()
    let life: Life | null = null
    let asked = 0
    const answer = Promise.withResolvers<Answer>()
    life = live({
      cluster,
      startFromMs: 20 * HOUR_MS,
      script: {
        calls: request => {
          asked = request
          if (request === 5) void life?.give(pause).then(answer.resolve)
          return history
        },
      },
    })
    await answer.promise
    const askedBefore = asked
    const committed = publishedOn(cluster).length

    const resumed = await life.give(resume)
    await expect.poll(() => publishedOn(cluster).length).toBe(1_199)
    life.stop()
    await life.ended

    expect(resumed.outcome).toBe('done')
    expect(askedBefore).toBeLessThanOrEqual(6)
    expect(committed).toBeGreaterThan(0)
    expect(new Set(publishedOn(cluster).map(({ callId }) => callId)).size).toBe(publishedOn(cluster).length)
  })

  test.each(['reject', 'failAfterWrite'] as const)('is carried out in the end when its commit ends in %s', async fault => {
    const cluster = await memoryCluster()
    const { on, acted } = once(life => {
      cluster.failNextCommit(fault)
      return life.give(pause)
    })
    const life = live({ cluster, on })

    const answer = await acted
    life.stop()
    await life.ended

    expect([answer.outcome, checkpointOn(cluster)?.paused]).toEqual(['done', true])
    expect(life.notes.filter(note => note.kind === 'recalled')).toHaveLength(2)
  })

  test('makes a run for cron read nothing and say so', async () => {
    const cluster = await pausedBefore()

    const life = live({ cluster, once: true, atMs: startMs + HOUR_MS })

    expect([await life.ended, life.source.requests()]).toEqual(['paused', 0])
  })
})

describe('backfill', () => {
  test('reads a range from before the beginning of the books, publishes it, and is done', async () => {
    const cluster = await memoryCluster()
    const { on, acted } = once(life => life.give(hours(20, 10)))
    const done = once(async life => life.stop(), 'backfill.done')
    const life = live({ cluster, on: both(on, done.on) })

    const answer = await acted
    const ordered = checkpointOn(cluster)?.backfills
    await life.ended

    expect([answer.outcome, ordered]).toMatchObject(['done', [{ fromMs: startMs - 20 * HOUR_MS, orderedMs: expect.any(Number) }]])
    expect(checkpointOn(cluster)?.backfills).toEqual([])
    expect(schedules(life)).toContain('backfill')
    expect(readByBackfill(cluster)).toHaveLength(600)
  })

  test('survives the end of the process before anything of it was read', async () => {
    const cluster = await memoryCluster()
    const first = once(async life => {
      await life.give(hours(20, 10))
      life.stop()
    })
    const before = live({ cluster, on: first.on })
    await before.ended
    const { fromMs, untilMs } = checkpointOn(cluster)?.backfills[0] ?? { fromMs: 0, untilMs: 0 }
    expect(checkpointOn(cluster)?.backfills[0]?.left).toEqual([{ fromMs, untilMs }])

    const done = once(async life => life.stop(), 'backfill.done')
    const life = live({ cluster, atMs: startMs + MINUTE_MS, on: done.on })
    await life.ended

    expect(readByBackfill(cluster)).toHaveLength(600)
  })

  test('of what is known publishes only what is new or changed', async () => {
    const cluster = await memoryCluster()
    const changed = history.map((call, index) => (index === 1_795 ? { ...call, cost: 7_000_000n } : call))
    let ordered = false
    const { on, acted } = once(life => {
      ordered = true
      return life.give(hours(1, 0))
    })
    const done = once(async life => life.stop(), 'backfill.done')
    const script = { calls: () => (ordered ? changed : history) }
    const life = live({ cluster, script, on: both(on, done.on) })
    await acted
    await life.ended

    expect(publishedOn(cluster).filter(({ revision }) => revision > 1)).toMatchObject([
      { callId: history[1_795]?.call_id, revision: 2 },
    ])
  })

  test('older than the API keeps is refused, and the ledger is left alone', async () => {
    const cluster = await memoryCluster()
    const { on, acted } = once(life => life.give(hours(200, 190)))
    const life = live({ cluster, on })

    const answer = await acted
    life.stop()
    await life.ended

    expect(answer).toEqual({ outcome: 'refused', text: expect.stringContaining('the API keeps 6 days') })
    expect(checkpointOn(cluster)?.backfills).toEqual([])
  })

  test('that a run for cron finds in the ledger is due in it', async () => {
    const cluster = await memoryCluster()
    const first = once(async life => {
      await life.give(hours(20, 10))
      life.stop()
    })
    await live({ cluster, on: first.on }).ended

    expect(await live({ cluster, once: true, atMs: startMs + MINUTE_MS }).ended).toBe('covered')

    expect(checkpointOn(cluster)?.backfills).toEqual([])
  })
})

describe('an account that cannot take orders', () => {
  test('has claimed nothing yet: pause is refused with its error, resume tries again at once', async () => {
    const cluster = await memoryCluster()
    const clock = new VirtualClock({ startMs, mode: 'manual' })
    let isRefused = true
    const failed = once(async life => {
      const answer = await life.give(pause)
      isRefused = false
      return [answer, await life.give(resume)] as const
    }, 'task')
    const read = once(async life => life.stop())
    const life = live({
      cluster,
      clock,
      script: { fail: () => (isRefused ? new ConnectorError('API_UNAUTHORIZED', 'RBC001', { apiCode: 'RBC001' }) : null) },
      on: both(failed.on, read.on),
    })

    const [paused, resumed] = await failed.acted
    await life.ended

    expect([paused.outcome, paused.text, resumed.outcome]).toEqual(['refused', 'the account is not claimed yet: RBC001', 'done'])
    // Not a minute of virtual time had to pass.
    expect([states(life)[0], clock.now()]).toEqual(['failed', startMs])
  })

  test('stands by: it says so, for every order', async () => {
    const cluster = await memoryCluster()
    const { on, acted } = once(life => Promise.all([pause, resume, hours(2, 1)].map(order => life.give(order))), 'task')
    const ownership: LifeSettings['ownership'] = {
      acquire: (onStandby, signal) => {
        onStandby()
        return new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(new ConnectorError('STOPPED', 'stopped'))),
        )
      },
    }
    const life = live({ cluster, ownership, on })

    const answers = await acted
    life.stop()
    await life.ended

    const refused = { outcome: 'refused', text: 'this instance stands by: another one reads the account' }
    expect(answers).toEqual([refused, refused, refused])
  })
})

describe('lateness', () => {
  test('of calls that an earlier read did not show is kept by the ledger, and by no restart counted anew', async () => {
    const cluster = await memoryCluster()
    const endMs = startMs + 25 * MINUTE_MS
    const late = callLog({ call_id: 'late', start_time: startMs - 5 * MINUTE_MS, end_time: startMs - 4 * MINUTE_MS })
    const world = new VirtualClock({ startMs })
    const script = { calls: () => (world.now() >= startMs + 10 * MINUTE_MS ? [...history, late] : history) }
    const { own, stop } = clockUntil(world, endMs)
    const source = new ScriptedSource({ calls: script.calls, pageSize: 100 })
    await lifeOf({ cluster, source, clock: own, once: false, startFromMs: HOUR_MS, stop }).run()

    const first = checkpointOn(cluster)?.lateness
    await live({ cluster, once: true, atMs: endMs + DAY_MS, startFromMs: HOUR_MS, script: { calls: () => [...history, late] } })
      .ended
    const second = checkpointOn(cluster)?.lateness

    expect(first && quantilesOf(first, ['late'])).toMatchObject({ count: 1, p999: 15 * MINUTE_MS })
    expect(first?.newer.get('reach:hot')).toBeDefined()
    expect(second && quantilesOf(second, ['late']).count).toBe(1)
  })
})
