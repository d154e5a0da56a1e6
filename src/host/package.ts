/** The package's own version, from the one file that states it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export function packageVersion(): string {
  const text: { version: string } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'))
  return text.version
}
