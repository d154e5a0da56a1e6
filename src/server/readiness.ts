/**
 * When to say "ready". Sticky for each account, so that a bad hour of the API or of one account does not make an orchestrator replace a
 * process that is fine; and taken back at the first stop signal, so that nobody counts on a process that is leaving.
 */
import type { TaskState } from '../ports.ts'

export interface Readiness {
  /**
   * An account that runs has proved reading, encoding and publishing; one that stands by is ready to take over; one that is paused has nothing to
   * prove until somebody resumes it, and must not hold up an update.
   */
  note(account: string, state: TaskState): void
  /** The first stop signal; final. */
  stopping(): void
  /** Whether every account has run, stood by or been paused at least once. */
  ready(): boolean
}

export function createReadiness(accounts: readonly string[]): Readiness {
  const unproved = new Set(accounts)
  let isStopping = false
  return {
    note(account, state) {
      if (state === 'running' || state === 'standby' || state === 'paused') unproved.delete(account)
    },
    stopping() {
      isStopping = true
    },
    ready: () => unproved.size === 0 && !isStopping,
  }
}
