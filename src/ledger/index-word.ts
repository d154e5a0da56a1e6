/**
 * A word of the index of `seen`: an entry's number + 1 and four bits of its id, 0 where there is none. By these bits only one step in sixteen
 * of a search looks at an entry in vain, and looking at entries, which lie all over the memory, costs more than all the rest.
 */

/** Above the numbers of 268 million entries; `records.maxSeen` ends at 200 million. */
const TAG_SHIFT = 28
const NUMBER_MASK = 0x0fff_ffff

export function indexWord(slot: number, idWord: number): number {
  return ((idWord & ~NUMBER_MASK) | (slot + 1)) >>> 0
}

export function slotIn(indexed: number): number {
  return (indexed & NUMBER_MASK) - 1
}

export function place(shard: Uint32Array, hash: number, indexed: number): void {
  let at = hash % shard.length
  while (shard[at] !== 0) at = at + 1 === shard.length ? 0 : at + 1
  shard[at] = indexed
}

/** Whether it may be the entry with this word of its id. */
export function isTagged(indexed: number, idWord: number): boolean {
  return (indexed ^ idWord) >>> TAG_SHIFT === 0
}
