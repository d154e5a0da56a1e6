/**
 * An audit of one account: the API against the ledger over settled slots, and against the topic when asked. It only reads, so a running owner is not
 * disturbed; but the owner goes on publishing meanwhile, so nothing is reported that was not looked at twice.
 *
 *   peek ─▶ read every settled window ─▶ scan the topic ─▶ suspects?
 *     read their windows again ─▶ peek again ─▶ scan what came to the topic since ─▶ what is still so is a finding
 */
import { ConnectorError } from '../errors.ts'
import type { LedgerSnapshot, LedgerView } from '../looking-ports.ts'
import { type AuditPlan, type Hole, planAudit } from '../model/audit-plan.ts'
import type { NumberProtection } from '../model/number-protection.ts'
import type { SeenIndex } from '../model/sift.ts'
import { subtract, union, type Window } from '../model/window.ts'
import type { Clock, Source } from '../ports.ts'
import { AuditIndex, FLAG } from './audit-index.ts'
import { type AuditRow, fewerIn, LedgerSide } from './audit-ledger.ts'
import { isStop, type Reading, readForAudit } from './audit-reading.ts'
import { type AuditReport, Findings, NOTHING_FOUND } from './audit-report.ts'
import { type FewerSlots, fewerOf, lookAgain, type SecondLook } from './audit-second-look.ts'
import { LetterSide, TopicSide } from './audit-topic.ts'
import { type OutputTopics, TopicScan } from './audit-topic-scan.ts'
import { memoryOf } from './one-version.ts'
import { WindowReader } from './read.ts'

/** Where an audit is. */
export interface AuditProgress {
  readonly doing: 'reading' | 'scanning' | 'looking again'
  /** Windows, or records of the topic. */
  readonly done: number
  /** `null` when nobody knows. */
  readonly all: number | null
  readonly requests: number
  /** Of each window still to be read, by the books. */
  readonly rowsPerWindowLeft: readonly number[]
}

export interface AuditParts {
  readonly source: Source
  readonly ledger: LedgerView
  readonly clock: Clock
  /** An empty memory of calls. */
  readonly createIndex: () => SeenIndex
  /** `null` leaves the topics alone. */
  readonly output: OutputTopics | null
  readonly tell: (progress: AuditProgress) => void
}

export interface AuditOptions {
  readonly account: string
  /** `null` for everything that is settled. */
  readonly asked: Window | null
  readonly settleMs: number
  readonly maxRowsPerRead: number
  readonly ignored: ReadonlySet<string>
  readonly numbers: NumberProtection
  readonly keyOf: (callId: string) => string
}

/** So full are windows planned, like the connector's own. */
const FULLNESS = 0.7

/**
 * Resolves with what was found, also when told to stop. Throws what the API, the ledger, Kafka and the registry throw, and `LEDGER_FULL` when the range
 * holds more calls than `records.maxSeen`. Holds two snapshots of the ledger and some 130 bytes for each call of the range.
 */
export async function audit(parts: AuditParts, options: AuditOptions, signal: AbortSignal): Promise<AuditReport> {
  const work = new Audit(parts, options, signal)
  try {
    await work.run()
  } catch (error) {
    if (!isStop(error, signal)) throw error
    work.interrupted = true
  }
  return work.report()
}

class Audit {
  interrupted = false
  private readonly parts: AuditParts
  private readonly options: AuditOptions
  private readonly signal: AbortSignal
  private readonly nowMs: number
  private readonly index: AuditIndex
  private plan: AuditPlan = { range: null, windows: [], holes: [] }
  private scan: TopicScan | null = null
  private readonly fewer: FewerSlots = new Findings()
  private readonly unproved: Hole[] = []
  private second: SecondLook | null = null
  private windowsRead = 0

  constructor(parts: AuditParts, options: AuditOptions, signal: AbortSignal) {
    this.parts = parts
    this.options = options
    this.signal = signal
    this.nowMs = parts.clock.now()
    this.index = new AuditIndex(parts.createIndex(), this.nowMs)
  }

  async run(): Promise<void> {
    const { index, signal, nowMs } = this
    const { source, ledger, output } = this.parts
    const { account, keyOf } = this.options
    const snapshot = await ledger.peek(signal)
    this.plan = this.planOf(snapshot)
    this.unproved.push(...this.plan.holes)
    if (this.plan.range === null) return
    source.holdUntil(snapshot.notBeforeMs)
    await source.probe(signal)
    const side = new LedgerSide(index, snapshot, { nowMs, keyOf, partitions: output?.events.partitions ?? 1 })
    const letters = new LetterSide(index, account)
    await this.readAll(side, letters, snapshot)
    const topicSide = this.topicSide(snapshot)
    if (output !== null) this.scan = new TopicScan(output, topicSide, letters)
    await this.scanOn()
    const reading = this.reading(snapshot)
    const topic = output === null || this.scan === null ? null : { scan: this.scan, output }
    this.second = await lookAgain(
      { index, side, topicSide, letters, topic, fewer: this.fewer, windows: this.plan.windows },
      {
        read: (window, onRow) => readForAudit(reading, window, onRow, signal),
        peek: () => ledger.peek(signal),
        scanOn: () => this.scanOn(),
        nowMs,
        tell: (done, all) => this.tell('looking again', done, all),
      },
    )
    this.unproved.push(...this.second.unproved)
  }

  report(): AuditReport {
    const { index, plan, second } = this
    return {
      account: this.options.account,
      range: plan.range,
      calls: index.count(FLAG.shown, FLAG.bad),
      badRows: index.count(FLAG.shown | FLAG.bad),
      windows: { read: this.windowsRead, planned: plan.windows.length },
      requests: this.parts.source.requests(),
      notComparable: index.count(FLAG.shown | FLAG.otherRules),
      unproved: this.unproved,
      findings: second?.findings ?? NOTHING_FOUND,
      beyond: second?.beyond ?? 0,
      topic: this.scan?.report() ?? null,
      interrupted: this.interrupted,
    }
  }

  private planOf({ coverage }: LedgerSnapshot): AuditPlan {
    const { asked, settleMs, maxRowsPerRead, account } = this.options
    if (coverage !== null)
      return planAudit(coverage, { asked, settleMs, rowsPerWindow: maxRowsPerRead * FULLNESS, nowMs: this.nowMs })
    throw new ConnectorError('LEDGER_MISMATCH', `the ledger holds nothing of account "${account}": no run has claimed it yet`)
  }

  /** Every planned window, oldest first: what will soon be too old comes before what will not. */
  private async readAll(side: LedgerSide, letters: LetterSide, snapshot: LedgerSnapshot): Promise<void> {
    const reading = this.reading(snapshot)
    for (const [place, window] of this.plan.windows.entries()) {
      this.tell('reading', place, this.plan.windows.length)
      const onRow = (row: AuditRow) => {
        const { slot, judgement } = side.take(row, place)
        if (row.letter === null) return
        const { key, isContent } = row.letter
        const firstSeenMs = this.index.firstSeenMs(slot)
        const isComparable = judgement !== 'not_comparable' && firstSeenMs >= snapshot.rulesSinceMs
        letters.expect(key, { window: place, firstSeenMs, isContent, isComparable })
      }
      this.unproved.push(...(await readForAudit(reading, window, onRow, this.signal)))
      this.windowsRead += 1
    }
    const isProved = (slot: Window) => !this.unproved.some(hole => hole.fromMs < slot.untilMs && slot.fromMs < hole.untilMs)
    const slots = this.plan.windows.flatMap(window => window.slots).filter(isProved)
    for (const found of fewerIn(slots, this.index.startsIn(slots)))
      this.fewer.set(`${found.slot.fromMs}`, { ...fewerOf(found), ...found })
  }

  private async scanOn(): Promise<void> {
    await this.scan?.scanOn(records => this.tell('scanning', records, null), this.signal)
  }

  private reading({ seen }: LedgerSnapshot): Reading {
    const { source, clock } = this.parts
    const reader = new WindowReader({ source, clock, note: () => undefined, ...memoryOf(seen, clock) }, this.options)
    const audited = union(this.plan.windows)
    const isInside = (startMs: number) => audited.some(({ fromMs, untilMs }) => fromMs <= startMs && startMs < untilMs)
    return { reader, clock, isInside }
  }

  private topicSide({ rulesSinceMs }: LedgerSnapshot): TopicSide {
    const proved = subtract(this.plan.windows, this.unproved)
    const isCompacted = this.parts.output?.isCompacted ?? false
    return new TopicSide(this.index, { ...this.options, rulesSinceMs, isCompacted, proved })
  }

  private tell(doing: AuditProgress['doing'], done: number, all: number | null): void {
    const left = doing === 'reading' ? this.plan.windows.slice(done) : []
    this.parts.tell({ doing, done, all, requests: this.parts.source.requests(), rowsPerWindowLeft: left.map(({ rows }) => rows) })
  }
}
