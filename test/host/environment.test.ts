import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ConnectorError } from '../../src/errors.ts'
import { loadSettings, rereadSettings } from '../../src/host/environment.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'settings-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

let files = 0
function fileOf(text: string | Buffer, extension = 'yaml'): string {
  files += 1
  const path = join(folder, `${files}.${extension}`)
  writeFileSync(path, text)
  return path
}

/** The report, with the folder taken out. */
function refusal(path: string, env: NodeJS.ProcessEnv = {}): string {
  try {
    loadSettings(path, undefined, env)
    return 'accepted'
  } catch (error) {
    if (!(error instanceof ConnectorError) || error.code !== 'SETTINGS_INVALID') throw error
    return error.message.replaceAll(path, 'FILE').replaceAll(folder, 'FOLDER')
  }
}

const env = { SID: 'HX1', KEY: 'A0123456789', PORT: '0', OFF: 'false' }
const yaml = `name: kaleyra\naccounts:\n  - { id: main, sid: "\${SID}", apiKey: "\${KEY}" }\n`

describe('a settings file', () => {
  test('may be YAML or JSON, whatever it is called', () => {
    const json = JSON.stringify({ name: 'kaleyra', accounts: [{ id: 'main', sid: `\${SID}`, apiKey: `\${KEY}` }] }, null, '\t')

    const [fromYaml, fromJson, fromOther] = [fileOf(yaml), fileOf(json, 'json'), fileOf(`\uFEFF${json}\r\n`, 'conf')].map(path =>
      loadSettings(path, undefined, env),
    )

    expect(fromYaml?.accounts[0]).toMatchObject({ sid: 'HX1', apiKey: 'A0123456789' })
    expect(fromJson).toEqual(fromYaml)
    expect(fromOther).toEqual(fromYaml)
  })

  test('takes numbers and flags from the environment', () => {
    const { http, registry } = loadSettings(
      fileOf(`${yaml}http: { port: "\${PORT}" }\nregistry:\n  register: \${OFF}\n`),
      undefined,
      env,
    )

    expect([http.port, registry.register]).toEqual([0, false])
  })

  test('takes secrets from files, without the last line end, and reads them anew each time', () => {
    const secret = fileOf('A0\n', 'secret')
    const path = fileOf(`name: kaleyra\naccounts: [{ id: main, sid: HX1, apiKey: "\${file:${secret}}" }]\n`)
    const first = loadSettings(path).accounts[0]?.apiKey

    writeFileSync(secret, 'B1\r\n')

    expect([first, loadSettings(path).accounts[0]?.apiKey]).toEqual(['A0', 'B1'])
  })

  test('read again while its secret file is away says nothing new, and says what is new when it is back', () => {
    const secret = fileOf('A0', 'secret')
    const path = fileOf(`name: kaleyra\naccounts: [{ id: main, sid: HX1, apiKey: "\${file:${secret}}" }]\n`)

    rmSync(secret)
    expect(rereadSettings(path)).toBeUndefined()
    writeFileSync(secret, 'B1')
    expect(rereadSettings(path)?.accounts[0]?.apiKey).toBe('B1')
  })

  test('is refused whole, with what could not be read and what is wrong in one report', () => {
    const path = fileOf(
      `${yaml}api: { pageSize: 0 }\nkafka:\n  sasl: { mechanism: plain, username: me, password: "\${file:${join(folder, 'none')}}" }\n`,
    )

    expect(refusal(path, { SID: 'HX1' }).split('\n')).toEqual([
      'accounts[0].apiKey: the environment variable KEY is not set; set it, or give a default with :-',
      'api.pageSize = 0: must be a whole number from 1 to 1000',
      'kafka.sasl.password: the file FOLDER/none does not exist; check the path',
    ])
  })

  test('needs no secret of a section that the command does not need', () => {
    const path = fileOf(`${yaml}kafka:\n  sasl: { mechanism: plain, username: me, password: "\${PASSWORD}" }\n`)

    expect(loadSettings(path, ['accounts'], env).accounts).toHaveLength(1)
    expect(refusal(path, env)).toBe(
      'kafka.sasl.password: the environment variable PASSWORD is not set; set it, or give a default with :-',
    )
  })

  test('that is empty lacks everything', () => {
    expect(refusal(fileOf('# nothing yet\n'))).toBe(
      'name: is required, and must be 1 to 64 of a-z A-Z 0-9 . _ -\naccounts: is required, and must be a list of 1 to 100 accounts',
    )
  })

  test('never shows what came from the environment in a secret setting, nor that secret elsewhere', () => {
    const path = fileOf(`${yaml}log: { level: "\${KEY}" }\n`)

    const report = refusal(path, { ...env, SID: 'HX 1 secret' })

    expect(report).toContain('accounts[0].sid = ***: ')
    expect(report).toContain('log.level = "***": ')
    expect(report).not.toMatch(/secret|A0123456789/)
  })

  test.each([
    ['a name given twice', 'name: a\nlog: {}\nname: b\n', 'FILE:3:1: a name is given twice in one group; keep one'],
    ['a name given twice in JSON', '{"name": "a",\n "name": "b"}', 'FILE:2:2: a name is given twice in one group; keep one'],
    ['a tab', 'api:\n\tpageSize: 1\n', 'FILE:2:1: indent with spaces, not with tabs'],
    ['an open quote', 'name: "kaleyra\n', 'FILE:2:1: a quote, a comma, a colon or a bracket is missing at or before this place'],
    [
      'JSON cut short',
      '{"name": "secret"',
      'FILE:1:18: a quote, a comma, a colon or a bracket is missing at or before this place',
    ],
    ['an alias', 'name: *secret\n', 'FILE:1:7: aliases are not read; put text that begins with * in quotes'],
    ['a tag', 'name: !secret x\n', 'FILE:1:7: leave the tag (!) out'],
    ['a colon in a text', 'name: key: secret\n', 'FILE:1:7: put text that holds ": " in quotes'],
  ])('with %s is refused with line and column, without quoting the file', (_, text, expected) => {
    expect(refusal(fileOf(text)).split('\n')[0]).toBe(expected)
    expect(refusal(fileOf(text))).not.toContain('secret')
  })

  test.each([
    ['that does not exist', () => join(folder, 'none.yaml'), 'the settings file FILE does not exist; check the path'],
    ['that is a folder', () => folder, 'the settings file FILE is not a regular file'],
    ['that is too large', () => fileOf('#'.repeat(1_048_577)), 'the settings file FILE is larger than 1024 KB'],
    ['that is no text', () => fileOf(Buffer.from([0xff, 0xfe, 0x00])), 'the settings file FILE is not UTF-8 text'],
  ])('%s is refused', (_, path, expected) => {
    expect(refusal(path())).toBe(expected)
  })

  test('may not name a secret file of more than 64 KB', () => {
    const secret = fileOf('x'.repeat(65_537), 'secret')

    expect(
      refusal(fileOf(`name: kaleyra\naccounts: [{ id: main, sid: HX1, apiKey: "\${file:${secret}}" }]\n`)).replace(
        secret,
        'SECRET',
      ),
    ).toMatch(/^accounts\[0\]\.apiKey: the file \S+ is larger than 64 KB$/)
  })
})
