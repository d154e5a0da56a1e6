/**
 * Waiting for something outside this process to become true, by asking again and again: brokers and registries have no
 * event to await. Every wait has a deadline, and the last refusal is kept as the cause of giving up.
 */
import { setTimeout as sleep } from 'node:timers/promises'

export interface Wait {
  /** What is awaited, as the complaint names it: "the broker answers". */
  readonly what: string
  readonly deadlineMs: number
  readonly everyMs?: number
  readonly signal?: AbortSignal | undefined
}

/** Resolves with the first value of `probe` that is not undefined; what it throws counts as "not yet". Aborting ends it at once. */
export async function until<T>(
  { what, deadlineMs, everyMs = 100, signal }: Wait,
  probe: () => Promise<T | undefined>,
): Promise<T> {
  const giveUpAt = Date.now() + deadlineMs
  let refusal: unknown
  for (;;) {
    signal?.throwIfAborted()
    try {
      const found = await probe()
      if (found !== undefined) return found
    } catch (error) {
      refusal = error
    }
    if (Date.now() >= giveUpAt) throw new Error(`Waited ${deadlineMs} ms in vain: ${what}`, { cause: refusal })
    await sleep(everyMs, undefined, { signal }).catch(() => undefined)
  }
}
