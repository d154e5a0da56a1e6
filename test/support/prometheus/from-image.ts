/** The programs out of the official image: they are linked statically, so they run on the machine itself and reach what listens on its loopback. */
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createContainer, dockerEngine, haveImage } from '../platform/containers.ts'
import { runTool } from './run-tool.ts'

/** Throws when no engine answers, or when the image cannot be had. */
export async function copyFromImage(name: string, folder: string, log: (line: string) => void): Promise<void> {
  if (process.platform !== 'linux') throw new Error('the programs in the image run on Linux only')
  const engine = await dockerEngine()
  await haveImage(engine, name, log)
  // Never started.
  const { container, remove } = await createContainer(engine.container.dockerode, {
    image: name,
    network: 'none',
    environment: {},
  })
  try {
    for (const program of ['promtool', 'prometheus']) {
      const archive = join(folder, `${program}.tar`)
      await pipeline(await container.getArchive({ path: `/bin/${program}` }), createWriteStream(archive))
      await runTool('tar', ['-xf', archive, '-C', folder])
      await rm(archive)
    }
  } finally {
    await remove()
  }
}
