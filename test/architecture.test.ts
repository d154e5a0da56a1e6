/** The law of imports (README, "How it is built"): imports point down, neighbours do not know each other, types count too. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { importsOf } from './support/imports.ts'

const src = join(import.meta.dirname, '..', 'src')

/** Lower may never import higher; the same level never each other, except within one folder. */
const levels: Record<string, number> = {
  'main.ts': 9,
  commands: 8,
  'wiring.ts': 7,
  'wiring-shared.ts': 6.5,
  flow: 6,
  kaleyra: 6,
  ledger: 6,
  avro: 6,
  kafka: 6,
  telemetry: 6,
  server: 6,
  host: 6,
  'settings.ts': 5,
  'ports.ts': 4,
  'looking-ports.ts': 4,
  model: 3,
  'errors.ts': 2,
}

/** Libraries that may be named in one place only. */
const homes: Record<string, string> = {
  kafkajs: 'kafka',
  undici: 'kaleyra',
  'p-queue': 'kaleyra',
  avsc: 'avro ledger',
  '@kafkajs/confluent-schema-registry': 'avro',
  'prom-client': 'telemetry',
  pino: 'telemetry host',
  fastify: 'server',
  commander: 'main.ts commands',
  yaml: 'host',
  zod: 'settings.ts host commands',
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'))
const place = (file: string) => file.split('/')[0] ?? file

/** Every breach in a set of files, as a sentence. */
function breaches(sources: ReadonlyMap<string, string>): string[] {
  const found: string[] = []
  for (const [file, text] of sources) {
    for (const target of importsOf(text)) {
      if (target.startsWith('.')) {
        const to = relative(src, join(src, dirname(file), target))
        const [here, there] = [place(file), place(to)]
        if (here === there || to.startsWith('..')) continue
        const [mine, theirs] = [levels[here], levels[there]]
        if (mine === undefined || theirs === undefined)
          found.push(`${file}: no level is known for ${mine === undefined ? here : there}`)
        else if (theirs >= mine) found.push(`${file} imports ${to}: imports point down only`)
      } else {
        const library = Object.keys(homes).find(name => target === name || target.startsWith(`${name}/`))
        if (library !== undefined && !homes[library]?.split(' ').includes(place(file)))
          found.push(`${file} imports ${target}, which lives in ${homes[library]}`)
      }
    }
  }
  return found
}

describe('the source tree', () => {
  const sources = new Map(files.map(file => [file, readFileSync(join(src, file), 'utf8')]))

  test('imports only downwards, and each library only in its home', () => {
    expect(breaches(sources)).toEqual([])
  })

  test('reads the clock, randomness and the process only in host, main and wiring', () => {
    const home = /^(host\/|main\.ts|wiring\.ts)/
    const breach = /Date\.now\(|new Date\(\)|setTimeout\(|setInterval\(|Math\.random\(|performance\.now\(|\bprocess\./
    const code = (text: string) => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    expect(files.filter(file => !home.test(file) && breach.test(code(sources.get(file) ?? '')))).toEqual([])
  })

  test('tells its story in one paragraph, and the README quotes it as it is', () => {
    const sweep = sources.get('flow/sweep.ts') ?? ''
    const paragraph = sweep.slice(sweep.indexOf('export async function sweep(')).trimEnd()

    expect(paragraph.split('\n').length).toBeLessThan(32)
    expect(readFileSync(join(src, '..', 'README.md'), 'utf8')).toContain(paragraph)
  })

  test('keeps files to one idea: at most 250 lines', () => {
    expect(files.filter(file => (sources.get(file) ?? '').split('\n').length > 250)).toEqual([])
  })
})

describe('the check itself', () => {
  test('finds an upward import, a neighbour, a type-only import and a library away from home', () => {
    const planted = new Map([
      ['model/a.ts', "import type { Clock } from '../ports.ts'"],
      ['kafka/b.ts', "import { x } from '../ledger/seen.ts'"],
      ['flow/c.ts', "import { Kafka } from 'kafkajs'"],
      ['flow/d.ts', "import { instantText } from '../model/window.ts'"],
    ])

    expect(breaches(planted)).toEqual([
      'model/a.ts imports ../src/ports.ts: imports point down only'.replace('../src/', ''),
      'kafka/b.ts imports ledger/seen.ts: imports point down only',
      'flow/c.ts imports kafkajs, which lives in kafka',
    ])
  })
})
