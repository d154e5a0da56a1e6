/**
 * Checks that rest on each other: each runs as soon as what it needs has succeeded, side by side with the rest, and is told about in the order
 * of the list. What needs something that failed is not checked and says so; everything else is.
 */
import { ConnectorError, codeOf } from '../errors.ts'
import { POLICY } from '../flow/policy.ts'

export type State = 'ok' | 'warning' | 'failed' | 'not_checked'

export interface Finding {
  readonly name: string
  readonly state: State
  /** One line: what was found. */
  readonly found: string
  /** What to do about it; `null` when there is nothing to do. */
  readonly remedy: string | null
}

export interface Outcome {
  readonly state: State
  readonly found: string
  readonly remedy?: string
}

export interface Check {
  readonly name: string
  /** Earlier checks that must not have failed. */
  readonly needs?: readonly string[]
  /** Earlier checks that must only have ended. */
  readonly after?: readonly string[]
  /** A coded error means failed, with the remedy of its code. */
  run(signal: AbortSignal): Promise<Outcome>
}

/**
 * Findings in the order of `checks`. `underWay` is told which run just now, whenever that changes. An error that is not coded is thrown; when
 * `signal` aborts, what has not ended is not checked.
 */
export async function* runChecks(
  checks: readonly Check[],
  signal: AbortSignal,
  underWay: (names: readonly string[]) => void,
): AsyncGenerator<Finding, void, void> {
  const findings = new Map<string, Promise<Finding>>()
  const running = new Set<string>()
  const tracked = async (check: Check) => {
    underWay([...running.add(check.name)])
    try {
      return await check.run(signal)
    } finally {
      running.delete(check.name)
      underWay([...running])
    }
  }
  for (const check of checks) {
    const endOf = (names: readonly string[] = []) => Promise.all(names.map(name => earlier(findings, name)))
    const run = () => tracked(check)
    const finding = settle({ ...check, run }, endOf(check.needs), endOf(check.after), signal)
    // Its error is thrown when its turn comes.
    finding.catch(() => undefined)
    findings.set(check.name, finding)
  }
  for (const finding of findings.values()) yield await finding
}

async function settle(
  { name, run }: Check,
  needed: Promise<readonly Finding[]>,
  before: Promise<readonly Finding[]>,
  signal: AbortSignal,
): Promise<Finding> {
  const [ends] = await Promise.all([needed, before])
  const missing = ends.filter(({ state }) => state === 'failed' || state === 'not_checked')
  if (missing.length > 0) return skipped(name, `needs ${missing.map(each => each.name).join(', ')}`)
  if (signal.aborted) return skipped(name, 'stopped')
  try {
    const { state, found, remedy = null } = await run(signal)
    return { name, state, found, remedy }
  } catch (error) {
    if (codeOf(error) === 'BUG' || !(error instanceof ConnectorError)) throw error
    if (error.code === 'STOPPED') return skipped(name, 'stopped')
    return { name, state: 'failed', found: error.message, remedy: POLICY[error.code].remedy }
  }
}

function skipped(name: string, why: string): Finding {
  return { name, state: 'not_checked', found: `not checked: ${why}`, remedy: null }
}

function earlier(findings: ReadonlyMap<string, Promise<Finding>>, name: string): Promise<Finding> {
  const finding = findings.get(name)
  if (finding === undefined) throw new ConnectorError('BUG', `no earlier check is called ${name}`)
  return finding
}

export const ok = (found: string): Outcome => ({ state: 'ok', found })
export const warning = (found: string, remedy: string): Outcome => ({ state: 'warning', found, remedy })
export const failed = (found: string, remedy: string): Outcome => ({ state: 'failed', found, remedy })
