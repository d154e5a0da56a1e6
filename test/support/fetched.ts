/**
 * What tests need and the tree does not hold, fetched once and kept between runs in a cache outside of it: Kafka's jars, Debian's and
 * Python's packages. Later runs need no network.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { hold } from './platform/reaped.ts'

/**
 * The folder that `fill` filled, now or in an earlier run. `identity` is everything that decides what is in it: another version is another
 * folder. Throws what `fill` throws, and then keeps nothing.
 */
export async function fetchedOnce(identity: string | Buffer, fill: (folder: string) => Promise<void>): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'call-log-source')
  const folder = join(cache, createHash('sha256').update(identity).digest('hex').slice(0, 16))
  if (!existsSync(folder)) await fillAside(folder, fill)
  return folder
}

/** Filled aside and renamed when whole: an interrupted download is never taken for a cache, two at once do not mix. */
async function fillAside(folder: string, fill: (folder: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(folder), { recursive: true })
  const aside = await mkdtemp(`${folder}.partial-`)
  const drop = hold('folder', aside)
  try {
    await fill(aside)
    await rename(aside, folder).catch(error => {
      if (!existsSync(folder)) throw error
    })
  } finally {
    await rm(aside, { recursive: true, force: true })
    drop()
  }
}
