/**
 * When to say "ready". Sticky, so that a bad hour of the API or of one account does not make an orchestrator replace a process that is
 * fine; and taken back at the first stop signal, so that nobody counts on a process that is leaving.
 */
import type { TaskState } from '../ports.ts'

export interface Readiness {
  /** Any account that runs has proved reading, encoding and publishing; one that stands by is ready to take over. */
  note(state: TaskState): void
  /** The first stop signal; final. */
  stopping(): void
  ready(): boolean
}

export function createReadiness(): Readiness {
  let phase: 'starting' | 'ready' | 'stopping' = 'starting'
  return {
    note(state) {
      if (phase === 'starting' && (state === 'running' || state === 'standby')) phase = 'ready'
    },
    stopping() {
      phase = 'stopping'
    },
    ready: () => phase === 'ready',
  }
}
