/** What an independent read_committed consumer finds on the topic, held against the simulator's truth. */
import { type ConsumedRecord, consumeAll, createDecoder } from './independent-consumer.ts'
import type { Reach } from './platform/platform.ts'
import { type Judgement, type JudgeOptions, judge, type PublishedRecord } from './simulator/judge.ts'
import type { Testimony } from './simulator/truth.ts'
import type { World } from './simulator/world.ts'

/** Decodes records with the schema the registry gives for the id they carry. */
export async function published(reach: Reach, records: readonly ConsumedRecord[]): Promise<PublishedRecord[]> {
  const decoder = createDecoder(reach.registryUrl)
  return Promise.all(
    records.map(async record => ({
      callId: String(record.key),
      revision: Number(record.headers.revision),
      change: String(record.headers.change),
      content: (await decoder.decode(record.value)) as Readonly<Record<string, unknown>>,
    })),
  )
}

export async function verdictOn(
  reach: Reach,
  topic: string,
  world: Testimony | World,
  options: JudgeOptions = {},
  deadlineMs = 120_000,
): Promise<Judgement & { readonly records: PublishedRecord[] }> {
  const records = await published(reach, await consumeAll(reach, topic, { deadlineMs }))
  return { ...judge(world, records, options), records }
}
