/**
 * Settings that the contract names and this release does not build yet. Using one is refused: a setting that is accepted and ignored does
 * what its owner asked not to be done. A row leaves this table when its feature arrives.
 */
import type { Complaint } from './complaints.ts'
import { placesAt } from './settings-tree.ts'

interface Row {
  /** As `placesAt` reads it. */
  readonly at: string
  readonly uses: (value: unknown) => boolean
  readonly instead: string
}

const anything = () => true
const oneOf =
  (...names: string[]) =>
  (value: unknown) =>
    typeof value === 'string' && names.includes(value)

const ROWS: readonly Row[] = [{ at: 'kafka.sasl.mechanism', uses: oneOf('oauthbearer'), instead: 'use scram-sha-512' }]

/** A complaint for each use of a setting that is not built yet. */
export function notBuiltYet(settings: unknown): Complaint[] {
  return ROWS.flatMap(({ at, uses, instead }) =>
    placesAt(settings, at)
      .filter(({ value }) => uses(value))
      .map(({ path }) => ({
        path,
        rule: `not built yet; ${instead}`,
        shown: uses === anything ? ('kind' as const) : ('value' as const),
      })),
  )
}
