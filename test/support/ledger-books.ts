/**
 * What the ledger claims, read by Kafka's own consumer, held against what the topic holds: the promise under every failure is that nothing
 * is called covered which was not read and published.
 */
import { type Checkpoint, decodeCheckpoint } from '../../src/ledger/codec.ts'
import type { Slot } from '../../src/model/coverage.ts'
import { consumeAll } from './independent-consumer.ts'
import type { Reach } from './platform/platform.ts'
import type { Testimony } from './simulator/truth.ts'
import { World } from './simulator/world.ts'
import { verdictOn } from './verdict.ts'

export interface Books {
  /** `null` when the ledger holds no checkpoint of the account: it was never claimed. */
  readonly checkpoint: Checkpoint | null
  readonly slots: readonly Slot[]
  /** Records on the events topic. */
  readonly events: number
  /** Calls that start inside a covered slot and are not on the topic, or not as the API shows them. */
  readonly untrue: string[]
  /** Versions published twice, and records that equal nothing the API showed. */
  readonly wrong: string[]
  /** Calls that are not on the topic, covered or not. */
  readonly missing: string[]
}

const deadlineMs = 60_000

/** The books of a connector with the usual topics. */
export async function booksOf(reach: Reach, name: string, world: Testimony | World, account = 'main'): Promise<Books> {
  const checkpoint = await checkpointIn(reach, `${name}.ledger`, account)
  const { records, missing, stale, repeated, extra } = await verdictOn(reach, `${name}.call-logs`, world, {}, deadlineMs)
  const slots = checkpoint?.coverage.slots ?? []
  const truth = world instanceof World ? world.truthAt() : world
  const starts = new Map(truth.calls.map(({ id, startMs }) => [id, startMs]))
  const isCovered = (id: string) => {
    const startMs = starts.get(id) ?? Number.NaN
    return slots.some(slot => slot.fromMs <= startMs && startMs < slot.untilMs)
  }
  return {
    checkpoint,
    slots,
    events: records.length,
    untrue: [...missing.filter(id => !id.includes('#')), ...stale].filter(isCovered),
    wrong: [...repeated, ...extra],
    missing,
  }
}

/** The newest checkpoint of an account. */
export async function checkpointIn(reach: Reach, ledgerTopic: string, account = 'main'): Promise<Checkpoint | null> {
  const records = await consumeAll(reach, ledgerTopic, { deadlineMs })
  const newest = records.findLast(({ key }) => String(key) === `${account}/checkpoint`)
  return newest?.value ? decodeCheckpoint(newest.value) : null
}
