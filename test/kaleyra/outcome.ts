/** What becomes of an answer: the error, how often it was asked for, what of it was booked and published, and everything that was told of it. */
import { inspect } from 'node:util'
import { codeOf, type ErrorCode } from '../../src/errors.ts'
import { type Decision, POLICY } from '../../src/flow/policy.ts'
import { createKaleyraSource } from '../../src/kaleyra/source.ts'
import { HOUR_MS } from '../../src/model/window.ts'
import type { Happening } from '../../src/ports.ts'
import { errorFields } from '../../src/telemetry/error-fields.ts'
import { memoryCluster } from '../support/ledger-on-memory.ts'
import { checkpointOn } from '../support/memory-books.ts'
import { lifeOf } from '../support/one-account.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { API_KEY, countsAll, never, readAll, SID, WINDOW } from './fixture.ts'

/** Something that listens. Its answers may be made of these secrets, which must not be seen again. */
export interface Peer {
  readonly origin: string
  close(): Promise<unknown>
}
export const PHONE = '919876543210'
export const SECRETS = [SID, API_KEY, PHONE]

export interface Outcome {
  readonly code: ErrorCode
  readonly decision: Decision
  /** What a log line would say of the error and its causes. */
  readonly message: string
  /** Requests for one page until it was given up. */
  readonly tries: number
  /** How a whole `run --once` ended, and what it left on the topics. */
  readonly ended: string
  readonly slots: number
  readonly published: number
  /** Everything that anybody could print. */
  readonly shown: string
}

/** `good` requests are answered well before the trouble begins. */
export type Open = (clock: VirtualClock, good: number) => Promise<Peer>

/** Reads a page, then lives a whole account whose probe still goes well, in front of `open`'s peer, which is made anew for each. */
export async function outcomeOf(open: Open, timeoutMs = 5_000): Promise<Outcome> {
  const notes: Happening[] = []
  const facing = async <T>(
    good: number,
    use: (source: ReturnType<typeof createKaleyraSource>, clock: VirtualClock) => Promise<T>,
  ): Promise<T> => {
    const clock = new VirtualClock()
    const peer = await open(clock, good)
    const account = { sid: SID, apiKey: API_KEY, origin: peer.origin, timeoutMs, optIn: [] }
    const source = createKaleyraSource(
      { ...account, pageSize: 100, requestsPerSecond: 1, burst: 1 },
      { clock, random: () => 0.5, note: happening => notes.push(happening) },
    )
    // Its dialect is known: what it takes to find one out is proved elsewhere.
    source.adopt(countsAll)
    try {
      return await use(source, clock)
    } finally {
      await source.close()
      await peer.close()
    }
  }
  const { error, tries } = await facing(0, async source => {
    const failure: unknown = await readAll(source.read(WINDOW, never)).catch((caught: unknown) => caught)
    return { error: failure, tries: source.requests() }
  })
  const cluster = await memoryCluster()
  const ended = await facing(1, (source, clock) =>
    lifeOf({ cluster, source, clock, once: true, startFromMs: HOUR_MS, note: happening => notes.push(happening) })
      .run()
      .catch(codeOf),
  )
  const { error: message, causes = [] } = errorFields(error)
  return {
    code: codeOf(error),
    decision: POLICY[codeOf(error)].decision,
    message: [message, ...causes].join('; '),
    tries,
    ended,
    slots: checkpointOn(cluster)?.coverage.slots.length ?? 0,
    published: cluster.committed('events').length + cluster.committed('dlq').length,
    shown: inspect([error, notes], { depth: 20, showHidden: true }),
  }
}
