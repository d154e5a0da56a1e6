/**
 * The arithmetic minimum of a schedule: the fewest requests that could carry it out, for a reader that knows beforehand which settled slots have
 * gained or lost a call. At each tick of the shortest schedule what has not settled is paged, with as few pages as its rows fill. What has settled is
 * counted, for one request, and every slot whose count has changed since it was looked at last is paged, neighbours together where a page
 * holds them. A longer schedule does the same for what the shorter ones do not reach; the longest pages everything.
 *
 * No reader can reach it: which slots have changed must be found out, several pages need a proof that they did not move, bounds need a margin.
 * Shares no code with the connector.
 */
import type { Calls } from './paced-source.ts'

export interface MinimumOptions {
  readonly calls: Calls
  /** Shortest interval first. */
  readonly schedule: readonly { readonly name: string; readonly everyMs: number; readonly spanMs: number }[]
  readonly settleMs: number
  readonly pageSize: number
  readonly fromMs: number
  readonly untilMs: number
}

const SLOT_MS = 60_000
/** The last seconds are still moving. */
const EDGE_MS = 5_000

/** Requests between two instants, by schedule. */
export function minimumRequests(options: MinimumOptions): Readonly<Record<string, number>> {
  const { schedule, calls, settleMs, pageSize } = options
  const [shortest, longest] = [schedule.at(0), schedule.at(-1)]
  if (shortest === undefined || longest === undefined) throw new Error('no schedule')
  const rowsAt = (atMs: number, fromMs: number, untilMs: number) => calls.select(fromMs, untilMs, atMs).total
  const pages = (rows: number) => Math.ceil(rows / pageSize)
  const unsettledFrom = (tickMs: number) => floor(tickMs - shortest.everyMs - settleMs)

  function counted(tickMs: number, fromMs: number, untilMs: number, lookedAtMs: (slotMs: number) => number): number {
    const changed: number[] = []
    for (let slotMs = fromMs; slotMs < untilMs; slotMs += SLOT_MS) {
      const rows = (atMs: number) => rowsAt(atMs, slotMs, slotMs + SLOT_MS)
      if (rows(tickMs) !== rows(lookedAtMs(slotMs))) changed.push(slotMs)
    }
    return (fromMs < untilMs ? 1 : 0) + covers(changed, (from, until) => rowsAt(tickMs, from, until), pageSize)
  }

  return Object.fromEntries(
    schedule.map((entry, index) => {
      const shorter = schedule[index - 1]
      let requests = 0
      for (let tickMs = ceiling(options.fromMs, entry.everyMs); tickMs < options.untilMs; tickMs += entry.everyMs) {
        const beginMs = floor(tickMs - entry.spanMs)
        if (entry === longest) requests += pages(rowsAt(tickMs, beginMs, unsettledFrom(tickMs)))
        else if (shorter === undefined) {
          requests += Math.max(1, pages(rowsAt(tickMs, unsettledFrom(tickMs), tickMs - EDGE_MS)))
          requests += counted(tickMs, beginMs, unsettledFrom(tickMs), () => tickMs - entry.everyMs)
        } else {
          const lookedAtMs = (slotMs: number) => Math.max(tickMs - entry.everyMs, slotMs + SLOT_MS + shorter.spanMs)
          requests += counted(tickMs, beginMs, floor(tickMs - shorter.spanMs), lookedAtMs)
        }
      }
      return [entry.name, requests]
    }),
  )
}

/** The fewest pages that cover all changed slots: from the left, each as long as it holds the rows. */
function covers(changed: readonly number[], rowsIn: (fromMs: number, untilMs: number) => number, pageSize: number): number {
  let requests = 0
  let coveredMs = Number.NEGATIVE_INFINITY
  for (const [index, slotMs] of changed.entries()) {
    if (slotMs < coveredMs) continue
    const reach = changed.slice(index).findLast(other => rowsIn(slotMs, other + SLOT_MS) <= pageSize) ?? slotMs
    coveredMs = reach + SLOT_MS
    requests += Math.max(1, Math.ceil(rowsIn(slotMs, coveredMs) / pageSize))
  }
  return requests
}

function floor(atMs: number): number {
  return Math.floor(atMs / SLOT_MS) * SLOT_MS
}

function ceiling(atMs: number, unitMs: number): number {
  return Math.ceil(atMs / unitMs) * unitMs
}
