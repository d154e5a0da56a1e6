/** A mistake that somebody could make: exactly one place in a source file, changed. */
export interface Mutation {
  readonly name: string
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** The first seed to try, 1 unless given: where it takes a rare order of things, near one that is known to bring it about. */
  readonly from?: number
}
