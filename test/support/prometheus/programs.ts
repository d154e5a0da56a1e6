/**
 * Prometheus and promtool on any machine: those that the environment names or PATH holds, else the ones in the official image, else Debian's.
 * Whatever is fetched comes once, into a cache outside the tree. No test is skipped for want of them.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { debianPackages } from '../debian-package.ts'
import { fetchedOnce } from '../fetched.ts'
import { firstWay } from '../first-way.ts'
import { copyFromImage } from './from-image.ts'

export interface Programs {
  /** As promtool says it: `3.16.0`. */
  readonly version: string
  /** Commands to run. */
  readonly promtool: string
  readonly prometheus: string
}

type Find = (log: (line: string) => void) => Promise<Pick<Programs, 'promtool' | 'prometheus'>>

const IMAGE = 'prom/prometheus:v3.16.0'

const WAYS: Readonly<Record<string, Find>> = {
  'PROMETHEUS_BIN or PATH': async () => onThisMachine(process.env.PROMETHEUS_BIN ?? ''),
  Docker: log => fetchedOnce(IMAGE, folder => copyFromImage(IMAGE, folder, log)).then(inFolder),
  Debian: () => debianPackages(['prometheus']).then(root => inFolder(join(root, 'usr', 'bin'))),
}

const REMEDY = `No promtool and prometheus could be found or fetched. Do one of these:
- put both on PATH (2.42 or newer), or name their folder in PROMETHEUS_BIN;
- install Docker, with ${IMAGE} present or pullable;
- on Debian or Ubuntu let apt-get reach a mirror, so that it can download the package prometheus.`

let found: Promise<Programs> | undefined

/** The first that run here; throws one error naming every way that was tried and what it lacked. Asked for once in a process. */
export function prometheusPrograms(): Promise<Programs> {
  found ??= firstOf(WAYS, line => process.stderr.write(`[prometheus] ${line}\n`))
  return found
}

/** Tries the ways in order. A program that is there and does not run counts as missing. */
export function firstOf(ways: Readonly<Record<string, Find>>, log: (line: string) => void): Promise<Programs> {
  const proved = async (find: Find): Promise<Programs> => {
    const { promtool, prometheus } = await find(log)
    const [version] = [await versionOf(promtool), await versionOf(prometheus)]
    return { version, promtool, prometheus }
  }
  return firstWay(Object.fromEntries(Object.entries(ways).map(([name, find]) => [name, () => proved(find)])), {
    remedy: REMEDY,
    onFound: (name, { version }) => log(`promtool ${version} by ${name}`),
  })
}

function onThisMachine(folder: string): Pick<Programs, 'promtool' | 'prometheus'> {
  if (folder === '') return { promtool: 'promtool', prometheus: 'prometheus' }
  const programs = inFolder(folder)
  for (const path of Object.values(programs)) if (!existsSync(path)) throw new Error(`there is no ${path}`)
  return programs
}

function inFolder(folder: string): Pick<Programs, 'promtool' | 'prometheus'> {
  return { promtool: join(folder, 'promtool'), prometheus: join(folder, 'prometheus') }
}

async function versionOf(command: string): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(command, ['--version'])
  const version = /version v?(\d[\w.]*)/.exec(stdout + stderr)?.[1]
  if (version === undefined) throw new Error(`${command} --version names no version`)
  return version
}
