/**
 * One row on its way to a call log: its values sorted into the fields they mean, everything else into `extra`. The same draft is loaded
 * again for every row, because a reader at full speed should not leave an object behind per field.
 */
import { SLOTS, type Target } from './aliases.ts'
import { boundedJson } from './json-text.ts'
import type { Privacy } from './privacy.ts'

/** A nested value as canonical JSON text. */
export interface Nested {
  readonly json: string
}

/** A value of a row that says something: never null, blank or an empty object. */
export type Given = string | number | boolean | Nested

/** Larger nested values are kept as a marker. */
const MOST_NESTED_BYTES = 8_192

export class Draft {
  extra: Record<string, string> = {}
  /** Characters of all keys and values, roughly the size of the row. */
  chars = 0
  /** Keys we do not know and values we could not read. */
  unknowns = 0
  private readonly values: (Given | undefined)[] = new Array(SLOTS).fill(undefined)
  private readonly keys: string[] = new Array(SLOTS).fill('')
  private readonly ranks: number[] = new Array(SLOTS).fill(0)
  private readonly lookup: (key: string) => Target | null
  private readonly privacy: Privacy

  constructor(lookup: (key: string) => Target | null, privacy: Privacy) {
    this.lookup = lookup
    this.privacy = privacy
  }

  /** Takes in a row. Several keys of one field: the most trusted that says something wins, the others go to `extra`. */
  load(row: Readonly<Record<string, unknown>>): void {
    this.values.fill(undefined)
    this.extra = {}
    this.chars = 0
    this.unknowns = 0
    for (const key in row) {
      const given = this.givenOf(key, row[key])
      const target = this.lookup(key)
      this.chars += key.length + sizeOf(given)
      if (given === undefined) continue
      if (target === null) {
        this.unknowns += 1
        this.keep(key, given)
      } else this.place(target, key, given)
    }
  }

  value(slot: number): Given | undefined {
    return this.values[slot]
  }

  /** The key under which the value of a slot came. */
  key(slot: number): string {
    return this.keys[slot] ?? ''
  }

  /** Keeps a value in `extra` as text, after the privacy rules. */
  keep(key: string, given: Given): void {
    const text = typeof given === 'object' ? given.json : this.privacy.kept(key, given)
    if (text === null) return
    const name = this.privacy.name(key)
    // Keys that became equal: which value stays must not depend on the order in which the API sends them.
    if (name !== key && Object.hasOwn(this.extra, name) && (this.extra[name] ?? '') > text) return
    // No reader of Avro maps could be handed a key that sets its object's prototype.
    this.extra[name === '__proto__' ? '_proto_' : name.toWellFormed()] = text.toWellFormed()
  }

  /** Keeps a value its field could not take, and counts it. */
  keepUnread(key: string, given: Given): null {
    this.unknowns += 1
    this.keep(key, given)
    return null
  }

  private givenOf(key: string, value: unknown): Given | undefined {
    if (typeof value === 'string') return isBlank(value) ? undefined : value
    if (typeof value === 'number' || typeof value === 'boolean') return value
    if (typeof value !== 'object' || value === null || isBare(value)) return undefined
    const json = boundedJson(value, MOST_NESTED_BYTES, nested => this.privacy.nested(key, nested))
    return json === '{}' ? undefined : { json }
  }

  private place(target: Target, key: string, given: Given): void {
    const { slot, rank, isPrivate } = target
    const other = this.values[slot]
    const best = this.ranks[slot] ?? 0
    // Two spellings of one key: by the text, so that a server that shuffles its keys does not make another call of it.
    const wins = other === undefined || rank < best || (rank === best && key < (this.keys[slot] ?? ''))
    const [loser, losingKey] = wins ? [other, this.keys[slot] ?? ''] : [given, key]
    if (wins) {
      this.values[slot] = given
      this.keys[slot] = key
      this.ranks[slot] = rank
    }
    if (loser !== undefined && !isPrivate && loser !== this.values[slot]) this.keep(losingKey, loser)
  }
}

function isBlank(text: string): boolean {
  return text.length === 0 || (text.charCodeAt(0) <= 32 && text.trim() === '')
}

function isBare(value: object): boolean {
  for (const _ in value) return false
  return true
}

function sizeOf(given: Given | undefined): number {
  if (typeof given === 'string') return given.length
  return typeof given === 'object' ? given.json.length : 8
}
