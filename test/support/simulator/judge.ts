/**
 * Holds what was published against the truth. Knows nothing of the connector: it compares a few plain fields, so that a mistake in the
 * connector's own normalising, hashing or counting cannot hide itself. Linear in calls and records. Take the truth after the last record.
 */
import type { CallFacts } from './call.ts'
import type { JudgedCall, Testimony } from './truth.ts'
import { World } from './world.ts'

export interface PublishedRecord {
  readonly callId: string
  readonly revision: number
  readonly change: string
  /** The decoded record; fields named as in `schemas/call-log.avsc`. */
  readonly content: Readonly<Record<string, unknown>>
}

export interface Judgement {
  /** Calls never published; `id#2` for a revision that is missing between others, `id#CREATED` for a first record that is none. */
  readonly missing: string[]
  /** `id#2`: a revision published twice, one equal in content to the revision before, or a second CREATED. */
  readonly repeated: string[]
  /** Calls whose newest published record is not what the API says. */
  readonly stale: string[]
  /** Ids the world does not have; `id#2` for a record that equals no version the API showed, or comes after a newer one. */
  readonly extra: string[]
  readonly clean: boolean
}

export interface JudgeOptions {
  /**
   * Epoch milliseconds, default the truth's instant. Promised read: what was visible by then. A version that appeared later may be published
   * or not; a call that first appeared later may be absent.
   */
  readonly settledBefore?: number
  /** Only calls that start in `[from, until)` can be missing or stale: outside nobody looked. */
  readonly from?: number
  readonly until?: number
}

/** Facts about a sighting; two records that differ only in these say the same. Links are no content either: they expire. */
const observation = new Set(
  (
    'account event_time number_protection hmac_key_id change_type revision changed_fields is_final regressed content_hash first_seen_at ' +
    'observed_at read_from read_to read_by recording_ref'
  ).split(' '),
)

export function judge(world: Testimony | World, records: Iterable<PublishedRecord>, options: JudgeOptions = {}): Judgement {
  const truth = world instanceof World ? world.truthAt() : world
  const { settledBefore = truth.atMs, from = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = options
  const published = new Map<string, PublishedRecord[]>()
  for (const record of records) {
    const list = published.get(record.callId)
    if (list === undefined) published.set(record.callId, [record])
    else list.push(record)
  }
  const found = { missing: [] as string[], repeated: [] as string[], stale: [] as string[], extra: [] as string[] }
  const known = new Set<string>()
  for (const call of truth.calls) {
    known.add(call.id)
    const list = published.get(call.id)?.sort((a, b) => a.revision - b.revision)
    const required =
      call.startMs >= from && call.startMs < until
        ? call.versions.findLastIndex(({ visibleFrom }) => visibleFrom <= settledBefore)
        : -1
    if (list === undefined) {
      if (required >= 0) found.missing.push(call.id)
      continue
    }
    judgeRevisions(list, found)
    judgeContents(call, list, found)
    const newest = (list.at(-1) as PublishedRecord).content
    if (required >= 0 && !call.versions.slice(required).some(version => says(newest, version.facts))) found.stale.push(call.id)
  }
  for (const id of published.keys()) if (!known.has(id)) found.extra.push(id)
  return { ...found, clean: Object.values(found).every(list => list.length === 0) }
}

function judgeRevisions(list: readonly PublishedRecord[], found: { missing: string[]; repeated: string[] }): void {
  let before: PublishedRecord | null = null
  let expected = 1
  for (const record of list) {
    const name = `${record.callId}#${record.revision}`
    if (record.revision < expected) found.repeated.push(name)
    else {
      for (; expected < record.revision; expected++) found.missing.push(`${record.callId}#${expected}`)
      if (before !== null && contentText(before) === contentText(record)) found.repeated.push(name)
      else if (record.revision > 1 && record.change === 'CREATED') found.repeated.push(name)
      if (record.revision === 1 && record.change !== 'CREATED') found.missing.push(`${record.callId}#CREATED`)
      expected = record.revision + 1
    }
    before = record
  }
}

/** The records must be versions of the call in the order of the world; some may be left out. */
function judgeContents(call: JudgedCall, list: readonly PublishedRecord[], found: { extra: string[] }): void {
  let index = 0
  for (const record of list) {
    const match = call.versions.findIndex(version => version.index >= index && says(record.content, version.facts))
    if (match < 0) found.extra.push(`${call.id}#${record.revision}`)
    else index = match
  }
}

/** Whether a record says what the API says. Fields that the record withholds altogether are not held against it. */
export function says(content: Readonly<Record<string, unknown>>, facts: CallFacts): boolean {
  return (
    (content.status ?? null) === facts.status &&
    unscaled(content.cost) === unscaled(facts.credits) &&
    (content.duration_seconds ?? null) === facts.durationSeconds &&
    millis(content.end_time) === facts.endMs &&
    (content.billed_seconds === undefined || content.billed_seconds === facts.billedSeconds) &&
    (content.has_recording === undefined || (content.has_recording === true) === (facts.recording !== null))
  )
}

/** A cost in millionths: from a decimal, from an unscaled bigint, or from Avro's big-endian bytes of scale 6. */
function unscaled(cost: unknown): bigint | null {
  if (cost === null || cost === undefined) return null
  if (typeof cost === 'bigint') return cost
  if (cost instanceof Uint8Array) return BigInt.asIntN(cost.length * 8, BigInt(`0x${Buffer.from(cost).toString('hex') || '0'}`))
  const [, sign, whole, fraction = ''] =
    /^(-?)(\d+)(?:\.(\d+))?$/.exec(typeof cost === 'number' ? cost.toFixed(6) : String(cost)) ?? []
  if (whole === undefined || fraction.length > 6) throw new Error('a cost is a decimal of at most six places')
  return BigInt(`${sign}${whole}${fraction.padEnd(6, '0')}`)
}

function millis(instant: unknown): number | null {
  if (instant instanceof Date) return instant.getTime()
  if (typeof instant === 'string') return Date.parse(instant)
  return typeof instant === 'bigint' ? Number(instant) : ((instant as number | null | undefined) ?? null)
}

function contentText({ content }: PublishedRecord): string {
  const entries = Object.entries(content)
    .filter(([key]) => !observation.has(key))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify(entries, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
}
