/** What stories were made of, in numbers, so that a long run can show that it met everything it is there for. */
import type { Circumstances } from './circumstances.ts'

export interface Tally {
  stories: number
  lives: number
  crashes: number
  ghosts: number
  /** An account that was given away, or an instance that stood by or ended because another one owned it. */
  takeovers: number
  /** Instances cut off from their group. */
  cuts: number
  commitFaults: number
  foreignTransactions: number
  clockJumps: number
  gaps: number
  requests: number
  rows: number
  /** Accounts by what their API made of `page`, `offset` and `total`. */
  readonly dialects: Record<string, number>
}

export function emptyTally(): Tally {
  return {
    ...{ stories: 0, lives: 0, crashes: 0, ghosts: 0, takeovers: 0, cuts: 0, commitFaults: 0, foreignTransactions: 0 },
    ...{ clockJumps: 0, gaps: 0, requests: 0, rows: 0 },
    dialects: {},
  }
}

export function tallyOf({ accounts }: Circumstances): Tally {
  const tally = { ...emptyTally(), stories: 1 }
  for (const { api } of accounts) {
    const name = `page ${api.page}, offset ${api.offset}, total ${api.total}`
    tally.dialects[name] = (tally.dialects[name] ?? 0) + 1
  }
  return tally
}

export function addTally(sum: Tally, { dialects, ...counts }: Tally): void {
  for (const [name, count] of Object.entries(counts)) sum[name as Exclude<keyof Tally, 'dialects'>] += count
  for (const [name, count] of Object.entries(dialects)) sum.dialects[name] = (sum.dialects[name] ?? 0) + count
}
