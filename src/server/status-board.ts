/** The newest of everything worth showing on `/status`, per account. It only listens, and asks for what may change without anything happening. */
import { codeOf } from '../errors.ts'
import type { Dialect } from '../model/dialect.ts'
import type { Books, Happening, Observer, Standing, TaskState } from '../ports.ts'
import type { StatusReport } from './endpoints.ts'
import { booksShown } from './status-books.ts'

interface AccountStatus {
  state: TaskState | 'starting'
  /** When it became so, by our clock. */
  since: string
  /** Why the state is what it is; codes and sentences of ours, never a payload. */
  error: string | null
  errorCode: string | null
  remedy: string | null
  standing: Standing | null
  books: Books | null
  /** Share of the request budget in use, 0 to 1. */
  budgetRatio: number | null
  /** Actual over configured interval of the schedules that are stretched. */
  stretched: Record<string, number>
  incarnation: number | null
  requests: number
  throttledMs: number
  published: { rows: number; created: number; updated: number; deadLetters: number; repeats: number }
  lastWindow: { schedule: string; from: string; until: string; rows: number; at: string } | null
}

/** What an account's source knows at the moment. */
export interface SourceFacts {
  dialect(): Dialect | null
  /** The API's clock minus ours in milliseconds; `null` before the first answer. */
  skewMs(): number | null
  /** Until when the API told us to stay away, epoch milliseconds; 0 when it did not. */
  notBeforeMs(): number
}

const instant = (ms: number | null | undefined): string | null =>
  ms === null || ms === undefined ? null : new Date(ms).toISOString()

export class StatusBoard implements Observer {
  private readonly accounts = new Map<string, AccountStatus>()
  private readonly sources = new Map<string, SourceFacts>()
  private readonly now: () => number

  constructor(accounts: readonly string[], now: () => number) {
    this.now = now
    for (const account of accounts) this.accounts.set(account, fresh(now()))
  }

  /** From now on reports ask this source; before, its facts are unknown. */
  follow(account: string, source: SourceFacts): void {
    this.sources.set(account, source)
  }

  note(account: string, happening: Happening): void {
    const status = this.accounts.get(account)
    if (status === undefined) return
    switch (happening.kind) {
      case 'task':
        if (status.state !== happening.state) status.since = new Date(this.now()).toISOString()
        status.state = happening.state
        // What somebody else reads from now on is not ours to tell.
        if (happening.state === 'standby') [status.books, status.standing] = [null, null]
        status.error = happening.error instanceof Error ? happening.error.message : null
        status.errorCode = happening.error === undefined ? null : codeOf(happening.error)
        status.remedy = happening.remedy ?? null
        break
      case 'books':
        status.books = happening.books
        break
      case 'budget':
        status.budgetRatio = happening.ratio
        break
      case 'schedule.stretched':
        if (happening.ratio > 1) status.stretched[happening.schedule] = happening.ratio
        else delete status.stretched[happening.schedule]
        break
      case 'standing':
        status.standing = happening.standing
        break
      case 'recalled':
        status.incarnation = happening.incarnation
        break
      case 'request':
        status.requests += 1
        break
      case 'throttled':
        status.throttledMs += happening.waitMs
        break
      case 'committed':
        status.published.rows += happening.commit.rows
        status.published.created += happening.commit.created
        status.published.updated += happening.commit.updated
        status.published.repeats += happening.commit.repeats
        for (const count of Object.values(happening.commit.deadLetters)) status.published.deadLetters += count
        break
      case 'window.read':
        status.lastWindow = {
          schedule: happening.schedule,
          from: new Date(happening.window.fromMs).toISOString(),
          until: new Date(happening.window.untilMs).toISOString(),
          rows: happening.counts.rows,
          at: new Date(this.now()).toISOString(),
        }
        break
      default:
    }
  }

  /** `state` is the worst of the accounts. */
  report(name: string, build: string): StatusReport {
    const states = [...this.accounts.values()].map(({ state }) => state)
    const worst = (['failed', 'starting', 'recalling', 'paused', 'standby', 'running'] as const).find(state =>
      states.includes(state),
    )
    return {
      name,
      build,
      state: worst ?? 'starting',
      at: new Date(this.now()).toISOString(),
      accounts: [...this.accounts].map(([account, status]) => ({
        ...shown(account, status, this.now()),
        ...factsShown(this.sources.get(account), this.now()),
      })),
    }
  }
}

function fresh(nowMs: number): AccountStatus {
  return {
    state: 'starting',
    since: new Date(nowMs).toISOString(),
    error: null,
    errorCode: null,
    remedy: null,
    standing: null,
    books: null,
    budgetRatio: null,
    stretched: {},
    incarnation: null,
    requests: 0,
    throttledMs: 0,
    published: { rows: 0, created: 0, updated: 0, deadLetters: 0, repeats: 0 },
    lastWindow: null,
  }
}

function shown(
  account: string,
  { standing, books, throttledMs, ...status }: AccountStatus,
  nowMs: number,
): Record<string, unknown> {
  return {
    account,
    ...status,
    throttledSeconds: throttledMs / 1_000,
    coveredThrough: instant(standing?.coveredThroughMs),
    settledThrough: instant(standing?.settledThroughMs),
    oldestUnread: instant(standing?.oldestUnreadMs),
    gapSeconds: { open: (standing?.gapOpenMs ?? 0) / 1_000, lost: (standing?.gapLostMs ?? 0) / 1_000 },
    seenEntries: standing?.seenEntries ?? 0,
    ...booksShown(books, nowMs),
  }
}

function factsShown(source: SourceFacts | undefined, nowMs: number): Record<string, unknown> {
  const notBeforeMs = source?.notBeforeMs() ?? 0
  const dialect = source?.dialect() ?? null
  const skewMs = source?.skewMs() ?? null
  return {
    /** How the API was found to behave; `null` until it was probed. */
    dialect: dialect === null ? null : dialectShown(dialect),
    /** The API's clock minus ours, whole seconds as its `Date` tells them. */
    clockSkewSeconds: skewMs === null ? null : Math.round(skewMs / 1_000),
    /** Until when the API asked us to stay away; `null` when it did not, or that time has passed. */
    notBefore: notBeforeMs > nowMs ? instant(notBeforeMs) : null,
  }
}

function dialectShown({ probedAtMs, ...dialect }: Dialect): Record<string, unknown> {
  return { ...dialect, probedAt: instant(probedAtMs) }
}
