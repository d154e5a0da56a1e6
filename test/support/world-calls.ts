/** A simulated world as the calls behind a `PacedSource`: rows late and changing, in the vendor's shape, through the real normaliser once each. */
import { createNormaliser } from '../../src/kaleyra/normalise.ts'
import type { Row } from '../../src/model/call-log.ts'
import type { Calls } from './paced-source.ts'
import { type CallFacts, type CallVersion, type SimulatedCall, versionAt } from './simulator/call.ts'
import { renderRow } from './simulator/row.ts'
import type { World } from './simulator/world.ts'

export function worldCalls(world: World, order: 'newest' | 'oldest' | 'by-id' = 'newest'): Calls {
  const normalise = createNormaliser({ timeZone: undefined, optIn: [], note: () => undefined })
  const known = new WeakMap<CallFacts, Row>()

  function rowOf(call: SimulatedCall, nowMs: number): Row {
    const { facts } = call.versions[versionAt(call, nowMs)] as CallVersion
    const row = known.get(facts) ?? (normalise([renderRow(call, facts, world.shape)])[0] as Row)
    known.set(facts, row)
    return row
  }
  return {
    select(from, until, nowMs) {
      const matches = world.select({ from, until, by: 'start' }, nowMs)
      if (order === 'newest') matches.reverse()
      if (order === 'by-id') matches.sort((a, b) => a.rank - b.rank)
      return {
        total: matches.length,
        rows: (skip, most) => matches.slice(skip, skip + most).map(call => rowOf(call, nowMs)),
      }
    },
  }
}
