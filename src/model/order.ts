/** What an operator may want of an account, and what becomes of it. */
import type { Window } from './window.ts'

export type Order =
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'backfill'; readonly window: Window }

/** `done`: durable. `refused`: nothing was changed, for this reason. `unknown`: it may still be carried out. */
export interface Answer {
  readonly outcome: 'done' | 'refused' | 'unknown'
  readonly text: string
}
