/**
 * Programs of Debian's packages (and Ubuntu's) without root and without installing them: downloaded by apt, which checks their signatures,
 * and unpacked into the cache. Their libraries must be named, too: what a package depends on is not looked up.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fetchedOnce } from './fetched.ts'

const run = promisify(execFile)
const deadlineMs = 5 * 60_000

/** The root under which the packages lie unpacked, fetched first if it is not there. Throws where there is no apt, or it has no such package. */
export async function debianPackages(packages: readonly string[]): Promise<string> {
  const architecture = await run('dpkg', ['--print-architecture']).catch(error => {
    throw new Error('no Debian (dpkg does not run)', { cause: error })
  })
  const release = readFileSync('/etc/os-release', 'utf8')
  const identity = ['debian', release, architecture.stdout, ...[...packages].sort()].join('\n')
  return fetchedOnce(identity, folder => download(packages, folder))
}

/** PATH and LD_LIBRARY_PATH with which programs under such a root run. */
export async function environmentOf(root: string): Promise<{ PATH: string; LD_LIBRARY_PATH: string }> {
  const libraries = await readdir(join(root, 'usr', 'lib'))
  return {
    PATH: `${join(root, 'usr', 'bin')}:${process.env.PATH}`,
    LD_LIBRARY_PATH: libraries.map(name => join(root, 'usr', 'lib', name)).join(':'),
  }
}

async function download(packages: readonly string[], folder: string): Promise<void> {
  const work = await mkdtemp(join(folder, 'apt-'))
  try {
    // The machine's lists may be missing or old, and only root may write them: then lists of our own.
    await fetchPackages(packages, work).catch(async () => {
      const own = await ownLists(work)
      await apt(['update'], work, own)
      await fetchPackages(packages, work, own)
    })
    const archives = (await readdir(work)).filter(name => name.endsWith('.deb'))
    for (const archive of archives) await run('dpkg', ['-x', join(work, archive), folder], { timeout: deadlineMs })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

const fetchPackages = (packages: readonly string[], work: string, options: readonly string[] = []): Promise<void> =>
  apt(['download', ...packages], work, options)

async function apt(args: readonly string[], cwd: string, options: readonly string[]): Promise<void> {
  const env = { ...process.env, LC_ALL: 'C' }
  // As root, apt would fetch as its own user, which may not look into the cache.
  await run('apt-get', ['-q', '-o', 'APT::Sandbox::User=root', ...options, ...args], { cwd, env, timeout: deadlineMs }).catch(
    error => {
      throw new Error(`apt-get ${args.join(' ')} fails`, { cause: error })
    },
  )
}

async function ownLists(work: string): Promise<string[]> {
  const [lists, cache] = [join(work, 'lists'), join(work, 'cache')]
  for (const folder of [lists, cache]) await mkdir(join(folder, 'partial'), { recursive: true })
  return ['-o', `Dir::State::Lists=${lists}`, '-o', `Dir::Cache=${cache}`]
}
