/** Counts what the commits of one window came to, for its log line. */
import type { CommitSummary, WindowCounts } from '../ports.ts'

export class Tally {
  private readonly sums = { rows: 0, created: 0, updated: 0, repeats: 0, rebased: 0, suppressed: 0, bad: 0 }

  add(commit: CommitSummary): void {
    this.sums.rows += commit.rows
    this.sums.created += commit.created
    this.sums.updated += commit.updated
    this.sums.repeats += commit.repeats
    this.sums.rebased += commit.rebased
    this.sums.suppressed += commit.suppressed
    for (const count of Object.values(commit.deadLetters)) this.sums.bad += count
  }

  counts(requests: number): WindowCounts {
    return { ...this.sums, requests }
  }
}
