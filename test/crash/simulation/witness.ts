/**
 * Looks at every transaction the moment it is decided and holds it to the promises: a record and the memory of it travel together, revisions
 * go 1, 2, 3, a dead letter comes once, and what a checkpoint calls covered is on the topic. Decodes with the connector's own codec and knows
 * nothing else of it. Findings are sentences; a story without findings is a good one.
 */
import { hash } from 'node:crypto'
import { deserialize } from 'node:v8'
import { decodeCheckpoint, decodeDelta } from '../../../src/ledger/codec.ts'
import type { Slot } from '../../../src/model/coverage.ts'
import type { Message, TransactionBatch } from '../../../src/ports.ts'
import type { MemoryCluster } from '../../support/memory-kafka.ts'
import { versionAt } from '../../support/simulator/call.ts'
import { type PublishedRecord, says } from '../../support/simulator/judge.ts'
import type { World } from '../../support/simulator/world.ts'

/** Of one entry of `seen`, as the ledger stores it: 11 words, little-endian. */
interface Entry {
  readonly id: string
  readonly content: string
  readonly revision: number
}

const ENTRY_BYTES = 44

export interface WitnessedAccount {
  readonly id: string
  readonly world: World
  readonly by: 'start' | 'end'
}

export class Witness {
  readonly findings: string[] = []
  private readonly books = new Map<string, Books>()
  private readonly eventsTopic: string
  private readonly deadLettersTopic: string

  constructor(accounts: readonly WitnessedAccount[], topics: { readonly events: string; readonly deadLetters: string }) {
    this.eventsTopic = topics.events
    this.deadLettersTopic = topics.deadLetters
    for (const account of accounts) this.books.set(account.id, new Books(account))
  }

  booksOf(account: string): Books {
    const books = this.books.get(account)
    if (books === undefined) throw new Error(`nobody knows account ${account}`)
    return books
  }

  /** For `MemoryCluster`. */
  see({ checkpoint, rest }: TransactionBatch, epoch: number): void {
    const key = String(checkpoint.message.key)
    const books = this.booksOf(key.slice(0, -'/checkpoint'.length))
    const of = (topic: string) => rest.flatMap(part => (part.topic === topic ? part.messages : []))
    const entries = of(checkpoint.topic).flatMap(({ key, value }) =>
      value !== null && String(key).includes('/seen/') ? entriesOf(value) : [],
    )
    this.findings.push(...books.take(of(this.eventsTopic), of(this.deadLettersTopic), entries))
    if (checkpoint.message.value !== null) this.findings.push(...books.takeCheckpoint(checkpoint.message.value, epoch))
  }

  /** What a new process would recall, against what is published of calls since then. */
  compareMemory(cluster: MemoryCluster, sinceMs: number): string[] {
    const published = cluster.committed(this.eventsTopic).length
    const counted = [...this.books.values()].reduce((sum, { records }) => sum + records.length, 0)
    const lost = published === counted ? [] : [`${published} records on the topic, ${counted} witnessed`]
    return [...lost, ...[...this.books.values()].flatMap(books => books.compareMemory(cluster, sinceMs))]
  }
}

/** What one account has published, and what its ledger says of it. */
export class Books {
  readonly records: PublishedRecord[] = []
  readonly deadLetters = new Map<string, Message>()
  incarnation = 0
  /** Of the producer that committed the newest claim. */
  private claimedIn = 0
  anchorMs = 0
  private readonly account: WitnessedAccount
  private readonly newest = new Map<string, PublishedRecord>()
  private readonly memory = new Map<string, Entry>()
  /** Slots that were found true once; the topic only grows, so they stay so. */
  private readonly trueSlots = new Set<string>()

  constructor(account: WitnessedAccount) {
    this.account = account
  }

  take(events: readonly Message[], letters: readonly Message[], entries: Entry[]): string[] {
    const found: string[] = []
    const left = new Map(entries.map(entry => [`${entry.id} ${entry.revision}`, entry]))
    const told = (what: string) => found.push(`${this.account.id}: ${what}`)
    for (const message of events) {
      const record = recordOf(message)
      const { callId, revision, change } = record
      const expected = (this.newest.get(callId)?.revision ?? 0) + 1
      if (revision !== expected) told(`revision ${revision} of a call that was at ${expected - 1}`)
      else if ((change === 'CREATED') !== (revision === 1)) told(`revision ${revision} is ${change}`)
      const name = `${idOf(callId)} ${revision}`
      const entry = left.get(name)
      if (entry === undefined || entry.content !== record.content.content_hash) told('a record without its entry in seen')
      left.delete(name)
      this.records.push(record)
      this.newest.set(callId, record)
    }
    for (const message of letters) {
      const [key, text] = [String(message.key), String(message.value)]
      if (this.deadLetters.has(text)) told('a dead letter twice')
      this.deadLetters.set(text, message)
      const entry = [...left].find(([, { content }]) => content === key)
      if (entry === undefined) told('a dead letter without its entry in seen')
      else left.delete(entry[0])
    }
    for (const entry of left.values()) {
      const known = this.memory.get(entry.id)
      if (known?.revision !== entry.revision || known.content !== entry.content) told('an entry in seen without its record')
    }
    for (const entry of entries) this.memory.set(entry.id, entry)
    return found
  }

  /** After compaction, too: of each call the newest entry is in the ledger, as long as the API may show the call. */
  compareMemory(cluster: MemoryCluster, sinceMs: number): string[] {
    const recalled = new Map<string, Entry>()
    for (const { key, value } of cluster.committed('ledger'))
      if (value !== null && String(key).startsWith(`${this.account.id}/seen/`))
        for (const entry of entriesOf(value)) recalled.set(entry.id, entry)
    const wrong = [...recalled.values()].filter(entry => {
      const known = this.memory.get(entry.id)
      return known?.revision !== entry.revision || known.content !== entry.content
    })
    const found = wrong.map(() => `${this.account.id}: the ledger remembers what was not published last`)
    const young = [...this.newest.values()].filter(({ content }) => Number(content.start_time) >= sinceMs)
    const lost = young.map(({ callId }) => callId).filter(callId => !recalled.has(idOf(callId)))
    return [...found, ...lost.map(callId => `${this.account.id}: published and forgotten: ${callId}`)]
  }

  takeCheckpoint(bytes: Buffer, epoch: number): string[] {
    const { incarnation, coverage } = decodeCheckpoint(bytes)
    const found: string[] = []
    if (incarnation > this.incarnation) this.claimedIn = epoch
    else if (incarnation < this.incarnation) found.push(`${this.account.id}: an older claim writes after a newer one`)
    // Between two producers somebody else may have committed: whoever uses the second one must have recalled under it.
    else if (epoch !== this.claimedIn) found.push(`${this.account.id}: a commit from before the producer was opened anew`)
    this.incarnation = incarnation
    this.anchorMs = coverage.anchorMs
    const untrue = coverage.slots.flatMap(slot => {
      const name = `${slot.fromMs} ${slot.untilMs} ${slot.newestReadMs}`
      if (this.trueSlots.has(name)) return []
      this.trueSlots.add(name)
      return this.untrueIn(slot).map(callId => `${this.account.id}: covered and not published: ${callId}`)
    })
    return [...found, ...untrue]
  }

  /** Calls that the API showed when the slot was last read completely, and that are not on the topic as they were shown then, or newer. */
  private untrueIn(slot: Slot): string[] {
    const { world, by } = this.account
    const { fromMs: from, untilMs: until } = slot
    // A call that gets its end as the request travels belongs to another slot when it arrives, and is looked for there.
    const stayed = by === 'end' ? new Set(world.select({ from, until, by })) : null
    return world.select({ from, until, by }, slot.newestReadMs).flatMap(call => {
      if (call.id === null || stayed?.has(call) === false) return []
      const content = this.newest.get(call.id)?.content
      const shown = call.versions.slice(versionAt(call, slot.newestReadMs))
      return content !== undefined && shown.some(({ facts }) => says(content, facts)) ? [] : [call.id]
    })
  }
}

function recordOf({ key, value, headers }: Message): PublishedRecord {
  return {
    callId: String(key).split('/').at(-1) ?? '',
    revision: Number(headers?.revision),
    change: String(headers?.change),
    content: deserialize(value ?? Buffer.alloc(0)),
  }
}

function entriesOf(delta: Buffer): Entry[] {
  const { entries } = decodeDelta(delta)
  return Array.from({ length: entries.length / ENTRY_BYTES }, (_, index) => {
    const word = (at: number) => entries.readUInt32LE(index * ENTRY_BYTES + at * 4)
    const hex = (at: number) => word(at).toString(16).padStart(8, '0')
    return { id: hex(0) + hex(1) + hex(2) + hex(3), content: hex(4) + hex(5), revision: word(10) >>> 16 }
  })
}

/** By which a call is known in `seen`: the first 16 bytes of its digest, word by word. */
function idOf(callId: string): string {
  return Buffer.from(hash('sha256', `call\n${callId}`, 'hex').slice(0, 32), 'hex')
    .swap32()
    .toString('hex')
}
