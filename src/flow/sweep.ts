/** The story in one paragraph: read a window, sift what is news, encode it, commit it together with what is now covered. */
import { book, check, openGap, type Proved } from '../model/coverage.ts'
import type { Due } from '../model/schedule.ts'
import { type SiftOptions, sift } from '../model/sift.ts'
import type { AccountState } from '../model/state.ts'
import type { Clock } from '../ports.ts'
import type { Committer } from './committer.ts'
import type { Packer } from './pack.ts'
import type { WindowReader } from './read.ts'

export interface Sweep {
  readonly account: string
  readonly options: SiftOptions
  readonly reader: Pick<WindowReader, 'read'>
  readonly packer: Packer
  readonly committer: Committer
  readonly clock: Clock
}

/** Ends the reading, and ends everything. */
export interface Stop {
  readonly soft: AbortSignal
  readonly hard: AbortSignal
}

/**
 * Resolves when everything read is durable together with the coverage it proved; a soft stop only ends the reading early. Throws the error
 * that ended the reading, after the same; throws `FENCED`, `COMMIT_UNKNOWN` or another error of the commit, and then the state is void.
 */
export async function sweep(parts: Sweep, due: Due, state: AccountState, stop: Stop): Promise<void> {
  const { account, options, reader, packer, committer, clock } = parts
  const proved: Proved[] = []
  let failure: unknown = null
  for await (const step of reader.read(due, stop.soft)) {
    const observedAtMs = clock.now()
    if (step.kind === 'rows') {
      const news = sift(state.seen, step.calls, step.bad, { ...due, account, rules: state.rules, observedAtMs }, options)
      for (const packed of packer.add(news, state.seen)) await committer.commit(state, packed, stop.hard)
    } else if (step.kind === 'proved') {
      proved.push(step.proved)
      state.coverage = book(state.coverage, proved, observedAtMs)
    } else if (step.kind === 'unchanged') {
      state.coverage = check(state.coverage, step.window, step.checkedMs)
    } else if (step.kind === 'gap') {
      state.coverage = openGap(state.coverage, step.window, step.reason, observedAtMs)
    } else {
      failure = step.error
    }
  }
  await committer.commit(state, packer.take(), stop.hard)
  await committer.drain()
  if (failure !== null) throw failure
}
