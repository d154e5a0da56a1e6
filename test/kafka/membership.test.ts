/** Ownership as the group protocol gives it, on a coordinator in memory and a virtual clock; `group.test.ts` does the same on a real broker. */
import { expect, test } from 'vitest'
import { codeOf } from '../../src/errors.ts'
import { Membership, type MembershipOptions } from '../../src/kafka/membership.ts'
import type { Grant } from '../../src/ports.ts'
import { MemoryGroup, Wire } from '../support/memory-group.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const never = new AbortController().signal

function scene() {
  const clock = new VirtualClock({ mode: 'manual' })
  const group = new MemoryGroup({ clock })
  const instance = (options: Partial<MembershipOptions> = {}) => {
    const wire = new Wire()
    const membership = new Membership({
      connect: async () => group.connect(wire),
      clock,
      group: 'kaleyra',
      brokers: ['localhost:9092'],
      keeps: false,
      ...options,
    })
    const said: string[] = []
    const grants: Grant[] = []
    const acquire = (partition: number) => {
      void membership
        .acquire(partition, () => said.push(`standby ${partition}`), never)
        .then(
          grant => {
            grants.push(grant)
            said.push(`owner ${partition}`)
            grant.revoked.addEventListener('abort', () =>
              said.push(grant.lost.aborted ? `lost ${partition}` : `revoked ${partition}`),
            )
          },
          error => said.push(codeOf(error)),
        )
    }
    return { membership, wire, said, grants, acquire }
  }
  /** In small steps: what one wakes may want to sleep, too. */
  const pass = async (ms: number) => {
    for (let leftMs = ms; leftMs > 0; leftMs -= 100) await clock.advance(100)
  }
  /** One that owns partition 0, and one that stands by. */
  const pair = async () => {
    const [first, second] = [instance(), instance()]
    first.acquire(0)
    await pass(1_000)
    second.acquire(0)
    await pass(5_000)
    return { first, second }
  }
  return { instance, pair, pass }
}

test('the first instance owns, the second stands by, and takes over when the first leaves', async () => {
  const { pair, pass } = scene()
  const { first, second } = await pair()
  expect([first.said, second.said]).toEqual([['owner 0'], ['standby 0']])

  first.grants[0]?.release()
  const left = first.membership.close()
  await pass(100)
  await left
  await pass(3_000)

  expect(second.said).toEqual(['standby 0', 'owner 0'])
})

test('an instance that is not heard for a session loses everything, by its own clock and before anybody else owns it', async () => {
  const { pair, pass } = scene()
  const { first, second } = await pair()

  first.wire.isCut = true
  const order: string[] = []
  first.grants[0]?.lost.addEventListener('abort', () => order.push('lost'))
  for (let second_ = 0; second_ < 40; second_ += 1) {
    await pass(1_000)
    if (second.said.includes('owner 0') && !order.includes('taken')) order.push('taken')
  }

  expect(order).toEqual(['lost', 'taken'])
  expect(first.said).toEqual(['owner 0', 'lost 0'])
})

test('a process that stood still is told by its first question, and stands by from then on', async () => {
  const { pair, pass } = scene()
  const { first, second } = await pair()
  first.wire.isCut = true
  await pass(40_000)
  first.wire.isCut = false

  const confirmed = first.grants[0]?.confirm()
  await pass(1_000)

  expect(await confirmed).toBe(false)
  first.grants[0]?.release()
  await pass(30_000)
  first.acquire(0)
  await pass(5_000)
  expect(first.said).toEqual(['owner 0', 'lost 0', 'standby 0'])
  expect(second.said).toEqual(['standby 0', 'owner 0'])
})

test('a heartbeat after the question confirms that the partition is still ours', async () => {
  const { instance, pass } = scene()
  const first = instance()
  first.acquire(0)
  await pass(1_000)

  const confirmed = first.grants[0]?.confirm()
  await pass(10)

  expect(await confirmed).toBe(true)
})

test('accounts spread over instances: what moves is given back first', async () => {
  const { instance, pass } = scene()
  const [first, second] = [instance(), instance()]
  for (const partition of [0, 1]) first.acquire(partition)
  await pass(1_000)
  for (const partition of [0, 1]) second.acquire(partition)
  await pass(10_000)

  const moved = first.said.find(text => text.startsWith('revoked'))?.slice(-1)
  expect(second.said.filter(text => text.startsWith('owner'))).toEqual([])
  first.grants[Number(moved)]?.release()
  await pass(5_000)

  expect(second.said.filter(text => text.startsWith('owner'))).toEqual([`owner ${moved}`])
})

test('who does not give back in time loses it', async () => {
  const { instance, pass } = scene()
  const [first, second] = [instance({ finishMs: 30_000 }), instance()]
  for (const partition of [0, 1]) first.acquire(partition)
  await pass(1_000)
  second.acquire(0)
  second.acquire(1)
  await pass(10_000)
  const moving = first.grants.find(({ revoked }) => revoked.aborted)
  expect(moving?.lost.aborted).toBe(false)

  await pass(30_000)

  expect(moving?.lost.aborted).toBe(true)
})

test('an instance that ends by itself keeps what it has', async () => {
  const { instance, pass } = scene()
  const [first, second] = [instance({ keeps: true }), instance()]
  for (const partition of [0, 1]) first.acquire(partition)
  await pass(1_000)
  for (const partition of [0, 1]) second.acquire(partition)
  await pass(30_000)

  expect([first.said, second.said]).toEqual([
    ['owner 0', 'owner 1'],
    ['standby 0', 'standby 1'],
  ])
})

test('no coordinator within two sessions: who waits is told, and may wait again', async () => {
  const { instance, pass } = scene()
  const first = instance()
  first.wire.isCut = true
  first.acquire(0)
  await pass(60_000)
  expect(first.said).toEqual(['KAFKA_UNREACHABLE'])

  first.wire.isCut = false
  first.acquire(0)
  await pass(30_000)

  expect(first.said).toEqual(['KAFKA_UNREACHABLE', 'owner 0'])
})

test('a group of another program is refused by name', async () => {
  const { instance, pass } = scene()
  const refusal = Object.assign(new Error('refused'), { type: 'INCONSISTENT_GROUP_PROTOCOL' })
  const first = instance({ connect: () => Promise.reject(refusal) })
  first.acquire(0)
  await pass(1_000)

  expect(first.said).toEqual(['SETTINGS_INVALID'])
})
