/** Changed record settings in the whole flow: lives of one account, one after the other, on one ledger, with the real normaliser and encoder. */
import { expect, test } from 'vitest'
import { createEncoder } from '../../src/avro/encoder.ts'
import type { AccountOptions } from '../../src/flow/account.ts'
import { createNormaliser, type NormaliserOptions } from '../../src/kaleyra/normalise.ts'
import type { CallLogEvent } from '../../src/model/call-log.ts'
import { HOUR_MS } from '../../src/model/window.ts'
import type { CommitSummary, Happening } from '../../src/ports.ts'
import { memoryCluster } from '../support/ledger-on-memory.ts'
import { lifeOf } from '../support/one-account.ts'
import { RowSource } from '../support/row-source.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const UNENCODABLE = 'UNENCODABLE'
const startMs = Date.parse('2026-03-10T12:00:30Z')
type Raw = Readonly<Record<string, unknown>>
const rowsOf = (change: Raw = {}): Raw[] =>
  Array.from({ length: 5 }, (_, index) => ({
    call_id: `call-${index}`,
    from: `91980000000${index}`,
    to: '919800000009',
    start_time: new Date(startMs - HOUR_MS + index * 1_000).toISOString(),
    end_time: new Date(startMs - HOUR_MS + index * 1_000 + 30_000).toISOString(),
    status: 'ANSWER',
    duration: 30,
    provider: 'Airtel',
    ...(index === 0 && change),
  }))

interface Life {
  readonly rows: readonly Raw[]
  readonly rules: string
  readonly reading?: Partial<NormaliserOptions>
  readonly options?: Partial<AccountOptions>
}

async function account() {
  const cluster = await memoryCluster()
  let lives = 0
  const published = () =>
    cluster.committed('events').map(({ key, headers }) => `${String(key)} ${headers?.change} ${headers?.revision}`)
  /** One `run --once` in a process of its own: what it published and counted. */
  const live = async ({ rows, rules, reading, options }: Life) => {
    const before = published()
    const letters = cluster.committed('dlq').length
    const counts = { rebased: 0, suppressed: 0 }
    const note = (happening: Happening) => {
      if (happening.kind === 'committed') add(counts, happening.commit)
    }
    lives += 1
    const clock = new VirtualClock({ startMs: startMs + lives * 1_000 })
    const source = new RowSource(rows, createNormaliser({ timeZone: undefined, optIn: [], note: () => undefined, ...reading }))
    const encoder = createEncoder(1)
    // As a topic's schema may refuse what the normaliser lets through.
    const encode = (event: CallLogEvent) => encoder.encode(event.status === UNENCODABLE ? { ...event, cost: 2n ** 70n } : event)
    const settings = { cluster, source, clock, once: true, startFromMs: 3 * HOUR_MS, note, rules, encode }
    await lifeOf({ ...settings, ...(options && { options }) }).run()
    const events = published().filter(line => !before.includes(line))
    expect(new Set(published()).size).toBe(published().length)
    return { ...counts, events, letters: cluster.committed('dlq').length - letters }
  }
  return live
}

function add(counts: { rebased: number; suppressed: number }, { rebased, suppressed }: CommitSummary): void {
  counts.rebased += rebased
  counts.suppressed += suppressed
}

const ALL = ['call-0', 'call-1', 'call-2', 'call-3', 'call-4']

test.each<[string, Partial<NormaliserOptions>]>([
  ['privacy', { privacy: { from_number: 'mask', to_number: 'drop', bridge_number: 'plain' } }],
  ['opt-in', { optIn: ['operator'] }],
  ['the release', {}],
])('a change of %s re-bases every call without publishing one, and the next real change is UPDATED', async (_, reading) => {
  const live = await account()
  await live({ rows: rowsOf(), rules: 'before' })

  const after = await live({ rows: rowsOf(), rules: 'after', reading })
  const changed = await live({ rows: rowsOf({ status: 'BUSY' }), rules: 'after', reading })

  expect(after).toEqual({ events: [], letters: 0, rebased: 5, suppressed: 0 })
  expect(changed).toEqual({ events: ['call-0 UPDATED 2'], letters: 0, rebased: 0, suppressed: 0 })
})

test('with onRulesChange: publish the calls shown otherwise are UPDATED once, the others re-based', async () => {
  const live = await account()
  const rows = rowsOf({ provider: null })
  const options: Life['options'] = { onRulesChange: 'publish' }
  await live({ rows, rules: 'before', options })

  const after = await live({ rows, rules: 'after', reading: { optIn: ['operator'] }, options })
  const again = await live({ rows, rules: 'after', reading: { optIn: ['operator'] }, options })

  expect(after.events.sort()).toEqual(ALL.slice(1).map(id => `${id} UPDATED 2`))
  expect(after.rebased).toBe(1)
  expect(again).toEqual({ events: [], letters: 0, rebased: 0, suppressed: 0 })
})

test('with updates: suppress a change is counted and not published; published again, the next one is revision 2', async () => {
  const live = await account()
  const options: Life['options'] = { updates: 'suppress' }
  await live({ rows: rowsOf(), rules: 'suppress', options })

  const held = await live({ rows: rowsOf({ status: 'BUSY' }), rules: 'suppress', options })
  const back = await live({ rows: rowsOf({ status: 'BUSY' }), rules: 'publish' })
  const next = await live({ rows: rowsOf({ status: 'FAILED' }), rules: 'publish' })

  expect(held).toEqual({ events: [], letters: 0, rebased: 0, suppressed: 1 })
  expect(back).toEqual({ events: [], letters: 0, rebased: 5, suppressed: 0 })
  expect(next.events).toEqual(['call-0 UPDATED 2'])
})

test('a row that only a time zone makes readable is a dead letter first and CREATED later, though changes of rules are adopted', async () => {
  const live = await account()
  const rows = rowsOf({ start_time: '2026-03-10 16:30:00' })

  const before = await live({ rows, rules: 'before' })
  const after = await live({ rows, rules: 'after', reading: { timeZone: 'Asia/Kolkata' } })

  expect(before).toMatchObject({ letters: 1 })
  expect(before.events.sort()).toEqual(ALL.slice(1).map(id => `${id} CREATED 1`))
  expect(after).toMatchObject({ events: ['call-0 CREATED 1'], letters: 0 })
})

test('an event that no record can hold is a dead letter once, under later rules too, and CREATED as soon as it fits', async () => {
  const live = await account()
  const rows = rowsOf({ status: UNENCODABLE })

  const first = await live({ rows, rules: 'one' })
  const again = await live({ rows, rules: 'one' })
  const refusedAgain = await live({ rows, rules: 'two' })
  const fits = await live({ rows: rowsOf(), rules: 'two' })

  expect([first.letters, again.letters, refusedAgain.letters, fits.letters]).toEqual([1, 0, 0, 0])
  expect(refusedAgain).toMatchObject({ events: [], rebased: 5 })
  expect(fits.events).toEqual(['call-0 CREATED 1'])
})
