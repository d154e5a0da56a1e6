/** The programs out of the official image: they are linked statically, so they run on the machine itself and reach what listens on its loopback. */
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { runTool } from './run-tool.ts'

/** Throws when no engine answers, or when the image cannot be had. */
export async function copyFromImage(name: string, folder: string, log: (line: string) => void): Promise<void> {
  if (process.platform !== 'linux') throw new Error('the programs in the image run on Linux only')
  process.env.TESTCONTAINERS_RYUK_DISABLED ??= 'true'
  const { ImageName, getContainerRuntimeClient } = await import('testcontainers')
  const client = await getContainerRuntimeClient().catch(error => {
    throw new Error('no Docker engine answers', { cause: error })
  })
  const image = ImageName.fromString(name)
  if (!(await client.image.exists(image))) {
    log(`Pulling ${name}`)
    await client.image.pull(image).catch(error => {
      throw new Error(`the engine answers, but ${name} is neither present nor pullable`, { cause: error })
    })
  }
  // Never started, so nothing of it can outlive us but itself.
  const container = await client.container.dockerode.createContainer({ Image: name })
  try {
    for (const program of ['promtool', 'prometheus']) {
      const archive = join(folder, `${program}.tar`)
      await pipeline(await container.getArchive({ path: `/bin/${program}` }), createWriteStream(archive))
      await runTool('tar', ['-xf', archive, '-C', folder])
      await rm(archive)
    }
  } finally {
    await container.remove({ force: true })
  }
}
