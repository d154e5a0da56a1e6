/** A ledger partition while it is ours: who of ours uses it, whether it is to be given back, and who wants to know if it is still ours. */
import type { Clock, Grant } from '../ports.ts'

export interface HoldingOptions {
  readonly clock: Clock
  /** Somebody wants to know at once whether it is still ours. */
  readonly onAsked: () => void
  /** It was to be given back, and nobody of ours uses it any more. */
  readonly onFree: () => void
}

export class Holding {
  readonly #options: HoldingOptions
  readonly #revoked = new AbortController()
  readonly #lost = new AbortController()
  readonly #free = new AbortController()
  readonly #asked = new Set<{ readonly askedMs: number; readonly answer: (isOurs: boolean) => void }>()
  #users = 0

  constructor(options: HoldingOptions) {
    this.#options = options
  }

  get users(): number {
    return this.#users
  }

  get isRevoked(): boolean {
    return this.#revoked.signal.aborted
  }

  /** For one more account. */
  take(): Grant {
    this.#users += 1
    let isReleased = false
    return {
      revoked: this.#revoked.signal,
      lost: this.#lost.signal,
      confirm: () => this.#confirm(),
      release: () => {
        if (isReleased) return
        isReleased = true
        this.#users -= 1
        this.#freeIfUnused()
      },
    }
  }

  /** The coordinator was asked at `sentMs`, on the monotonic clock, and it is ours. */
  confirmed(sentMs: number): void {
    if (this.isRevoked) return
    for (const question of this.#asked) {
      if (question.askedMs > sentMs) continue
      this.#asked.delete(question)
      question.answer(true)
    }
  }

  /** To be given back: what is under way may be finished for so long, then it is lost. */
  revoke(finishMs: number): void {
    if (this.isRevoked) return
    this.#revoked.abort()
    this.#deny()
    this.#options.clock.sleep(finishMs, this.#free.signal).then(
      () => this.#lost.abort(),
      () => undefined,
    )
    this.#freeIfUnused()
  }

  /** Somebody else may own it already. */
  lose(): void {
    this.#lost.abort()
    this.#revoked.abort()
    this.#free.abort()
    this.#deny()
  }

  async #confirm(): Promise<boolean> {
    if (this.isRevoked) return false
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.#asked.add({ askedMs: this.#options.clock.monotonic(), answer: resolve })
    this.#options.onAsked()
    return await promise
  }

  #deny(): void {
    for (const { answer } of this.#asked) answer(false)
    this.#asked.clear()
  }

  #freeIfUnused(): void {
    if (!this.isRevoked || this.#users > 0 || this.#free.signal.aborted) return
    this.#free.abort()
    this.#options.onFree()
  }
}
