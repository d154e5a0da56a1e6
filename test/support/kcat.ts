/** kcat, the consumer on librdkafka that people look into a topic with: this machine's own, else Debian's. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { debianPackages, environmentOf } from './debian-package.ts'

/** kcat, and of what it depends on all that a slim machine may lack. */
const packages = ['kcat', 'librdkafka1', 'libyajl2', 'liblz4-1', 'libsasl2-2', 'libzstd1']

/** The environment in which `kcat` is a command. Throws with what to install when there is no way to have it. */
export async function kcatEnvironment(): Promise<NodeJS.ProcessEnv> {
  if (await promisify(execFile)('kcat', ['-V']).catch(() => null)) return process.env
  const root = await debianPackages(packages).catch(error => {
    throw new Error('No kcat, and Debian’s packages cannot be had: install kcat, so that `kcat -V` runs', { cause: error })
  })
  return { ...process.env, ...(await environmentOf(root)) }
}
