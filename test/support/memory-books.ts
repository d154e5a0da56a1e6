/** What an in-memory Kafka holds of one account's life, and whether its books are true: nothing covered that is not on the topic. */
import { deserialize } from 'node:v8'
import { type Checkpoint, decodeCheckpoint } from '../../src/ledger/codec.ts'
import type { MemoryCluster } from './memory-kafka.ts'
import { versionAt } from './simulator/call.ts'
import { type PublishedRecord, says } from './simulator/judge.ts'
import type { World } from './simulator/world.ts'

/** Every event, its value encoded by node:v8. */
export function publishedOn(cluster: MemoryCluster): PublishedRecord[] {
  return cluster.committed('events').map(({ key, value, headers }) => ({
    callId: String(key),
    revision: Number(headers?.revision),
    change: String(headers?.change),
    content: deserialize(value ?? Buffer.alloc(0)),
  }))
}

export function checkpointOn(cluster: MemoryCluster): Checkpoint | null {
  const newest = cluster.committed('ledger').findLast(({ key }) => String(key) === 'main/checkpoint')
  return newest?.value ? decodeCheckpoint(Buffer.from(newest.value)) : null
}

/** Calls that the API showed when their slot was last read completely, and that are not on the topic as they were shown then, or newer. */
export function untrueOn(cluster: MemoryCluster, world: World, by: 'start' | 'end' = 'start'): string[] {
  const newest = new Map<string, PublishedRecord>()
  for (const record of publishedOn(cluster))
    if (record.revision > (newest.get(record.callId)?.revision ?? 0)) newest.set(record.callId, record)
  return (checkpointOn(cluster)?.coverage.slots ?? []).flatMap(slot =>
    world.select({ from: slot.fromMs, until: slot.untilMs, by }, slot.newestReadMs).flatMap(call => {
      const content = newest.get(call.id ?? '')?.content
      const shown = call.versions.slice(versionAt(call, slot.newestReadMs))
      const isTold = call.id === null || (content !== undefined && shown.some(({ facts }) => says(content, facts)))
      return isTold ? [] : [call.id ?? '']
    }),
  )
}
