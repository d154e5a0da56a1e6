/**
 * The ledger's records as bytes: plain Avro, with the schemas compiled in and never in the registry, because a registry outage must not
 * block recovery. Every record begins with `format` and `minReader`; later formats only append fields, so that this release can read the
 * beginning of what its successor writes.
 *
 * A field is appended with a default, so that records of before, which end sooner, are read with it; once 0.1.0 is out, `FORMAT` is raised then
 * and `minReader` left. `minReader` is raised only by what would be misread, one release after its reader.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import avsc from 'avsc'
import { ConnectorError } from '../errors.ts'
import type { Backfill } from '../model/backfill.ts'
import type { Coverage, Gap, Slot } from '../model/coverage.ts'
import type { Lateness } from '../model/lateness.ts'
import { SECOND_MS } from '../model/window.ts'
import {
  backfillFrom,
  latenessFrom,
  type StoredAges,
  type StoredBackfill,
  storedBackfill,
  storedLateness,
} from './checkpoint-extras.ts'

/** The layout this release writes, and the newest it fully knows. */
export const FORMAT = 1
const HEADER = { format: FORMAT, minReader: 1 }
/** A checkpoint beyond this means that the books no longer merge as they should. */
export const CHECKPOINT_MAX_BYTES = 32 * 1024

export interface Birth {
  readonly name: string
  readonly partitions: number
  readonly eventsTopic: string
  readonly deadLettersTopic: string
}

export interface Checkpoint {
  readonly account: string
  readonly sidHash: string
  readonly incarnation: number
  readonly instance: string
  readonly writtenAt: number
  readonly coverage: Coverage
  readonly notBefore: number
  /** As `dialectText` writes it. */
  readonly dialect: string | null
  /** As `filtersText` writes them. */
  readonly filters: string
  readonly offsets: Readonly<Record<string, readonly number[]>>
  readonly lateness: Lateness
  readonly backfills: readonly Backfill[]
  readonly paused: boolean
}

export interface Delta {
  readonly writtenAt: number
  readonly rules: readonly string[]
  readonly entries: Buffer
}

const load = (name: string) =>
  avsc.Type.forSchema(JSON.parse(readFileSync(join(import.meta.dirname, '../../schemas', `${name}.avsc`), 'utf8')))
const birthType = load('ledger-birth')
const checkpointType = load('ledger-checkpoint')
const deltaType = load('ledger-delta')
const headerType = avsc.Type.forSchema({
  type: 'record',
  name: 'LedgerHeader',
  fields: [
    { name: 'format', type: 'int' },
    { name: 'minReader', type: 'int' },
  ],
})

export const encodeBirth = (birth: Birth): Buffer => birthType.toBuffer({ ...HEADER, ...birth })
export const decodeBirth = (bytes: Buffer): Birth => decode<Birth>(birthType, bytes, 'birth')

export const encodeDelta = (delta: Delta): Buffer => deltaType.toBuffer({ ...HEADER, ...delta })
export const decodeDelta = (bytes: Buffer): Delta => decode<Delta>(deltaType, bytes, 'delta')

interface StoredSlot {
  readonly skip: number
  readonly length: number
  readonly firstRead: number
  readonly newestRead: number
  readonly count: number
}

interface StoredGap {
  readonly from: number
  readonly until: number
  readonly opened: number
  readonly attempted: number
  readonly reason: string
  readonly state: Gap['state']
}

type StoredCheckpoint = Omit<Checkpoint, 'coverage' | 'lateness' | 'backfills'> & {
  readonly latenessSince: number
  readonly lateness: readonly StoredAges[]
  readonly backfills: readonly StoredBackfill[]
  readonly anchor: number
  readonly slots: StoredSlot[]
  readonly gaps: StoredGap[]
}

/** Throws `BUG` beyond `CHECKPOINT_MAX_BYTES`. */
export function encodeCheckpoint({ coverage, lateness, backfills, ...checkpoint }: Checkpoint): Buffer {
  let beforeMs = coverage.anchorMs
  const slots = coverage.slots.map((slot): StoredSlot => {
    const stored = {
      skip: (slot.fromMs - beforeMs) / SECOND_MS,
      length: (slot.untilMs - slot.fromMs) / SECOND_MS,
      firstRead: slot.firstReadMs - slot.untilMs,
      newestRead: slot.newestReadMs - slot.firstReadMs,
      count: slot.count,
    }
    beforeMs = slot.untilMs
    return stored
  })
  const gaps = coverage.gaps.map(
    (gap): StoredGap => ({
      from: gap.fromMs,
      until: gap.untilMs,
      opened: gap.openedMs,
      attempted: gap.attemptedMs,
      reason: gap.reason,
      state: gap.state,
    }),
  )
  const bytes = checkpointType.toBuffer({
    ...HEADER,
    ...checkpoint,
    anchor: coverage.anchorMs,
    slots,
    gaps,
    latenessSince: lateness.sinceMs,
    lateness: storedLateness(lateness),
    backfills: backfills.map(storedBackfill),
  })
  if (bytes.length > CHECKPOINT_MAX_BYTES) {
    throw new ConnectorError(
      'BUG',
      `a checkpoint of ${bytes.length} bytes, more than ${CHECKPOINT_MAX_BYTES}: ${slots.length} slots, ${gaps.length} gaps`,
    )
  }
  return bytes
}

export function decodeCheckpoint(bytes: Buffer): Checkpoint {
  const { anchor, slots, gaps, latenessSince, lateness, backfills, ...checkpoint } = decode<StoredCheckpoint>(
    checkpointType,
    bytes,
    'checkpoint',
  )
  let beforeMs = anchor
  const coverage: Coverage = {
    anchorMs: anchor,
    slots: slots.map((stored): Slot => {
      const fromMs = beforeMs + stored.skip * SECOND_MS
      const untilMs = fromMs + stored.length * SECOND_MS
      const firstReadMs = untilMs + stored.firstRead
      beforeMs = untilMs
      const newestReadMs = firstReadMs + stored.newestRead
      return { fromMs, untilMs, firstReadMs, newestReadMs, count: stored.count, checkedMs: newestReadMs }
    }),
    gaps: gaps.map(
      (gap): Gap => ({
        fromMs: gap.from,
        untilMs: gap.until,
        openedMs: gap.opened,
        attemptedMs: gap.attempted,
        reason: gap.reason,
        state: gap.state,
      }),
    ),
  }
  return {
    ...checkpoint,
    coverage,
    lateness: latenessFrom(latenessSince, lateness),
    backfills: backfills.map(backfillFrom),
  }
}

/** Reads what this release knows and leaves what a later format appended. */
function decode<T>(type: avsc.Type, bytes: Buffer, what: string): T {
  const header: { value?: { format: number; minReader: number } | undefined; offset: number } = headerType.decode(bytes)
  if (header.offset < 0 || header.value === undefined)
    throw new ConnectorError(
      'LEDGER_UNREADABLE',
      `the ledger holds a ${what} that is no ${what}; is this topic used by something else?`,
    )
  if (header.value.minReader > FORMAT) {
    throw new ConnectorError(
      'LEDGER_UNREADABLE',
      `the ledger holds a ${what} of format ${header.value.format}, written by a newer release; this one reads up to ${FORMAT}: start the newer release`,
    )
  }
  let decoded: { value?: T | undefined; offset: number } = type.decode(bytes)
  if (decoded.offset < 0) decoded = type.decode(completed(type, bytes))
  if (decoded.offset < 0 || decoded.value === undefined)
    throw new ConnectorError('LEDGER_UNREADABLE', `the ledger holds a ${what} that cannot be read to its end`)
  return decoded.value
}

/** A record that ends before the fields that a later layout appended, with their defaults; one that ends elsewhere as it is. */
function completed(type: avsc.Type, bytes: Buffer): Buffer {
  if (!(type instanceof avsc.types.RecordType)) return bytes
  const missing: Buffer[] = []
  let offset = 0
  for (const field of type.fields) {
    const isLeftOut = offset === bytes.length && field.defaultValue() !== undefined
    if (isLeftOut) missing.push(field.type.toBuffer(field.defaultValue()))
    else offset = field.type.decode(bytes, offset).offset
    if (offset < 0) return bytes
  }
  return Buffer.concat([bytes, ...missing])
}
