/**
 * One story, told by its seed alone: lives of the whole connector that are killed, paused, fenced, stopped or left in peace, one after the
 * other or several at once, on an API of any dialect, with calls that come late and change; then a calm life that reads everything. The same
 * seed is the same story to the byte. What is wrong with it comes as findings; a good story has none.
 */
import { inspect } from 'node:util'
import type { ErrorCode } from '../../../src/errors.ts'
import { HORIZON_MS } from '../../../src/model/coverage.ts'
import { edgeOf } from '../../../src/model/schedule.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../src/model/window.ts'
import type { Happening } from '../../../src/ports.ts'
import { memoryCluster } from '../../support/ledger-on-memory.ts'
import type { MemoryGroup } from '../../support/memory-group.ts'
import { type CommitFault, MemoryCluster } from '../../support/memory-kafka.ts'
import { Dice } from '../../support/simulator/dice.ts'
import { judge } from '../../support/simulator/judge.ts'
import { MemoryApi } from '../../support/simulator/memory-api.ts'
import { renderRow } from '../../support/simulator/row.ts'
import { World } from '../../support/simulator/world.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { type Circumstances, circumstancesOf } from './circumstances.ts'
import { type End, Instance, type SharedAccount, TRANSACTIONAL_ID } from './instance.ts'
import { groupOn, PARTED_MS } from './owners.ts'
import { type Tally, tallyOf } from './tally.ts'
import { Witness } from './witness.ts'

export interface Told {
  readonly seed: number
  readonly findings: readonly string[]
  /** Absent when the story never ended. */
  readonly tally?: Tally
}

/** Ends that say that something is broken, whatever happened outside. */
const BROKEN: ReadonlySet<string> = new Set<ErrorCode>([
  'BUG',
  'LEDGER_MISMATCH',
  'LEDGER_UNREADABLE',
  'LEDGER_FULL',
  'TOPIC_MISSING',
  'TOPIC_MISCONFIGURED',
])

const TRANSACTION_TIMEOUT_MS = MINUTE_MS
/** A clock that runs ahead by the nine days that `seen` is kept would forget everything: see the limits in the README. */
const FURTHEST_OFF_MS = 2 * DAY_MS
/** For so long the API shows a call, and nobody may forget it. */
const SHOWN_MS = 7 * DAY_MS
const FOREIGN = 'foreign-0'
const MOST_LINES = 20
const never = new AbortController().signal

/** Tells the story of a seed; `log` gets everything that happens in it, line by line. */
export async function tell(seed: number, log: ((line: string) => void) | null = null): Promise<Told> {
  const story = new Story(seed, log)
  try {
    await story.tell()
  } catch (error) {
    story.findings.push(inspect(error))
  }
  return { seed, findings: story.findings.slice(0, MOST_LINES), tally: story.tally }
}

class Story {
  readonly findings: string[]
  readonly tally: Tally
  private readonly circumstances: Circumstances
  private readonly dice: Dice
  private readonly clock: VirtualClock
  private readonly accounts: readonly SharedAccount[]
  private readonly witness: Witness
  private readonly cluster: MemoryCluster
  private readonly log: (line: string | (() => string)) => void
  private readonly group: MemoryGroup | null
  /** Who has neither ended nor died for good; resolved by either. */
  private readonly running = new Map<Instance, PromiseWithResolvers<void>>()
  private born = 0
  private calm = false

  constructor(seed: number, log: ((line: string) => void) | null) {
    const circumstances = circumstancesOf(seed)
    const dice = new Dice(seed)
    const clock = new VirtualClock({ startMs: circumstances.startMs })
    this.circumstances = circumstances
    this.dice = dice
    this.clock = clock
    this.log = line => log?.(`${clock.now()} ${typeof line === 'string' ? line : line()}`)
    this.accounts = circumstances.accounts.map(account => ({
      circumstances: account,
      api: new MemoryApi({
        world: new World({ ...account.world, now: () => clock.now() }),
        dice: dice.fork(`api ${account.id}`),
        options: account.api,
      }),
      keptUntilMs: 0,
    }))
    const witnessed = this.accounts.map(({ circumstances: { id }, api }) => ({ id, world: api.world, by: api.options.filterBy }))
    this.witness = new Witness(witnessed, { events: 'events', deadLetters: 'dlq' })
    this.cluster = new MemoryCluster((id, batch, epoch) => {
      const before = this.findings.length
      if (id === TRANSACTIONAL_ID) this.witness.see(batch, epoch)
      for (const finding of this.findings.slice(before)) this.log(`WRONG: ${finding}`)
      this.log(() => `${id} committed ${batch.rest.map(({ topic, messages }) => `${topic} ${messages.length}`).join(', ')}`)
    })
    this.group = circumstances.assignment === 'group' ? groupOn(clock) : null
    this.findings = this.witness.findings
    this.tally = tallyOf(circumstances)
  }

  async tell(): Promise<void> {
    const { dice, clock, circumstances, accounts } = this
    await memoryCluster(1, this.cluster)
    for (const { api } of accounts)
      for (let left = circumstances.longWaits; left > 0; left -= 1)
        api.next({ fault: 'http429', after: dice.whole(5, 60), retryAfterSeconds: dice.whole(11, 3_600) })
    for (let left = circumstances.lives; left > 0; left -= 1) {
      const ended = this.begin()
      if (dice.chance(circumstances.crowdShare)) await clock.sleep(dice.whole(0, 15 * MINUTE_MS), never)
      else await ended
      this.disturb()
      await clock.sleep(this.pauseMs(), never)
      if (this.findings.length > 0) return
    }
    await this.settle()
    await this.end()
  }

  private pauseMs(): number {
    const { dice, circumstances } = this
    if (circumstances.kind === 'days' && dice.chance(0.6)) return dice.whole(DAY_MS, 5 * DAY_MS)
    return dice.chance(0.7) ? dice.whole(0, MINUTE_MS) : dice.whole(0, 3 * HOUR_MS)
  }

  /** A process with all that may happen to it. */
  private begin(): Promise<End> {
    const { dice, clock, circumstances } = this
    const breaths = dice.chance(circumstances.deathShare) ? dice.whole(1, dice.pick([30, 150, 600])) : Number.POSITIVE_INFINITY
    const instance = this.create(breaths, dice.chance(0.4))
    const ended = this.live(instance)
    const whileItRuns = (afterMs: number, event: () => void) =>
      void clock.sleep(afterMs, never).then(() => {
        if (this.running.has(instance) && !this.calm) event()
      })
    whileItRuns(dice.whole(0, 40 * MINUTE_MS), () => instance.stop())
    if (circumstances.hasWrongClocks && dice.chance(0.7)) {
      const offMs = dice.pick([-1, 1]) * Math.round(dice.spread(2 * MINUTE_MS, FURTHEST_OFF_MS))
      const sinceMs = dice.whole(0, 20 * MINUTE_MS)
      whileItRuns(sinceMs, () => this.setClock(instance, offMs))
      whileItRuns(sinceMs + dice.whole(5, 30) * MINUTE_MS, () => this.setClock(instance, 0))
    }
    if (dice.chance(0.2)) {
      const sinceMs = dice.whole(0, 20 * MINUTE_MS)
      whileItRuns(sinceMs, () => this.cut(instance, true))
      whileItRuns(sinceMs + dice.whole(0, 5 * MINUTE_MS), () => this.cut(instance, false))
    }
    return ended
  }

  /** Between an instance and the coordinator of its group. */
  private cut({ name, owner }: Instance, isCut: boolean): void {
    if (owner === null || owner.wire === null) return
    owner.wire.isCut = isCut
    if (isCut) this.tally.cuts += 1
    this.log(`${name} ${isCut ? 'is cut off from' : 'hears'} its group`)
  }

  private setClock(instance: Instance, offMs: number): void {
    instance.offMs = offMs
    this.tally.clockJumps += 1
    this.log(`${instance.name} clock off by ${offMs}`)
  }

  private create(breaths: number, once: boolean): Instance {
    const { circumstances, accounts, cluster, group, clock } = this
    this.born += 1
    const name = `p${this.born}`
    const dice = this.dice.fork(name)
    const faults = dice.fork('commits')
    return new Instance({
      ...{ name, circumstances, accounts, cluster, group, clock, dice, breaths, once },
      isCalm: () => this.calm,
      fault: () => (this.calm || !faults.chance(circumstances.commitFaultShare) ? null : this.commitFault(faults)),
      note: (account, happening) => this.note(name, account, happening),
      log: this.log,
    })
  }

  private commitFault(faults: Dice): CommitFault {
    this.tally.commitFaults += 1
    return faults.pick(['reject', 'failAfterWrite'])
  }

  /** Resolves at the end or the death of the instance; one that rises again goes on behind it. */
  private async live(instance: Instance): Promise<End> {
    this.log(`${instance.name} begins`)
    this.tally.lives += 1
    const ended = instance.run().then(end => {
      this.gone(instance)
      this.look(instance, end)
      return end
    })
    this.running.set(instance, Promise.withResolvers())
    const end = await Promise.race([ended, instance.mortal.dead.then(() => 'killed')])
    if (end === 'killed') this.bury(instance)
    return end
  }

  /** What Kafka does about a process that is silent, and whether it was only paused: then it comes back knowing nothing. */
  private bury(instance: Instance): void {
    const { clock, cluster, dice } = this
    this.tally.crashes += 1
    this.log(`${instance.name} stands still`)
    const open = cluster.openTransaction(TRANSACTIONAL_ID)
    void clock.sleep(TRANSACTION_TIMEOUT_MS, never).then(() => cluster.timeOut(TRANSACTIONAL_ID, open))
    if (!dice.chance(0.4)) {
      this.gone(instance)
      return
    }
    void clock.sleep(dice.whole(0, 20 * MINUTE_MS), never).then(() => {
      this.tally.ghosts += 1
      this.log(`${instance.name} goes on`)
      instance.mortal.rise()
    })
  }

  private gone(instance: Instance): void {
    this.running.get(instance)?.resolve()
    this.running.delete(instance)
  }

  /** Between lives, or while they run. */
  private disturb(): void {
    const { dice, clock, cluster, circumstances } = this
    if (dice.chance(0.3)) cluster.compact('ledger')
    if (dice.chance(0.1)) {
      this.tally.clockJumps += 1
      clock.jumpWall(Math.round(dice.spread(MINUTE_MS, 3 * HOUR_MS)))
    }
    if (!circumstances.hasForeignTransactions || !dice.chance(0.5)) return
    this.tally.foreignTransactions += 1
    cluster.leaveOpen(FOREIGN, 'ledger', [{ partition: 0, key: 'foreign', value: null, timestampMs: clock.now() }])
    void clock.sleep(dice.whole(0, 100 * SECOND_MS), never).then(() => cluster.fence(FOREIGN))
  }

  /** From now on nothing fails any more, and nobody is left of those who came back. */
  private async settle(): Promise<void> {
    this.calm = true
    for (const { api } of this.accounts) api.clearFaults()
    for (const instance of this.running.keys()) {
      instance.offMs = 0
      if (instance.owner?.wire) instance.owner.wire.isCut = false
      instance.stop()
    }
    // Whoever is doomed may still die here.
    await Promise.all([...this.running.values()].map(({ promise }) => promise))
    await this.clock.sleep(PARTED_MS, never)
    this.cluster.fence(FOREIGN)
    this.cluster.compact('ledger')
  }

  private async end(): Promise<void> {
    const settledMs = this.clock.now()
    const byEnd = this.accounts.some(({ api }) => api.options.filterBy === 'end')
    // A call that gets its end in mid-pass moves from a window that is still to be read to one that was: the next pass finds it.
    for (let left = byEnd ? 2 : 1; left > 0; left -= 1) {
      const last = this.create(Number.POSITIVE_INFINITY, true)
      const end = await this.live(last)
      const isLate = this.accounts.some(
        ({ circumstances: { id } }) => this.witness.booksOf(id).anchorMs < readableFrom(settledMs),
      )
      if (end !== 'covered' && !(isLate && end === 'unproved'))
        this.findings.push(`the calm life ended as ${end}: ${inspect(last.error)}`)
    }
    for (const account of this.accounts) this.judge(account, settledMs)
    this.findings.push(...this.witness.compareMemory(this.cluster, settledMs - SHOWN_MS))
  }

  /** Everything that the API showed is published, in every version, once. */
  private judge({ circumstances: { id }, api: { world, options } }: SharedAccount, settledMs: number): void {
    const { records, deadLetters, anchorMs } = this.witness.booksOf(id)
    const from = Math.max(anchorMs, readableFrom(settledMs))
    const edgeMs = edgeOf(settledMs, options.skewMs)
    // An unfinished minute is read along with whole ones: of a ledger that begins in it, nothing is due yet.
    const readUntilMs = Math.floor(edgeMs / MINUTE_MS) * MINUTE_MS <= from ? from : edgeMs
    // Whatever ends after the edge is not shown there by an API that filters on ends.
    const until = options.filterBy === 'end' ? edgeMs - HOUR_MS : readUntilMs
    const { clean: _, ...verdict } = judge(world, records, { settledBefore: settledMs, from, until })
    for (const [what, names] of Object.entries(verdict))
      this.findings.push(...names.map((name: string) => `${id}: ${what}: ${name}`))
    const told = new Set([...deadLetters.keys()].map(text => rowText(JSON.parse(text).row)))
    const bad = world.calls.filter(call => call.id === null && from <= call.startMs && call.startMs < until)
    for (const call of bad) {
      const [{ visibleFrom, facts }] = call.versions as [(typeof call.versions)[0]]
      if (visibleFrom <= settledMs && !told.has(rowText(renderRow(call, facts, world.shape))))
        this.findings.push(`${id}: a bad row at ${call.startMs} is not among the dead letters`)
    }
  }

  /** After each life. */
  private look(instance: Instance, end: End): void {
    const { requestsPerSecond, accounts } = this.circumstances
    this.log(`${instance.name} ends: ${end}`)
    if (end === 'FENCED') this.tally.takeovers += 1
    if (BROKEN.has(end)) this.findings.push(`${instance.name} ended as ${end}: ${inspect(instance.error)}`)
    for (const [index, { book }] of instance.lines.entries()) {
      const burst = accounts[index]?.burst ?? 1
      this.tally.requests += book.counts.requests
      if (book.counts.early > 0) this.findings.push(`${instance.name} asked ${book.counts.early} times while told to stay away`)
      for (const spanMs of [SECOND_MS, 10 * SECOND_MS, MINUTE_MS]) {
        const most = book.mostWithin(spanMs)
        if (most > (spanMs / SECOND_MS) * requestsPerSecond + burst)
          this.findings.push(`${instance.name} sent ${most} requests within ${spanMs} ms`)
      }
    }
  }

  private note(name: string, account: string, happening: Happening): void {
    const { kind } = happening
    if (kind === 'committed') this.tally.rows += happening.commit.rows
    else if (kind === 'recalled' && this.witness.booksOf(account).incarnation < happening.incarnation)
      this.findings.push(`${name} goes on with a claim that the ledger does not hold`)
    else if (kind === 'ownership' || (kind === 'task' && happening.state === 'standby')) this.tally.takeovers += 1
    else if (kind === 'gap.opened') this.tally.gaps += 1
    if (kind !== 'standing' && kind !== 'budget' && kind !== 'request') this.log(() => `${name} ${account} ${plain(happening)}`)
  }
}

function plain(happening: Happening): string {
  return JSON.stringify(happening, (_, value: unknown) => (value instanceof Error ? value.message : value))
}

/** What starts before this may have become unreadable before the last life came to it. */
function readableFrom(nowMs: number): number {
  return nowMs - HORIZON_MS + 6 * HOUR_MS
}

/** A row as the dead letters show it: without the fields that are published on request only. */
function rowText({ location, provider, recording, ...row }: Record<string, unknown>): string {
  return JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))
}
