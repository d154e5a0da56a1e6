/** The README's examples, taken from the README itself: what a test ran is what is written there. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const readme = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8')

/** The first block of code under a heading of the third level, `### kcat`, without its fences. Throws when there is none. */
export function readmeBlock(heading: string): string {
  const [, section] = readme.split(`\n### ${heading}\n`)
  const [, block] = /```\w+\n([\s\S]*?)```/.exec(section?.split(/\n##+ /)[0] ?? '') ?? []
  if (block === undefined) throw new Error(`README.md has no code under "### ${heading}"`)
  return block
}

/** The text with other values in place of some. Throws when one of them does not occur: the test would run something else than it thinks. */
export function withOther(text: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values).reduce((changed, [written, other]) => {
    if (!changed.includes(written)) throw new Error(`README.md does not say ${written} where it should:\n${text}`)
    return changed.replaceAll(written, other)
  }, text)
}
