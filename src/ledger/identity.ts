/**
 * To whom a ledger belongs. Every accident that would make it speak for something else is refused with its remedy and never guessed: the
 * price of a wrong guess is a topic full of repeats, or calls that are never read.
 */
import { createHmac, hash } from 'node:crypto'
import { ConnectorError } from '../errors.ts'
import type { PartitionEnds } from '../ports.ts'
import type { AccountSettings, Settings } from '../settings.ts'
import type { Birth, Checkpoint } from './codec.ts'

export interface Identity {
  /** The setting `name`. */
  readonly name: string
  readonly account: string
  /** All accounts of the settings, this one among them; a SID that two of them share is meant to be read twice. */
  readonly labels?: readonly string[]
  readonly sid: string
  readonly ledgerTopic: string
  readonly ledgerPartitions: number
  readonly eventsTopic: string
  readonly deadLettersTopic: string
  /** As `filtersText` writes them. */
  readonly filters: string
}

/** To whom the ledger of an account in the settings belongs, whoever opens it. */
export function identityFrom(
  { name, accounts, api, kafka }: Settings,
  { id, sid }: AccountSettings,
  ledgerPartitions: number,
): Identity {
  const { events, deadLetters, ledger } = kafka.topics
  const topics = { ledgerTopic: ledger, eventsTopic: events, deadLettersTopic: deadLetters }
  const labels = accounts.map(account => account.id)
  return { name, account: id, labels, sid, ...topics, ledgerPartitions, filters: filtersText(api.filters) }
}

/** More than this of a checkpoint's 32 KB is not spent on filters. */
const MOST_FILTER_CHARACTERS = 500

/**
 * `api.filters` as the checkpoint keeps them: the same text for the same filters in any order, empty for none. Numbers are only digests here:
 * the text stands in the ledger and in the message of a refusal.
 */
export function filtersText({
  bridge,
  status,
}: {
  readonly bridge: readonly string[]
  readonly status: readonly string[]
}): string {
  const [numbers, names] = [canonical(bridge), canonical(status)]
  const plain = names.join(',')
  const parts = [
    ...(names.length === 0 ? [] : [`status ${plain.length <= MOST_FILTER_CHARACTERS ? plain : digestOf(names)}`]),
    ...(numbers.length === 0 ? [] : [`bridge ${digestOf(numbers)}`]),
  ]
  return parts.join('; ')
}

function canonical(list: readonly string[]): string[] {
  return [...new Set(list)].sort()
}

function digestOf(list: readonly string[]): string {
  return `${hash('sha256', JSON.stringify(list)).slice(0, 16)} (digest of ${list.length})`
}

/** What two runs compare instead of the SID, which never leaves the settings. */
export function sidHashOf({ name, account, sid }: Identity): string {
  return createHmac('sha256', `call-log-source/${name}/${account}`).update(sid).digest('hex').slice(0, 32)
}

export function birthOf({ name, ledgerPartitions, eventsTopic, deadLettersTopic }: Identity): Birth {
  return { name, partitions: ledgerPartitions, eventsTopic, deadLettersTopic }
}

/** Throws `LEDGER_MISMATCH` when the ledger was written under other settings. */
export function assertOurs(identity: Identity, birth: Birth | null, checkpoint: Checkpoint | null): void {
  const { ledgerTopic, account } = identity
  if (birth !== null) {
    const ours = birthOf(identity)
    refuseUnless(
      birth.name === ours.name,
      `ledger ${ledgerTopic} belongs to the connector "${birth.name}", not "${ours.name}": restore \`name\`, or give this connector a ledger topic of its own`,
    )
    refuseUnless(
      birth.partitions === ours.partitions,
      `ledger ${ledgerTopic} was born with ${birth.partitions} partitions and now has ${ours.partitions}, so accounts would be looked for in the wrong place: copy it to a new topic with ${birth.partitions} partitions and name that in kafka.topics.ledger`,
    )
    refuseUnless(
      birth.eventsTopic === ours.eventsTopic && birth.deadLettersTopic === ours.deadLettersTopic,
      `ledger ${ledgerTopic} describes the topics ${birth.eventsTopic} and ${birth.deadLettersTopic}, not ${ours.eventsTopic} and ${ours.deadLettersTopic}: restore kafka.topics, or start a new ledger topic for the new output topics`,
    )
  }
  if (checkpoint !== null) {
    refuseUnless(
      checkpoint.sidHash === sidHashOf(identity),
      `account "${account}" has another SID than the one its ledger was written with: restore the SID, or give the new SID a new account id`,
    )
    refuseUnless(
      checkpoint.filters === identity.filters,
      `account "${account}" was read with ${shown(checkpoint.filters)} so far and has ${shown(identity.filters)} now, so what its ledger calls covered would not be: restore api.filters, or give the connector a new \`name\`, or a new ledger topic with --first-start`,
    )
  }
}

/** Throws `LEDGER_MISMATCH` when another account of this ledger was read with our SID: all its calls would be published again. */
export function assertSidIsNew(identity: Identity, account: string, checkpoint: Checkpoint): void {
  refuseUnless(
    checkpoint.sidHash !== sidHashOf({ ...identity, account }),
    `the SID of account "${identity.account}" was read as account "${account}" so far, and all its calls would be published again: restore the id "${account}", or give the connector a new ledger topic (kafka.topics.ledger) with --first-start`,
  )
}

function shown(filters: string): string {
  return filters === '' ? 'no api.filters' : `api.filters "${filters}"`
}

/**
 * Throws `LEDGER_MISMATCH` when the output topic is not the one the checkpoint wrote to: its end lies before what was written. The end of all
 * records, not of the committed ones: a transaction that another program left open hides ours without harming them.
 */
export function assertNotRecreated(topic: string, known: readonly number[], ends: ReadonlyMap<number, PartitionEnds>): void {
  known.forEach((offset, partition) => {
    const end = ends.get(partition)?.high
    refuseUnless(
      offset < 0 || (end !== undefined && BigInt(offset) < end),
      `topic ${topic}, partition ${partition}: records up to offset ${offset} were written and it now ends at ${end ?? 'nothing: the partition is gone'}: the topic was created anew; start a new ledger topic (kafka.topics.ledger) with --first-start to publish everything again`,
    )
  })
}

/** Throws `LEDGER_MISMATCH` when there is output although no account has ever claimed this ledger. */
export function assertNotForgotten(identity: Identity, records: bigint): void {
  refuseUnless(
    records === 0n,
    `ledger ${identity.ledgerTopic} holds nothing of the connector "${identity.name}", yet ${identity.eventsTopic} has ${records} records: point kafka.topics.ledger to the ledger that wrote them, or say --first-start to publish everything the API still shows once more`,
  )
}

function refuseUnless(holds: boolean, message: string): void {
  if (!holds) throw new ConnectorError('LEDGER_MISMATCH', message)
}
