/**
 * The two stages of stopping. The first signal ends the reading: what has been read is committed and the program leaves with 0. A second
 * one, or the deadline, ends everything at once.
 */
export interface StopSignals {
  readonly soft: AbortSignal
  readonly hard: AbortSignal
  /** Stops listening, so that the process can end by itself. */
  release(): void
}

const HARD_AFTER_MS = 8_000
const SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT']

/** Listens for SIGTERM and SIGINT until released; `onFirst` is told once. */
export function listenForStop(onFirst: () => void = () => undefined): StopSignals {
  const soft = new AbortController()
  const hard = new AbortController()
  let deadline: NodeJS.Timeout | undefined
  const onSignal = () => {
    if (soft.signal.aborted) {
      hard.abort()
      return
    }
    deadline = setTimeout(() => hard.abort(), HARD_AFTER_MS)
    deadline.unref()
    onFirst()
    soft.abort()
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  return {
    soft: soft.signal,
    hard: hard.signal,
    release: () => {
      clearTimeout(deadline)
      for (const signal of SIGNALS) process.off(signal, onSignal)
    },
  }
}
