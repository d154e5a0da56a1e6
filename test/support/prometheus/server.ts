/** A Prometheus that runs the rules as they are shipped, on a target given, with its intervals cut to a second. Gone with this process at the latest. */
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { freePort } from '../platform/free-port.ts'
import { endGroup, ownFolder, spawnReaped } from '../platform/reaped.ts'
import { until } from '../platform/until.ts'
import { prometheusPrograms } from './programs.ts'

export const shipped = join(import.meta.dirname, '..', '..', '..', 'config', 'prometheus')

export interface Answer {
  readonly status: string
  readonly error?: string
  readonly warnings?: readonly string[]
  readonly infos?: readonly string[]
  readonly data: unknown
}

export interface Prometheus extends AsyncDisposable {
  /** Asks its API, `query` with `{ query: 'up' }`. */
  ask(path: string, parameters?: Readonly<Record<string, string>>): Promise<Answer>
  /** How many series the expression gives now; throws when it cannot be evaluated. */
  count(expression: string): Promise<number>
}

/** Resolves when it answers; throws with its log when it ends before. `target` is host:port. */
export async function startPrometheus(target: string): Promise<Prometheus> {
  const { prometheus } = await prometheusPrograms()
  const folder = ownFolder()
  const [port, log] = [await freePort(), join(folder.path, 'prometheus.log')]
  writeFileSync(join(folder.path, 'prometheus.yml'), stringify(configurationFor(target)))
  const output = openSync(log, 'a')
  const child = spawnReaped(
    prometheus,
    [
      `--config.file=${join(folder.path, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder.path, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ['ignore', output, output] },
  )
  closeSync(output)
  const url = `http://127.0.0.1:${port}`
  const diesEarly = once(child, 'exit').then(() => {
    throw new Error(`Prometheus ended:\n${readFileSync(log, 'utf8').slice(-2_000)}`)
  })
  diesEarly.catch(() => undefined)
  const answers = until({ what: `Prometheus answers at ${url}`, deadlineMs: 60_000 }, async () =>
    (await fetch(`${url}/-/ready`)).ok ? true : undefined,
  )
  await Promise.race([answers, diesEarly])

  const ask = async (path: string, parameters: Readonly<Record<string, string>> = {}) => {
    const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`)
    return (await response.json()) as Answer
  }
  return {
    ask,
    async count(expression) {
      const answer = await ask('query', { query: expression })
      if (answer.status !== 'success') throw new Error(`${expression}: ${answer.error}`)
      const { result } = answer.data as { result: readonly unknown[] }
      return result.length
    },
    async [Symbol.asyncDispose]() {
      await endGroup(child)
      await folder.remove()
    },
  }
}

/** The shipped one but for where to look and how often. */
function configurationFor(target: string): object {
  const { rule_files, scrape_configs, global, ...rest } = parse(readFileSync(join(shipped, 'prometheus.yml'), 'utf8'))
  const [{ dns_sd_configs: _, ...job }] = scrape_configs
  return {
    ...rest,
    global: { ...global, scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: rule_files.map((file: string) => join(shipped, file)),
    scrape_configs: [{ ...job, static_configs: [{ targets: [target] }] }],
  }
}
