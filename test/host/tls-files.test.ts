/** PEM files named by settings: read, or refused together with what is wrong with each. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readTlsFiles } from '../../src/host/tls-files.ts'

const folder = mkdtempSync(join(tmpdir(), 'tls-files-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('files that are given are read under the names of the TLS library', () => {
  const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
  const path = join(folder, 'ca.pem')
  writeFileSync(path, pem)

  expect(readTlsFiles({ caFile: path }, 'kafka.ssl')).toEqual({ ca: pem })
  expect(readTlsFiles({}, 'kafka.ssl')).toEqual({})
})

test('what cannot be read is refused as a setting, every file in one report, and nothing of a file is shown', () => {
  const wrong = join(folder, 'key.pem')
  writeFileSync(wrong, 'hunter2')

  const refused = () => readTlsFiles({ caFile: join(folder, 'none.pem'), certFile: folder, keyFile: wrong }, 'kafka.ssl')

  expect(refused).toThrow(
    expect.objectContaining({
      code: 'SETTINGS_INVALID',
      message: expect.stringMatching(
        /^kafka\.ssl\.caFile = ".*none\.pem": does not exist.*\nkafka\.ssl\.certFile = .*: is not a regular file\nkafka\.ssl\.keyFile = ".*key\.pem": holds no PEM block$/,
      ),
    }),
  )
  expect(refused).not.toThrow('hunter2')
})
