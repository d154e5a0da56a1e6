/**
 * `run`: the connector. The order of the start is the order of what may be disturbed: nothing before the ledger is recalled touches a
 * running owner, and nothing opens before the settings are whole.
 *
 *   settings → endpoints → topics → registry and schema → API probe → ownership → fence → recall → claim → schedule
 */
import { Command } from 'commander'
import { createEncoder } from '../avro/encoder.ts'
import { resolveSchemaId } from '../avro/registry.ts'
import { ConnectorError } from '../errors.ts'
import type { Ending } from '../flow/account.ts'
import { type Member, runFleet } from '../flow/fleet.ts'
import type { Stop } from '../flow/sweep.ts'
import { loadSettings, rereadSettings } from '../host/environment.ts'
import { packageVersion } from '../host/package.ts'
import { listenForStop, type StopSignals } from '../host/signals.ts'
import { resourceUsage } from '../host/usage.ts'
import type { KafkaClient } from '../kafka/client.ts'
import { awaitEmptyGroup, type SeenMember } from '../kafka/group-look.ts'
import { regionWarning } from '../model/regions.ts'
import type { Control } from '../server/control.ts'
import { startEndpoints } from '../server/endpoints.ts'
import type { Settings } from '../settings.ts'
import {
  type AccountWiring,
  clock,
  createAccount,
  createClient,
  createShared,
  createTopicsOf,
  createWatch,
  openControl,
  registryOf,
  type Watch,
  type WiredAccount,
} from '../wiring.ts'
import { topicSpecs } from './topic-specs.ts'

export interface RunOptions {
  readonly config: string
  readonly once?: boolean
  readonly exitOnFailure?: boolean
  readonly firstStart?: boolean
  readonly probe: boolean
  readonly schedule?: string
}

/** `exit` is told the code of an orderly end; every other end is thrown. */
export function runCommand(exit: (code: number) => void): Command {
  return new Command('run')
    .description('poll the API and publish what is new or changed')
    .requiredOption('-c, --config <file>', 'settings, YAML or JSON')
    .option(
      '--once',
      'read every range of every schedule once and stop: 0 when all of it is covered, 1 when something could not be proved',
    )
    .option('--schedule <names>', 'with --once: only these schedules, comma-separated')
    .option('--exit-on-failure', 'end with 3 when the API refuses an account, instead of trying it again later')
    .option('--first-start', 'publish although the events topic has records that the ledger does not know')
    .option('--no-probe', 'send the API no request that is meant to be refused; what that would prove stays unproved')
    .action(async (options: RunOptions) => {
      exit(await run(options))
    })
}

/** Resolves with the exit code 0 or 1; every other end is a thrown, coded error. */
async function run(options: RunOptions): Promise<number> {
  const needs = ['accounts', 'kafka', 'registry'] as const
  const settings = loadSettings(options.config, needs)
  const reread = () => rereadSettings(options.config, needs)
  const mode = modeOf(options, settings)
  const version = packageVersion()
  const watch = createWatch(settings, version)
  const ended = new AbortController()
  const client = createClient(settings, watch.log, { reread, signal: ended.signal })
  const stop = listenForStop(() => {
    watch.readiness.stopping()
    watch.log.info({ event: 'stopping' }, 'told to stop: finishing what has been read; a second signal ends at once')
  })
  const endpoints = await startEndpoints({
    host: settings.http.host,
    port: settings.http.port,
    metricsText: () => watch.metrics.text(),
    contentType: watch.metrics.contentType,
    ready: () => watch.readiness.ready(),
    status: () => watch.board.report(settings.name, version),
    log: watch.log,
  })
  watch.log.info(
    { event: 'started', version, address: endpoints.address },
    `call-log-source ${version}, metrics at ${endpoints.address}/metrics`,
  )
  const control = mode.once ? null : await controlOf(settings, watch, version)
  try {
    const ending = await connect({ settings, reread, mode }, client, watch, stop)
    watch.log.info({ event: 'stopped', ending, ...resourceUsage() }, `ended: ${ending}`)
    return ending === 'unproved' || ending === 'paused' || stop.hard.aborted ? 1 : 0
  } catch (error) {
    if (stop.soft.aborted && error instanceof ConnectorError && error.code === 'STOPPED') return stop.hard.aborted ? 1 : 0
    throw error
  } finally {
    ended.abort()
    stop.release()
    await Promise.all([endpoints.close(), control?.close()])
  }
}

/** A path that was named must work; one that nobody asked for, in a temp folder that may be read-only, must not keep the connector from running. */
async function controlOf(settings: Settings, watch: Watch, version: string): Promise<Control | null> {
  const { socket, port } = settings.control
  try {
    const control = await openControl(settings, watch, version)
    watch.log.info(
      { event: 'control.listening', address: control.address },
      `status, pause, resume and backfill reach us at ${control.address}`,
    )
    return control
  } catch (error) {
    if (socket !== undefined || port !== undefined) throw error
    const why = error instanceof Error ? error.message : 'unknown reason'
    watch.log.warn({ event: 'control.missing' }, `status, pause, resume and backfill cannot reach this instance: ${why}`)
    return null
  }
}

async function connect(
  given: Pick<AccountWiring, 'settings' | 'reread' | 'mode'>,
  client: KafkaClient,
  watch: Watch,
  stop: StopSignals,
): Promise<Ending> {
  const { settings, mode } = given
  const { kafka } = settings
  warnOfRegions(settings, watch)
  const topics = createTopicsOf(client)
  try {
    const states = await topics.ensure(topicSpecs(settings), kafka.createTopics.enabled, stop.soft)
    for (const state of states) {
      if (state.created)
        watch.log.info({ event: 'topic.created', topic: state.name, partitions: state.partitions }, `created topic ${state.name}`)
      if (state.replicationFactor < 3) {
        watch.log.warn(
          { event: 'topic.fragile', topic: state.name, replicationFactor: state.replicationFactor },
          `topic ${state.name} has ${state.replicationFactor} replica: exactly once holds only as long as that broker keeps its disk`,
        )
      }
    }
    const schemaId = await resolveSchemaId(registryOf(settings), clock, stop.soft)
    const parts = { ...given, topics, states, encoder: createEncoder(schemaId) }
    if (mode.once) await refuseIfRunning(settings, client, watch, stop.soft)
    return await runAccounts({ ...parts, shared: createShared(settings, client, mode) }, watch, stop)
  } finally {
    await topics.close()
  }
}

/** `--once` beside a running connector would only take the accounts away from it. */
async function refuseIfRunning(settings: Settings, client: KafkaClient, { log }: Watch, signal: AbortSignal): Promise<void> {
  const { name, kafka } = settings
  const onWaiting = (members: readonly SeenMember[]) =>
    log.info({ event: 'group.waiting', members: members.length }, 'another instance is listed: waiting whether it is alive')
  await awaitEmptyGroup({ client, clock, group: name, topic: kafka.topics.ledger }, onWaiting, signal)
}

function warnOfRegions({ accounts }: Settings, { log }: Watch): void {
  for (const account of accounts) {
    const warning = regionWarning(account)
    if (warning === null) continue
    const { found, remedy } = warning
    log.warn({ event: 'account.region', account: account.id, origin: account.origin }, `${found}; ${remedy}`)
  }
}

/** Closes nothing before every account has ended: what one of them is committing may hang on what the others share with it. */
async function runAccounts(parts: Omit<AccountWiring, 'account' | 'note'>, watch: Watch, stop: StopSignals): Promise<Ending> {
  const accounts: WiredAccount[] = []
  const launch = (own: Stop) =>
    parts.settings.accounts.map((account): Member => {
      const note = watch.note(account.id)
      const wired = createAccount({ ...parts, account, note }, own)
      const { task, source } = wired
      accounts.push(wired)
      watch.board.follow(account.id, source)
      watch.orders.take(account.id, task.attention.orders)
      const run = () => task.run().finally(() => watch.orders.leave(account.id, 'the account is not read here any more'))
      return { account: account.id, run, notBeforeMs: () => source.notBeforeMs(), note }
    })
  const onStopping = () => {
    watch.readiness.stopping()
    watch.log.info({ event: 'stopping' }, 'an account ended with an error: the others commit what they have read and stop')
  }
  try {
    return await runFleet(launch, stop, { once: parts.mode.once, clock, onStopping })
  } finally {
    await Promise.all(accounts.map(account => account.close()))
    // Last: from now on another instance may own the accounts.
    await parts.shared.membership.close()
  }
}

/** Throws `ARGUMENTS_INVALID`. */
function modeOf(options: RunOptions, settings: Settings): AccountWiring['mode'] {
  return {
    once: options.once === true,
    exitOnFailure: options.exitOnFailure === true,
    firstStart: options.firstStart === true,
    sendsBadRequest: options.probe,
    schedules: schedulesOf(options, settings),
  }
}

function schedulesOf(options: RunOptions, { polling }: Settings): string[] {
  if (options.schedule === undefined) return []
  const names = options.schedule.split(',').map(name => name.trim())
  if (options.once !== true)
    throw new ConnectorError(
      'ARGUMENTS_INVALID',
      '--schedule goes with --once: a connector that keeps running needs all of its schedules',
    )
  // An empty variable in a crontab would else read everything.
  if (names.includes('')) throw new ConnectorError('ARGUMENTS_INVALID', '--schedule: give one or more, separated by commas')
  const unknown = names.filter(name => !polling.schedule.some(entry => entry.name === name))
  if (unknown.length > 0)
    throw new ConnectorError('ARGUMENTS_INVALID', `--schedule: "${unknown.join(',')}" is not in polling.schedule`)
  return names
}
