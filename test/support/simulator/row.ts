/**
 * Writes a version of a call as the row of JSON that the API would send. The vendor shows no row at all, so several shapes exist: keys like
 * kaleyra.io's screens or like the legacy log's, five ways of writing times, numbers as numbers or text, and three ways of giving nothing.
 */
import type { CallFacts, SimulatedCall } from './call.ts'

export interface RowShape {
  /** `io`: call_id, from, to, bridge …; `legacy`: id, callfrom, callto, caller_id … */
  readonly keys: 'io' | 'legacy'
  /** `naive` is `YYYY-MM-DD HH:MM:SS` in `timeZone`; `offset` carries the zone's offset. */
  readonly times: 'z' | 'offset' | 'naive' | 'epoch-seconds' | 'epoch-ms'
  readonly timeZone: string
  /** The same version looks different in every answer (1.25, "1.250"; key order; signed links) and still says the same. */
  readonly wobble: boolean
}

export const ioShape: RowShape = { keys: 'io', times: 'z', timeZone: 'UTC', wobble: false }
export const legacyShape: RowShape = { keys: 'legacy', times: 'naive', timeZone: 'Asia/Kolkata', wobble: false }

export type Row = Record<string, unknown>

/** `turn` is the number of the answer; it matters only under `wobble`, and never for rows without an id: those are known by their text alone. */
export function renderRow(call: SimulatedCall, facts: CallFacts, shape: RowShape, turn = 0): Row {
  const wobbling = shape.wobble && call.id !== null
  const form = wobbling ? call.rank + turn : call.rank
  const time = (instantMs: number | null) => (instantMs === null ? null : writeTime(instantMs, shape))
  const link = (id: string | null) => (id === null ? null : `//play.example.net/?id=${id}${wobbling ? `&signature=${turn}` : ''}`)
  const values: [string, unknown][] =
    shape.keys === 'io'
      ? [
          ['call_id', call.id],
          ['from', facts.from],
          ['to', facts.to],
          ['bridge', facts.bridge],
          ['start_time', time(call.startMs)],
          ['end_time', time(facts.endMs)],
          ['duration', writeNumber(facts.durationSeconds, form)],
          ['billsec', writeNumber(facts.billedSeconds, form >>> 1)],
          ['status', facts.status],
          ['credits', writeCredits(facts.credits, form >>> 2)],
          ['service', facts.service],
          ['parent_call_id', call.parentId],
          ['location', facts.location],
          ['provider', facts.provider],
          ['recording', link(facts.recording)],
        ]
      : [
          ['id', call.id],
          ['uniqid', call.uniqueId],
          ['parent_id', call.parentId],
          ['callfrom', facts.from?.slice(-10) ?? null],
          ['callto', facts.to?.slice(-10) ?? null],
          ['start_time', time(call.startMs)],
          ['end_time', time(facts.endMs)],
          ['duration', facts.durationSeconds],
          ['billsec', facts.billedSeconds === null ? null : String(facts.billedSeconds)],
          ['credits', wobbling ? writeCredits(facts.credits, form) : facts.credits],
          ['status', facts.status],
          ['service', facts.service],
          ['caller_id', facts.bridge],
          ['location', facts.location],
          ['provider', facts.provider],
          ['recording', link(facts.recording)],
        ]
  const row: Row = {}
  for (const [key, value] of wobbling && turn % 2 === 1 ? values.reverse() : values) {
    const nothing = (form >>> 4) % 3
    if (value !== null) row[key] = value
    else if (nothing === 0) row[key] = null
    else if (nothing === 1) row[key] = ''
  }
  return { ...row, ...facts.extra }
}

function writeNumber(value: number | null, form: number): number | string | null {
  return value === null || form % 2 === 0 ? value : String(value)
}

function writeCredits(value: string | null, form: number): number | string | null {
  if (value === null) return null
  const forms = [value, Number(value), Number(value).toFixed(Math.max(3, value.split('.')[1]?.length ?? 0))]
  return forms[form % 3] ?? value
}

function writeTime(instantMs: number, shape: RowShape): string | number {
  if (shape.times === 'epoch-seconds') return Math.floor(instantMs / 1000)
  if (shape.times === 'epoch-ms') return instantMs
  const offsetMs = shape.times === 'z' ? 0 : zoneOffsetMs(shape.timeZone, instantMs)
  const local = new Date(instantMs + offsetMs).toISOString().slice(0, 19)
  if (shape.times === 'naive') return local.replace('T', ' ')
  return local + (shape.times === 'z' ? 'Z' : offsetText(offsetMs))
}

function offsetText(offsetMs: number): string {
  const minutes = Math.abs(offsetMs) / 60_000
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0')
  return `${offsetMs < 0 ? '-' : '+'}${two(minutes / 60)}:${two(minutes % 60)}`
}

/** Zones move by the quarter of an hour, so one answer of Intl serves a quarter; it is two hundred times slower than the rest of a row. */
const quarterMs = 900_000
const offsets = new Map<string, number>()
const formats = new Map<string, Intl.DateTimeFormat>()

function zoneOffsetMs(timeZone: string, instantMs: number): number {
  const quarter = Math.floor(instantMs / quarterMs)
  const key = `${timeZone} ${quarter}`
  const known = offsets.get(key)
  if (known !== undefined) return known
  let format = formats.get(timeZone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' })
    formats.set(timeZone, format)
  }
  const offsetMs = Date.parse(`${format.format(quarter * quarterMs).replace(' ', 'T')}Z`) - quarter * quarterMs
  if (offsets.size > 50_000) offsets.clear()
  offsets.set(key, offsetMs)
  return offsetMs
}
