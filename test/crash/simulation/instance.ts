/**
 * One process of the connector, put together as `wiring.ts` does it, with everything outside it replaced: Kafka and the API in memory, time
 * virtual, and death or a pause at any await. The only place where a simulated instance is made: what a process gets more goes in here.
 */
import { serialize } from 'node:v8'
import { codeOf } from '../../../src/errors.ts'
import { AccountTask } from '../../../src/flow/account.ts'
import { type Member, runFleet } from '../../../src/flow/fleet.ts'
import type { Stop } from '../../../src/flow/sweep.ts'
import { SharedPublisher } from '../../../src/kafka/shared-publisher.ts'
import { createKaleyraSource } from '../../../src/kaleyra/source.ts'
import { createLedger } from '../../../src/ledger/ledger.ts'
import type { Clock, Happening, Ledger } from '../../../src/ports.ts'
import { identity, usualOptions } from '../../support/ledger-on-memory.ts'
import type { MemoryGroup } from '../../support/memory-group.ts'
import type { CommitFault, MemoryCluster } from '../../support/memory-kafka.ts'
import { Mortal, mortalClock, mortalKafka } from '../../support/mortal.ts'
import type { Dice } from '../../support/simulator/dice.ts'
import { Line, type MemoryApi } from '../../support/simulator/memory-api.ts'
import { usualAccount } from '../../support/usual-account.ts'
import type { AccountCircumstances, Circumstances } from './circumstances.ts'
import { memberOf, type Owner, quarreller } from './owners.ts'

export const TRANSACTIONAL_ID = 'kaleyra-0'

/** An account as all instances share it. */
export interface SharedAccount {
  readonly circumstances: AccountCircumstances
  readonly api: MemoryApi
  /** What the API was heard to promise and then stands in a committed checkpoint: epoch milliseconds. */
  keptUntilMs: number
}

export interface InstanceParts {
  readonly name: string
  readonly circumstances: Circumstances
  readonly accounts: readonly SharedAccount[]
  readonly cluster: MemoryCluster
  /** `null` where the assignment is a quarrel. */
  readonly group: MemoryGroup | null
  readonly clock: Clock
  readonly dice: Dice
  /** Awaits until death. */
  readonly breaths: number
  readonly once: boolean
  readonly fault: () => CommitFault | null
  readonly isCalm: () => boolean
  readonly note: (account: string, happening: Happening) => void
  readonly log: (line: () => string) => void
}

/** How a process ended: an ending of the fleet, the code of what it threw, or `killed`. */
export type End = string

export class Instance {
  readonly name: string
  readonly lines: Line[] = []
  readonly mortal: Mortal
  /** How far this process's wall clock is wrong. */
  offMs = 0
  /** What it has of the assignment; `null` until it runs. */
  owner: Owner | null = null
  /** The error behind an end that must not be. */
  error: unknown = null
  private readonly parts: InstanceParts
  private readonly soft = new AbortController()

  constructor(parts: InstanceParts) {
    this.parts = parts
    this.name = parts.name
    this.mortal = new Mortal(parts.breaths)
  }

  /** The operator's first signal. */
  stop(): void {
    this.soft.abort()
  }

  /** Resolves when the process has ended; never, when it died and did not rise. */
  async run(): Promise<End> {
    const { clock: outer, cluster, group, dice, once, fault } = this.parts
    const { mortal } = this
    const ledgers: Ledger[] = []
    const clock = mortalClock(outer, mortal, () => this.offMs)
    const kafka = mortalKafka({ cluster, transactionalId: TRANSACTIONAL_ID, clock: outer, mortal, dice, fault })
    const shared = new SharedPublisher({ publisher: kafka.publisher, reader: kafka.reader, clock })
    // Heartbeats cost no breath, or most would die between two of them.
    const still = mortalClock(outer, mortal, undefined, () => mortal.stillness())
    const asking = { clock: still, dice: dice.fork('owner'), once }
    const owner = group === null ? quarreller(asking) : memberOf(group, asking)
    this.owner = owner
    const launch = (stop: Stop) =>
      this.parts.accounts.map(account => this.member(account, { clock, kafka, shared, owner, ledgers, stop }))
    try {
      return await runFleet(launch, { soft: this.soft.signal, hard: never }, { once, clock, onStopping: () => undefined })
    } catch (error) {
      this.error = error
      return codeOf(error)
    } finally {
      await Promise.all(ledgers.map(ledger => ledger.close()))
      await owner.close()
    }
  }

  private member(account: SharedAccount, { clock, kafka, shared, owner, ledgers, stop }: Insides): Member {
    const { circumstances, dice, once, log } = this.parts
    const { id, timeZone, pageSize, sendsBadRequest, burst } = account.circumstances
    const note = (happening: Happening) => this.parts.note(id, happening)
    const latency = dice.fork(`latency ${this.name} ${id}`)
    const line = new Line({
      api: account.api,
      clock,
      timeoutMs: TIMEOUT_MS,
      latencyMs: () => latency.whole(20, 1_500),
      slides: () => !this.parts.isCalm() && latency.chance(circumstances.slideShare),
      note: text => log(() => `${this.name} ${id} ${text()}`),
    })
    this.lines.push(line)
    const zone = timeZone === undefined ? {} : { timeZone }
    const asking = { pageSize, burst, sendsBadRequest, requestsPerSecond: circumstances.requestsPerSecond, ...zone }
    const source = line.watch(
      createKaleyraSource(
        { sid: 'HX0000000001US', apiKey: 'A0123456789', origin: 'http://api', timeoutMs: TIMEOUT_MS, optIn: [], ...asking },
        { clock, random: () => latency.roll(), note, transport: line },
      ),
    )
    const ledger = this.obliged(
      createLedger(
        {
          ...shared.view(),
          topics: kafka.topics,
          clock,
          notBeforeMs: () => source.notBeforeMs(),
          dialect: () => source.dialect(),
        },
        { ...usualOptions, identity: { ...identity, account: id, sid: `HX-${id}` }, startFromMs: circumstances.reachMs },
      ),
      account,
      line,
    )
    ledgers.push(ledger)
    const padding = Buffer.alloc(circumstances.paddingBytes)
    const task = new AccountTask(
      {
        source,
        ledger,
        ownership: owner.ownership,
        // Read back by the witness; the Avro encoder has its own tests.
        encoder: { encode: event => (padding.length === 0 ? serialize(event) : Buffer.concat([serialize(event), padding])) },
        clock,
        random: () => latency.roll(),
        note,
      },
      {
        ...usualAccount,
        account: id,
        keyOf: callId => `${id}/${callId}`,
        schedule: usualAccount.schedule.map(entry =>
          entry.name === 'hot' ? { ...entry, everyMs: circumstances.hotEveryMs } : entry,
        ),
        maxRowsPerRead: circumstances.maxRowsPerRead,
        once,
      },
      stop,
    )
    return { account: id, run: () => task.run(), notBeforeMs: () => source.notBeforeMs(), note }
  }

  /** What stands in the ledger binds whoever looks into it after that. */
  private obliged(ledger: Ledger, account: SharedAccount, line: Line): Ledger {
    // A wall clock that is wrong tells another instant than the one that was meant.
    const bind = (untilMs: number) => {
      if (!this.parts.circumstances.hasWrongClocks) line.quietUntilMs = Math.max(line.quietUntilMs, untilMs)
    }
    return {
      look: async signal => {
        const untilMs = account.keptUntilMs
        const found = await ledger.look(signal)
        bind(untilMs)
        return found
      },
      recall: async signal => {
        const untilMs = account.keptUntilMs
        const state = await ledger.recall(signal)
        bind(untilMs)
        return state
      },
      commit: async (state, chunk, signal) => {
        const heardMs = line.quietUntilMs
        await ledger.commit(state, chunk, signal)
        account.keptUntilMs = Math.max(account.keptUntilMs, heardMs)
      },
      close: () => ledger.close(),
    }
  }
}

const TIMEOUT_MS = 10_000
const never = new AbortController().signal

interface Insides {
  readonly clock: Clock
  readonly kafka: ReturnType<typeof mortalKafka>
  readonly shared: SharedPublisher
  readonly owner: Owner
  readonly ledgers: Ledger[]
  readonly stop: Stop
}
