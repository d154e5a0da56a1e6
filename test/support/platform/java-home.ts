/**
 * Kafka's and the registry's programs on this machine, for platforms without containers and for Kafka's own tools. Maven
 * brings them once, as pom.xml says, into a cache outside the tree; later runs need neither Maven nor a network.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fetchedOnce } from '../fetched.ts'
import { spawnReaped } from './reaped.ts'

const oldestJava = 17
const mavenDeadlineMs = 15 * 60_000
const pom = join(import.meta.dirname, 'pom.xml')

/** The folder with `kafka/` (jars) and `registry/` (an unpacked distribution), fetched first if it is not there. */
export async function javaHome(log: (line: string) => void = () => {}): Promise<string> {
  await requireJava()
  return fetchedOnce(readFileSync(pom), async folder => {
    log('Fetching Kafka and the schema registry with Maven (once; about 170 MB)')
    await runMaven(['-B', '-q', '-f', pom, `-Dhome=${folder}`, 'process-resources'])
  })
}

/** The Java command that JAVA_HOME or PATH names. */
export const javaCommand = (): string => (process.env.JAVA_HOME ? join(process.env.JAVA_HOME, 'bin', 'java') : 'java')

export const registryJar = (home: string): string => join(home, 'registry', 'apicurio-registry-app-3.0.9-runner.jar')

/** The arguments that make Java run a class of Kafka, logging to standard error. */
export function kafkaClass(home: string, className: string, { heap = '256m', level = 'WARN' } = {}): string[] {
  return [
    `-Xmx${heap}`,
    '-Djava.awt.headless=true',
    '-Dfile.encoding=UTF-8',
    '-Dstdout.encoding=UTF-8',
    `-Dlog.level=${level}`,
    `-Dlog4j2.configurationFile=${join(import.meta.dirname, 'log4j2.xml')}`,
    '-cp',
    join(home, 'kafka', '*'),
    className,
  ]
}

/** A short-lived tool need not be compiled well, only started soon. */
export const quickStart = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto']

async function requireJava(): Promise<void> {
  const said = await promisify(execFile)(javaCommand(), ['-version']).then(
    ({ stdout, stderr }) => stdout + stderr,
    error => {
      throw new Error(`no Java (${javaCommand()} -version does not run)`, { cause: error })
    },
  )
  const version = /version "(?:1\.)?(\d+)/.exec(said)?.[1]
  if (Number(version) < oldestJava) throw new Error(`Java ${version} is too old (${oldestJava} or newer is needed)`)
}

function runMaven(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const maven = spawnReaped('mvn', args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: mavenDeadlineMs })
    let said = ''
    const hear = (chunk: Buffer) => {
      said = (said + chunk).slice(-4_000)
    }
    maven.stdout?.on('data', hear)
    maven.stderr?.on('data', hear)
    maven.once('error', error => reject(new Error('no Maven (mvn does not run)', { cause: error })))
    maven.once('close', code => {
      if (code === 0) resolve()
      else reject(new Error(`Maven could not fetch what ${pom} names (exit ${code}):\n${said.trim()}`))
    })
  })
}
