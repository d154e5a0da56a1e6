/**
 * What an operator wants of one account: pause, resume, read a range again. An order is carried out between two reads, in the life of the account
 * and nowhere else, and is answered when it is durable. One that waits interrupts the reading; after a commit of unknown outcome it is carried
 * out once more on what the ledger holds, which is why carrying it out twice changes nothing.
 */
import { ConnectorError } from '../errors.ts'
import { backfillRefusal, order } from '../model/backfill.ts'
import type { Answer, Order } from '../model/order.ts'
import type { AccountState } from '../model/state.ts'

interface Waiting {
  readonly order: Order
  readonly answer: (answer: Answer) => void
  /** It may be durable, for all we know. */
  wasTried: boolean
}

interface Unable {
  readonly state: 'standby' | 'unclaimed'
  readonly why: string
}

const MOST_WAITING = 16

export class Orders {
  private waiting: Waiting[] = []
  private arrival = new AbortController()
  /** Why no order can be carried out at the moment; `null` when they can. */
  private unable: Unable | null = null
  private ended: string | null = null

  /** Aborts as soon as an order waits; another one afterwards. */
  get signal(): AbortSignal {
    return this.arrival.signal
  }

  get isWaiting(): boolean {
    return this.arrival.signal.aborted
  }

  /** Resolves when the order is durable or refused, at the latest when `signal` aborts. */
  give(given: Order, signal: AbortSignal): Promise<Answer> {
    if (this.ended !== null) return Promise.resolve({ outcome: 'refused', text: this.ended })
    const refusal = this.unable === null ? null : refusalOf(given, this.unable)
    if (refusal !== null) return Promise.resolve(refusal)
    if (this.waiting.length >= MOST_WAITING)
      return Promise.resolve({ outcome: 'refused', text: `${MOST_WAITING} orders wait already; try again later` })
    return new Promise(resolve => {
      const waiting: Waiting = {
        order: given,
        wasTried: false,
        answer: answer => {
          signal.removeEventListener('abort', withdraw)
          resolve(answer)
        },
      }
      const withdraw = () => {
        this.waiting = this.waiting.filter(other => other !== waiting)
        if (!waiting.wasTried)
          waiting.answer({ outcome: 'refused', text: 'the account is not ready to take orders yet; try again later' })
        else
          waiting.answer({
            outcome: 'unknown',
            text: 'Kafka has not confirmed the order in time; status shows what became of it',
          })
      }
      signal.addEventListener('abort', withdraw, { once: true })
      this.waiting.push(waiting)
      this.arrival.abort()
    })
  }

  /**
   * Carries out what waits, with one `commit` when anything changed, and answers; whether anything changed. Throws what `commit` throws; then the
   * orders wait on, for the state that is recalled.
   */
  async obey(state: AccountState, nowMs: number, commit: () => Promise<void>): Promise<boolean> {
    this.unable = null
    if (!this.isWaiting) return false
    const taken = this.take()
    const [pausedBefore, backfillsBefore] = [state.paused, state.backfills]
    const answers = taken.map(({ order: given }) => carryOut(given, state, nowMs))
    const isChanged = state.paused !== pausedBefore || state.backfills !== backfillsBefore
    if (isChanged) {
      for (const one of taken) one.wasTried = true
      try {
        await commit()
      } catch (error) {
        // Those whose asker has given up meanwhile were answered, and answering again does nothing.
        this.waiting.unshift(...taken)
        this.arrival.abort()
        throw error
      }
    }
    for (const [index, answer] of answers.entries()) taken[index]?.answer(answer)
    return isChanged
  }

  /**
   * Until `obey`, nothing can be made durable here: what waits and what comes is refused for this reason. Only while nothing is claimed yet, `resume`
   * has a meaning all the same, to try again at once, and is answered by the next call.
   */
  refuse(state: Unable['state'], why: string): void {
    this.unable = { state, why }
    for (const { order: given, answer, wasTried } of this.take())
      answer(wasTried ? UNKNOWN : (refusalOf(given, this.unable) ?? { outcome: 'done', text: 'tried again at once' }))
  }

  /** Resolves when an order waits; throws `STOPPED` when told to stop. */
  arrived(stop: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.any([this.signal, stop])
      const settle = () =>
        stop.aborted
          ? reject(new ConnectorError('STOPPED', 'stopped while waiting for an order', { cause: stop.reason }))
          : resolve()
      if (signal.aborted) settle()
      else signal.addEventListener('abort', settle, { once: true })
    })
  }

  /** The account's life has ended here: whatever waits, and every later order, is refused for this reason. */
  end(why: string): void {
    this.ended = why
    for (const { answer, wasTried } of this.take()) answer(wasTried ? UNKNOWN : { outcome: 'refused', text: why })
  }

  private take(): Waiting[] {
    this.arrival = new AbortController()
    const taken = this.waiting
    this.waiting = []
    return taken
  }
}

const UNKNOWN: Answer = { outcome: 'unknown', text: 'Kafka has not confirmed the order in time; status shows what became of it' }

function refusalOf({ kind }: Order, { state, why }: Unable): Answer | null {
  return state === 'unclaimed' && kind === 'resume' ? null : { outcome: 'refused', text: why }
}

function carryOut(given: Order, state: AccountState, nowMs: number): Answer {
  if (given.kind === 'pause') {
    state.paused = true
    return { outcome: 'done', text: 'paused: nothing is read until it is resumed, also after a restart' }
  }
  if (given.kind === 'resume') {
    state.paused = false
    return { outcome: 'done', text: 'resumed' }
  }
  const refusal = backfillRefusal(given.window, state.backfills, nowMs)
  if (refusal !== null) return { outcome: 'refused', text: refusal }
  state.backfills = order(state.backfills, given.window, nowMs)
  return { outcome: 'done', text: 'ordered: read once what is due by the schedule is read' }
}
