/** The package as its users get it: packed, installed from the tarball into an empty folder, and run from there. */
import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { settingsFor } from './support/connector.ts'
import { type OwnFolder, ownFolder } from './support/platform/reaped.ts'
import { platform, platformStartMs, uniqueName } from './support/platform/shared.ts'
import { settledWorld } from './support/settled-world.ts'
import { startSimulator } from './support/simulator/server.ts'

const root = join(import.meta.dirname, '..')
/** The node of this run comes first on the path, as it would where Node 24 is installed. */
const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter)
const INSTALL_MS = 300_000

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

let folder: OwnFolder
let packed: string[]
let installed: string

beforeAll(async () => {
  folder = ownFolder()
  const [copy, home] = [join(folder.path, 'copy'), join(folder.path, 'home')]
  // Packing builds: in a copy, so that nobody else's dist goes away meanwhile.
  await cp(root, copy, {
    recursive: true,
    filter: path => !['node_modules', '.git', 'dist'].some(name => path === join(root, name)),
  })
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  const told = await succeed('npm', ['pack', '--json', '--pack-destination', folder.path], copy)
  const [{ filename, files }] = JSON.parse(told.slice(told.indexOf('[\n'))) as [{ filename: string; files: { path: string }[] }]
  packed = files.map(({ path }) => path)
  await mkdir(home)
  await writeFile(join(home, 'package.json'), '{ "private": true }')
  await succeed('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', join(folder.path, filename)], home)
  installed = home
}, INSTALL_MS)
afterAll(() => folder?.remove())

function run(command: string, args: readonly string[], cwd: string): Promise<Ended> {
  // What npm tells its scripts would make an inner npm believe that it belongs to the outer one.
  const outside = Object.entries(process.env).filter(
    ([name]) => !/^npm_(?!config_(registry|cafile|cache)$)|^NODE_ENV$/i.test(name),
  )
  return new Promise(resolve => {
    execFile(command, args, { cwd, env: { ...Object.fromEntries(outside), PATH }, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  })
}

async function succeed(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, cwd)
  if (code !== 0) throw new Error(`${command} ${args[0]} ended with ${code}:\n${stdout}\n${stderr}`)
  return stdout
}

const callLogSource = (...args: string[]) => run(join(installed, 'node_modules/.bin/call-log-source'), args, installed)

async function checkWith(settings: object): Promise<Ended> {
  await writeFile(join(installed, 'settings.json'), JSON.stringify(settings))
  return callLogSource('check', '--config', 'settings.json')
}

test('it holds what runs, what it reads and what people read, and nothing else', async () => {
  const outsiders = packed.filter(
    path => !/^(dist|schemas|config|docs)\/|^(README\.md|LICENSE|CHANGELOG\.md|package\.json)$/.test(path),
  )
  const scripts = packed.filter(path => path.startsWith('dist/'))
  const texts = await Promise.all(scripts.map(path => readFile(join(installed, 'node_modules/call-log-source', path), 'utf8')))

  expect(outsiders).toEqual([])
  expect(packed).toEqual(
    expect.arrayContaining([
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
      'dist/main.js',
      'schemas/call-log.avsc',
      'config/example.yaml',
      'docs/runbooks.md',
    ]),
  )
  expect(scripts.filter(path => !path.endsWith('.js'))).toEqual([])
  expect(scripts.filter((_, index) => texts[index]?.includes('sourceMappingURL'))).toEqual([])
})

test('it brings no development dependency along', async () => {
  const modules = await readdir(join(installed, 'node_modules'))
  const { devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))

  expect(modules).toContain('kafkajs')
  // Types of Node come along with a library.
  expect(modules.filter(name => name in devDependencies)).toEqual([])
})

describe('installed', () => {
  test('--help names the commands', async () => {
    const { code, stdout } = await callLogSource('--help')

    expect(code).toBe(0)
    for (const command of ['run', 'check', 'preview', 'plan', 'audit', 'explain', 'status', 'config'])
      expect(stdout).toContain(command)
  })

  test('config schema prints the schema that is in the package', async () => {
    const { code, stdout } = await callLogSource('config', 'schema')

    expect(code).toBe(0)
    expect(stdout).toBe(await readFile(join(root, 'config/settings.schema.json'), 'utf8'))
  })

  test('check refuses wrong settings with 2 and one report', async () => {
    const { code, stdout, stderr } = await checkWith({ accounts: [{ id: 'main', sid: `\${NO_SUCH_VARIABLE}` }], colour: 'blue' })

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^call-log-source: SETTINGS_INVALID: /)
    for (const named of [/\bname\b/, /accounts\[0\]\.sid.*NO_SUCH_VARIABLE/, /accounts\[0\]\.apiKey/, /colour: unknown setting/])
      expect(stderr).toMatch(named)
    expect(stderr).not.toMatch(/^ {4}at /m)
  })

  test(
    'check finds everything in order against a real broker, a real registry and the simulated API',
    async () => {
      const reach = await platform()
      await using simulator = await startSimulator({ world: settledWorld({ seed: 71, history: 50, historyMs: 3_600_000 }) })
      const { code, stdout, stderr } = await checkWith(settingsFor(simulator, reach, uniqueName('packed')))

      expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' })
      for (const name of ['settings', 'API main', 'kafka', 'transactions', 'registry'])
        expect(stdout).toMatch(new RegExp(`^ok +${name} `, 'm'))
      expect(stdout).not.toMatch(/^failed/m)
    },
    platformStartMs,
  )
})
