/** The one place that says `create` and `new`: settings in, the parts of a running connector out. No decision is made here. */
import { hash } from 'node:crypto'
import { type AccountOptions, AccountTask } from './flow/account.ts'
import { OrderRouter } from './flow/order-router.ts'
import type { Stop } from './flow/sweep.ts'
import type { KafkaClient } from './kafka/client.ts'
import { createOwnership } from './kafka/ownership.ts'
import { createTopics } from './kafka/topics.ts'
import type { Budget } from './kaleyra/budget.ts'
import { NORMALISER_VERSION } from './kaleyra/normalise.ts'
import { createKaleyraSource } from './kaleyra/source.ts'
import { createClockChange } from './kaleyra/zones.ts'
import { identityFrom } from './ledger/identity.ts'
import { createLedger } from './ledger/ledger.ts'
import { secretsIn } from './model/complaints.ts'
import { protectionOf } from './model/number-protection.ts'
import { keyed, partitionOf } from './model/partition.ts'
import type { Encoder, Happening, Ledger, Ownership, Source, TopicState, Topics } from './ports.ts'
import { type Control, startControl } from './server/control.ts'
import type { ControlTarget } from './server/control-client.ts'
import { defaultSocketPath } from './server/control-socket.ts'
import { createReadiness, type Readiness } from './server/readiness.ts'
import { StatusBoard } from './server/status-board.ts'
import type { AccountSettings, Settings } from './settings.ts'
import { createLog, type Log } from './telemetry/log.ts'
import { createMetrics, type Metrics } from './telemetry/metrics.ts'
import { createObserver } from './telemetry/observer.ts'
import { clock, type Shared } from './wiring-shared.ts'

export { clock, createBudgets, createClient, createShared, registryOf } from './wiring-shared.ts'

const random = Math.random

/** Everything that watches, and where it is told to act. */
export interface Watch {
  readonly log: Log
  readonly metrics: Metrics
  readonly board: StatusBoard
  readonly readiness: Readiness
  /** Where orders for the accounts come in. */
  readonly orders: OrderRouter
  readonly note: (account: string) => (happening: Happening) => void
}

export function createWatch(settings: Settings, build: string): Watch {
  const log = createLog({ level: settings.log.level, format: settings.log.format, secrets: secretsIn(settings) })
  const schedules = [...settings.polling.schedule.map(({ name }) => name), 'backfill']
  const accounts = settings.accounts.map(({ id }) => id)
  const metrics = createMetrics({ build: { version: build, node: process.version }, schedules, accounts })
  metrics.watchProcess()
  const observer = createObserver(metrics, log, clock)
  const board = new StatusBoard(accounts, () => clock.now())
  const readiness = createReadiness(accounts)
  const note = (account: string) => (happening: Happening) => {
    observer.note(account, happening)
    board.note(account, happening)
    if (happening.kind === 'task') readiness.note(account, happening.state)
  }
  return { log, metrics, board, readiness, orders: new OrderRouter(), note }
}

/** Where the connectors of these settings take orders on this machine, or at a host and port. */
export function controlTargetOf({ name, control }: Pick<Settings, 'name' | 'control'>): ControlTarget {
  const { socket = defaultSocketPath(name), host = '127.0.0.1', port, token } = control
  return port === undefined || token === undefined ? { kind: 'socket', path: socket } : { kind: 'tcp', host, port, token }
}

/** Throws `PORT_UNAVAILABLE`. */
export function openControl(settings: Settings, { orders, board, log }: Watch, build: string): Promise<Control> {
  const target = controlTargetOf(settings)
  return startControl({
    address: target.kind === 'tcp' ? target : { ...target, suffix: String(process.pid) },
    accounts: settings.accounts.map(({ id }) => id),
    status: () => board.report(settings.name, build),
    give: (account, order, signal) => orders.give(account, order, signal),
    clock,
    log,
  })
}

export function createTopicsOf(client: KafkaClient, deadlineMs?: number): Topics {
  return createTopics({ client, clock, ...(deadlineMs !== undefined && { deadlineMs }) })
}

export interface AccountWiring {
  readonly settings: Settings
  /** The settings as they are now: a secret that was refused may have been changed since the start. */
  readonly reread: () => Settings | undefined
  readonly account: AccountSettings
  readonly shared: Shared
  readonly topics: Topics
  /** As `ensure` found them. */
  readonly states: readonly TopicState[]
  readonly encoder: Encoder
  readonly note: (happening: Happening) => void
  readonly mode: {
    readonly once: boolean
    readonly exitOnFailure: boolean
    readonly firstStart: boolean
    readonly sendsBadRequest: boolean
    readonly schedules: readonly string[]
  }
}

export interface WiredAccount {
  readonly task: AccountTask
  readonly source: Source
  close(): Promise<void>
}

export function createAccount(wiring: AccountWiring, stop: Stop): WiredAccount {
  const { settings, account, shared, encoder, note, mode } = wiring
  const { sendsBadRequest } = mode
  // The key of another SID says nothing of this one.
  const rereadKey = () => wiring.reread()?.accounts.find(({ id, sid }) => id === account.id && sid === account.sid)?.apiKey
  const source = createSource(settings, account, note, { budget: shared.budgetOf(account.apiKey), sendsBadRequest, rereadKey })
  const ledger = createAccountLedger(wiring, source)
  const ownership = ownershipOf(wiring)
  const options = accountOptions(wiring)
  return {
    task: new AccountTask({ source, ledger, ownership, encoder, clock, random, note }, options, stop),
    source,
    close: async () => {
      await Promise.all([source.close(), ledger.close()])
    },
  }
}

export interface SourceWiring {
  /** Its own when not given. */
  readonly budget?: Budget
  /** Whether the probe may send a request that is meant to be refused. */
  readonly sendsBadRequest: boolean
  /** Only these calls. */
  readonly callIds?: readonly string[]
  /** The API key as the settings say now; must not throw. */
  readonly rereadKey?: () => string | undefined
}

export function createSource(
  settings: Settings,
  account: AccountSettings,
  note: (happening: Happening) => void,
  { budget, sendsBadRequest, callIds = [], rereadKey }: SourceWiring,
): Source & { close(): Promise<void> } {
  const { style, pageSize, requestsPerSecond, burst, timeoutMs } = settings.api
  const { sid, apiKey, origin, timeZone } = account
  const { optIn, privacy, hmacKey } = settings.records
  const filters = { ...settings.api.filters, call_id: callIds }
  const asking = { style, pageSize, requestsPerSecond, burst, timeoutMs, filters, sendsBadRequest }
  const options = { sid, apiKey, origin, ...asking, optIn, privacy, hmacKey }
  const deps = { clock, random, note, ...(budget !== undefined && { budget }) }
  const known = { ...(timeZone !== undefined && { timeZone }), ...(rereadKey !== undefined && { rereadKey }) }
  return createKaleyraSource({ ...options, ...known }, deps)
}

function ownershipOf({ settings, account, shared, states, mode }: AccountWiring): Ownership {
  const partition = partitionOf(account.id, partitionsOf(states, settings.kafka.topics.ledger))
  return createOwnership({ membership: shared.membership, group: settings.name, partition, waits: !mode.once })
}

function createAccountLedger({ settings, account, shared, topics, states, mode }: AccountWiring, source: Source): Ledger {
  const { kafka, records, polling } = settings
  const ledgerPartitions = partitionsOf(states, kafka.topics.ledger)
  const partition = partitionOf(account.id, ledgerPartitions)
  const learned = { notBeforeMs: () => source.notBeforeMs(), dialect: () => source.dialect() }
  return createLedger(
    { ...shared.publisherOf(partition).view(), topics, clock, ...learned },
    {
      identity: identityFrom(settings, account, ledgerPartitions),
      partition,
      maxSeen: records.maxSeen,
      startFromMs: polling.startFromMs,
      rules: rulesOf(settings, account),
      firstStart: mode.firstStart,
    },
  )
}

function accountOptions({ settings, account, states, mode }: AccountWiring): AccountOptions {
  const { kafka, polling, records } = settings
  const output = (topic: string) => ({ topic, partitions: partitionsOf(states, topic) })
  return {
    account: account.id,
    numbers: protectionOf(records.privacy, records.hmacKey),
    events: output(kafka.topics.events),
    deadLetters: output(kafka.topics.deadLetters),
    keyOf: keyed(kafka.key, account.id),
    schedule: polling.schedule.filter(({ name }) => mode.schedules.length === 0 || mode.schedules.includes(name)),
    maxRowsPerRead: polling.maxRowsPerRead,
    ignored: new Set(records.ignoreChangesIn),
    updates: records.updates,
    onRulesChange: records.onRulesChange,
    settleMs: polling.settleMs,
    ...(account.timeZone !== undefined && { clockChangeMs: createClockChange(account.timeZone) }),
    retryFailedMs: polling.retryFailedMs,
    once: mode.once,
    exitOnFailure: mode.exitOnFailure,
  }
}

/** Two runs with the same fingerprint make the same record out of the same row, or none. */
export function rulesOf({ records }: Settings, { timeZone }: AccountSettings): string {
  const { optIn, ignoreChangesIn, updates, privacy, hmacKey } = records
  const numbers = [privacy.from_number, privacy.to_number, privacy.bridge_number, protectionOf(privacy, hmacKey).hmac_key_id]
  const rules = [NORMALISER_VERSION, timeZone ?? '', [...optIn].sort(), [...ignoreChangesIn].sort(), numbers, updates]
  return hash('sha256', JSON.stringify(rules)).slice(0, 16)
}

export function partitionsOf(states: readonly TopicState[], topic: string): number {
  return states.find(({ name }) => name === topic)?.partitions ?? 1
}
