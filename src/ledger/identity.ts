/**
 * To whom a ledger belongs. Every accident that would make it speak for something else is refused with its remedy and never guessed: the
 * price of a wrong guess is a topic full of repeats, or calls that are never read.
 */
import { createHmac } from 'node:crypto'
import { ConnectorError } from '../errors.ts'
import type { Birth, Checkpoint } from './codec.ts'

export interface Identity {
  /** The setting `name`. */
  readonly name: string
  readonly account: string
  readonly sid: string
  readonly ledgerTopic: string
  readonly ledgerPartitions: number
  readonly eventsTopic: string
  readonly deadLettersTopic: string
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
  }
}

/** Throws `LEDGER_MISMATCH` when the output topic is not the one the checkpoint wrote to: its end lies before what was written. */
export function assertNotRecreated(topic: string, known: readonly number[], ends: ReadonlyMap<number, bigint>): void {
  known.forEach((offset, partition) => {
    const end = ends.get(partition)
    refuseUnless(
      offset < 0 || (end !== undefined && BigInt(offset) < end),
      `topic ${topic}, partition ${partition}: records up to offset ${offset} were written and it now ends at ${end ?? 'nothing: the partition is gone'}: the topic was created anew; start a new ledger topic (kafka.topics.ledger) with --first-start to publish everything again`,
    )
  })
}

/** Throws `LEDGER_MISMATCH` when there is output but no memory of having written it. */
export function assertNotForgotten(identity: Identity, records: bigint): void {
  refuseUnless(
    records === 0n,
    `ledger ${identity.ledgerTopic} holds nothing for account "${identity.account}", yet ${identity.eventsTopic} has ${records} records: point kafka.topics.ledger to the ledger that wrote them, or say --first-start to publish everything the API still shows once more`,
  )
}

function refuseUnless(holds: boolean, message: string): void {
  if (!holds) throw new ConnectorError('LEDGER_MISMATCH', message)
}
