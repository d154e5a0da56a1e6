/** A simulated world as the calls behind a `PacedSource`: rows late, changing, in the vendor's shape, and through the real normaliser. */
import { createNormaliser } from '../../src/kaleyra/normalise.ts'
import type { Calls } from './paced-source.ts'
import { type CallVersion, versionAt } from './simulator/call.ts'
import { renderRow } from './simulator/row.ts'
import type { World } from './simulator/world.ts'

export function worldCalls(world: World, order: 'newest' | 'oldest' | 'by-id' = 'newest'): Calls {
  const normalise = createNormaliser({ timeZone: undefined, optIn: [], note: () => undefined })
  let request = 0
  return {
    select(from, until, nowMs) {
      request += 1
      const matches = world.select({ from, until, by: 'start' }, nowMs)
      if (order === 'newest') matches.reverse()
      if (order === 'by-id') matches.sort((a, b) => a.rank - b.rank)
      const rows = (skip: number, most: number) =>
        matches.slice(skip, skip + most).map(call => {
          const { facts } = call.versions[versionAt(call, nowMs)] as CallVersion
          return renderRow(call, facts, world.shape, request)
        })
      return { total: matches.length, rows }
    },
    normalise,
  }
}
