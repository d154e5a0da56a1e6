/** The PEM files that settings name for TLS. All that cannot be had is told at once, before anything opens. */
import { ConnectorError } from '../errors.ts'
import { readTextFile } from './settings-file.ts'

const MAX_PEM_BYTES = 1_048_576

/** As the settings name them, and as a TLS library wants them. */
const NAMES = { caFile: 'ca', certFile: 'cert', keyFile: 'key' } as const

type Files = { readonly [K in keyof typeof NAMES]?: string | undefined }
type Texts = { [K in (typeof NAMES)[keyof typeof NAMES]]?: string }

/** Reads those that are given. Throws `SETTINGS_INVALID` with a line for each that cannot be read; `group` is where they stand, `kafka.ssl`. */
export function readTlsFiles(files: Files, group: string): Texts {
  const texts: Texts = {}
  const faults: string[] = []
  for (const name of ['caFile', 'certFile', 'keyFile'] as const) {
    const path = files[name]
    if (path === undefined) continue
    const file = readTextFile(path, MAX_PEM_BYTES)
    if ('fault' in file) faults.push(`${group}.${name} = ${JSON.stringify(path)}: ${file.fault}`)
    else if (!file.text.includes('-----BEGIN ')) faults.push(`${group}.${name} = ${JSON.stringify(path)}: holds no PEM block`)
    else texts[NAMES[name]] = file.text
  }
  if (faults.length > 0) throw new ConnectorError('SETTINGS_INVALID', faults.join('\n'))
  return texts
}
