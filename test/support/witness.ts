/** An independent read_committed consumer that follows a topic from its beginning, decodes what comes, and judges it at the end. */
import { type ConsumedRecord, createDecoder, type Follower, follow } from './independent-consumer.ts'
import type { Reach } from './platform/platform.ts'
import { type Judgement, type JudgeOptions, judge, type PublishedRecord } from './simulator/judge.ts'
import type { World } from './simulator/world.ts'

export class Witness {
  readonly records: PublishedRecord[] = []
  private readonly decoding: Promise<void>[] = []
  private follower: Follower | null = null

  /** `onRecord` hears each record in the order of its partition, decoded. */
  static async follow(
    reach: Reach,
    topic: string,
    onRecord: (record: ConsumedRecord, content: PublishedRecord['content']) => void = () => undefined,
  ): Promise<Witness> {
    const witness = new Witness()
    const decoder = createDecoder(reach.registryUrl)
    const take = async (record: ConsumedRecord) => {
      const content = (await decoder.decode(record.value)) as PublishedRecord['content']
      const { revision, change } = record.headers
      witness.records.push({ callId: String(record.key), revision: Number(revision), change: String(change), content })
      onRecord(record, content)
    }
    witness.follower = await follow(reach, topic, record => witness.decoding.push(take(record)))
    return witness
  }

  /** Reads to the end of what is committed, ends, and holds it against the truth. */
  async verdict(world: World, options: JudgeOptions, deadlineMs: number): Promise<Judgement> {
    await this.follower?.untilCaughtUp(deadlineMs)
    await this.follower?.stop()
    await Promise.all(this.decoding)
    return judge(world, this.records, options)
  }
}

/** `missing 0, repeated 0, stale 0, not the API’s 0` */
export function verdictLine({ missing, repeated, stale, extra }: Judgement): string {
  return `missing ${missing.length}, repeated ${repeated.length}, stale ${stale.length}, not the API’s ${extra.length}`
}
