/** Accounts of several instances in one group, in virtual time: the real membership on a coordinator in memory, the real flow on Kafka in memory. */
import { expect, test } from 'vitest'
import { Membership } from '../../src/kafka/membership.ts'
import type { CallLog } from '../../src/model/call-log.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/model/window.ts'
import type { Happening, Ownership } from '../../src/ports.ts'
import { callsFrom } from '../support/calls.ts'
import { memoryCluster } from '../support/ledger-on-memory.ts'
import { MemoryGroup, Wire } from '../support/memory-group.ts'
import type { MemoryCluster } from '../support/memory-kafka.ts'
import { lifeOf } from '../support/one-account.ts'
import { ScriptedSource } from '../support/scripted-source.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const startMs = Date.parse('2026-03-10T12:00:30Z')
const history = callsFrom(startMs - 10 * HOUR_MS, 700)
const never = new AbortController().signal

async function scene() {
  const clock = new VirtualClock({ startMs })
  const cluster = await memoryCluster()
  const group = new MemoryGroup({ clock })
  const calls: CallLog[] = [...history]
  const instance = () => {
    const wire = new Wire()
    const [notes, stop] = [[] as Happening[], new AbortController()]
    const membership = new Membership({
      connect: async () => group.connect(wire),
      clock,
      group: 'kaleyra',
      brokers: ['localhost:9092'],
      keeps: false,
    })
    const ownership: Ownership = { acquire: (onStandby, signal) => membership.acquire(0, onStandby, signal) }
    const source = new ScriptedSource({ calls: () => calls, pageSize: 100 })
    const note = (happening: Happening) => void notes.push(happening)
    const ended = lifeOf({ cluster, source, clock, once: false, startFromMs: DAY_MS, ownership, note, stop: stop.signal }).run()
    const until = async (what: (happening: Happening) => boolean, deadlineMs = 10 * MINUTE_MS) => {
      for (let leftMs = deadlineMs; !notes.some(what); leftMs -= SECOND_MS) {
        if (leftMs <= 0) throw new Error(`not within ${deadlineMs} ms; last: ${JSON.stringify(notes.slice(-3))}`)
        await clock.sleep(SECOND_MS, never)
      }
    }
    const leave = async () => {
      stop.abort()
      const ending = await ended
      await membership.close()
      return ending
    }
    return { wire, notes, until, leave, forget: () => notes.splice(0) }
  }
  /** One more call, started a moment ago. */
  const happen = () => calls.push(...callsFrom(clock.now() - MINUTE_MS, 1))
  return { clock, cluster, calls, instance, happen }
}

const isState = (state: string) => (happening: Happening) => happening.kind === 'task' && happening.state === state
const isHot = (happening: Happening) => happening.kind === 'window.read' && happening.schedule === 'hot'
const versions = (cluster: MemoryCluster) =>
  cluster.committed('events').map(({ key, headers }) => `${String(key)} ${headers?.change} ${headers?.revision}`)

test('an instance cut off from Kafka is replaced, stands by when it is back, and takes over again when the other leaves', async () => {
  const { clock, cluster, calls, instance, happen } = await scene()
  const first = instance()
  await first.until(isHot)
  const second = instance()
  await second.until(isState('standby'))

  first.wire.isCut = true
  await second.until(isHot)
  happen()
  await first.until(happening => happening.kind === 'ownership' && happening.change === 'lost')
  first.forget()
  first.wire.isCut = false
  await first.until(isState('standby'))
  second.forget()
  await second.until(isHot)
  expect(second.notes.filter(({ kind }) => kind === 'commit.failed')).toEqual([])

  expect(await second.leave()).toBe('stopped')
  await first.until(isState('running'))
  happen()
  first.forget()
  await clock.sleep(5 * MINUTE_MS, never)
  expect(first.notes.some(isHot)).toBe(true)
  expect(await first.leave()).toBe('stopped')
  expect(versions(cluster).sort()).toEqual(calls.map(({ call_id }) => `${call_id} CREATED 1`).sort())
})

test('fenced although the account is still ours: the producer is opened again and nothing is repeated', async () => {
  const { clock, cluster, calls, instance, happen } = await scene()
  const only = instance()
  await only.until(isHot)
  only.forget()

  cluster.fence('kaleyra-0')
  happen()
  await only.until(happening => happening.kind === 'producer.reopened')
  await clock.sleep(5 * MINUTE_MS, never)

  expect(only.notes).toContainEqual({ kind: 'producer.reopened', reason: 'fenced' })
  expect(only.notes.filter(isState('standby'))).toEqual([])
  expect(await only.leave()).toBe('stopped')
  expect(versions(cluster).sort()).toEqual(calls.map(({ call_id }) => `${call_id} CREATED 1`).sort())
})
