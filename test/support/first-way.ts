/** Several ways to the same thing, tried in order: the first that works, or one error that says what to do and what each way lacked. */

export interface FirstWayOptions<T> {
  /** What to do when none works; the lacks follow it. */
  readonly remedy: string
  /** Hears of each way that does not work, and of the one that does. */
  readonly onLack?: (way: string, reason: string) => void
  readonly onFound?: (way: string, found: T) => void
  /** Cancels between two ways. */
  readonly signal?: AbortSignal | undefined
}

/** Throws when no way works, and what `signal` aborts with. */
export async function firstWay<T>(ways: Readonly<Record<string, () => Promise<T>>>, options: FirstWayOptions<T>): Promise<T> {
  const { remedy, onLack, onFound, signal } = options
  const lacking: string[] = []
  for (const [way, go] of Object.entries(ways)) {
    signal?.throwIfAborted()
    try {
      const found = await go()
      onFound?.(way, found)
      return found
    } catch (error) {
      signal?.throwIfAborted()
      lacking.push(`- ${way}: ${reasonOf(error)}`)
      onLack?.(way, reasonOf(error))
    }
  }
  throw new Error(`${remedy}\nWhat was tried:\n${lacking.join('\n')}`)
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message
}
