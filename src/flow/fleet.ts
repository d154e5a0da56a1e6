/**
 * The accounts of one process, and what the end of one means for the others. Under plain `run` an account that the API refuses never gets
 * here: it waits in its own life and is tried again. What gets here ends the program, and how it ends depends on whose fault it is:
 *
 *   the API, with --once   this account is done; the others finish what is due, then the program ends with 3
 *   everything else        the others stop reading, commit what they have read, and the program ends with the code of the first error
 */
import { ConnectorError, codeOf } from '../errors.ts'
import { instantText, SECOND_MS } from '../model/window.ts'
import type { Clock, Happening } from '../ports.ts'
import type { Ending } from './account.ts'
import { POLICY } from './policy.ts'
import type { Stop } from './sweep.ts'

/** One account's life. */
export interface Member {
  readonly account: string
  /** Throws the error that ends it. Called once. */
  run(): Promise<Ending>
  /** Until when the API told this account to stay away, epoch milliseconds; 0 when it did not. */
  notBeforeMs(): number
  note(happening: Happening): void
}

export interface FleetOptions {
  /** Each account reads what is due and ends. */
  readonly once: boolean
  readonly clock: Clock
  /** Told when an error of one account begins to stop the others. */
  readonly onStopping: () => void
}

/** Longer than a commit may take, so that only something that hangs is cut off. */
const FINISHING_MS = 30 * SECOND_MS

/** Worst last. */
const ENDINGS: readonly Ending[] = ['covered', 'stopped', 'paused', 'unproved']

/** Resolves with the worst ending, or throws the worst error, when every account has ended: nothing of theirs runs any more. */
export async function runFleet(
  launch: (stop: Stop) => readonly Member[],
  stop: Stop,
  { once, clock, onStopping }: FleetOptions,
): Promise<Ending> {
  const [soft, hard, ended] = [new AbortController(), new AbortController(), new AbortController()]
  const own: Stop = {
    soft: AbortSignal.any([stop.soft, soft.signal]),
    hard: AbortSignal.any([stop.hard, hard.signal]),
  }
  const members = launch(own)
  const failures: unknown[] = []

  const stopOthers = () => {
    if (own.soft.aborted) return
    onStopping()
    soft.abort()
    clock.sleep(FINISHING_MS, ended.signal).then(
      () => hard.abort(),
      () => undefined,
    )
  }
  const live = async (member: Member): Promise<Ending> => {
    try {
      return await member.run()
    } catch (error) {
      if (own.soft.aborted && codeOf(error) === 'STOPPED') return 'stopped'
      failures.push(named(member, error, members.length > 1, clock.now()))
      if (members.length > 1) member.note({ kind: 'task', state: 'failed', error, remedy: POLICY[codeOf(error)].remedy })
      if (!(once && isOfApi(error))) stopOthers()
      return 'stopped'
    }
  }

  const endings = await Promise.all(members.map(live))
  ended.abort()
  if (failures.length > 0) throw failures.find(error => !isOfApi(error)) ?? failures[0]
  return ENDINGS.findLast(ending => endings.includes(ending)) ?? 'covered'
}

function isOfApi(error: unknown): boolean {
  return POLICY[codeOf(error)].exitCode === 3
}

/** Says whose error it is when there are several accounts, and when to come back when the API said so. A bug keeps its stack. */
function named(member: Member, error: unknown, isOneOfSeveral: boolean, nowMs: number): unknown {
  if (!(error instanceof ConnectorError)) return error
  const notBeforeMs = member.notBeforeMs()
  const whose = isOneOfSeveral ? `account "${member.account}": ` : ''
  const until = isOfApi(error) && notBeforeMs > nowMs ? `; the API asked to stay away until ${instantText(notBeforeMs)}` : ''
  if (whose === '' && until === '') return error
  const { code, message, cause, retryAfterMs } = error
  return new ConnectorError(code, `${whose}${message}${until}`, { cause, ...(retryAfterMs !== undefined && { retryAfterMs }) })
}
