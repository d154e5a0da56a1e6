/**
 * Which request goes wrong. Scripted faults go first, in order; then chance decides, from its own stream, so that the same seed and the same
 * requests meet the same faults. How each fault looks on the wire is in `misbehave.ts`.
 */
import type { Dice } from './dice.ts'

export const faultKinds = [
  'hang',
  'reset',
  'truncate',
  'html',
  'http500',
  'http503',
  'rbc001',
  'rbc3004',
  'http429',
  'empty200',
  'oversize',
  'redirect',
  'garbage',
  'error-with-data',
] as const
export type FaultKind = (typeof faultKinds)[number]

export interface ScriptedFault {
  readonly fault: FaultKind
  /** Requests in a row; default 1. */
  readonly count?: number
  /** Requests to let through before; default 0. */
  readonly after?: number
  /** For `http429` and `http503`; default 1 for 429, none for 503. */
  readonly retryAfterSeconds?: number
}

export interface DueFault {
  readonly kind: FaultKind
  readonly retryAfterSeconds: number | null
}

export class FaultPlan {
  private readonly dice: Dice
  private readonly queue: { fault: ScriptedFault; after: number; left: number }[] = []

  constructor(dice: Dice) {
    this.dice = dice
  }

  add(fault: ScriptedFault): void {
    this.queue.push({ fault, after: fault.after ?? 0, left: fault.count ?? 1 })
  }

  /** Scripted faults that have not happened yet. */
  get pending(): number {
    return this.queue.reduce((sum, entry) => sum + entry.left, 0)
  }

  clear(): void {
    this.queue.length = 0
  }

  due(shares: Partial<Record<FaultKind, number>>): DueFault | null {
    const head = this.queue[0]
    if (head !== undefined && head.after > 0) {
      head.after -= 1
      return null
    }
    if (head !== undefined) {
      head.left -= 1
      if (head.left <= 0) this.queue.shift()
      const { fault: kind, retryAfterSeconds = kind === 'http429' ? 1 : null } = head.fault
      return { kind, retryAfterSeconds }
    }
    let roll = this.dice.roll()
    for (const kind of faultKinds) {
      roll -= shares[kind] ?? 0
      if (roll < 0) return { kind, retryAfterSeconds: kind === 'http429' ? this.dice.whole(1, 4) : null }
    }
    return null
  }
}
