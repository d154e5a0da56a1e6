/**
 * Tells the stories of a range of seeds, in a process of its own: `node seeds.ts FROM COUNT`, one line of JSON for each. With `SIM_MUTATION`, a
 * mutation as JSON, the source is changed while it is loaded, and the first story that notices is the last.
 */
import { readFileSync, writeSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Mutation } from './mutation.ts'

const root = join(import.meta.dirname, '../../..')
const { SIM_MUTATION } = process.env
const mutation: Mutation | null = SIM_MUTATION === undefined ? null : JSON.parse(SIM_MUTATION)
if (mutation !== null) plant(mutation)

function plant({ file, find, replace }: Mutation): void {
  const url = pathToFileURL(join(root, file)).href
  const source = readFileSync(join(root, file), 'utf8')
  if (source.split(find).length !== 2) throw new Error(`${file} does not hold the text exactly once: ${find}`)
  registerHooks({
    load: (asked, context, next) =>
      asked === url
        ? { format: 'module-typescript', source: source.replace(find, () => replace), shortCircuit: true }
        : next(asked, context),
  })
}

const [from = 1, count = 1] = process.argv.slice(2).map(Number)
// After the plant, so that it is loaded as changed.
const { tell } = await import('./story.ts')

let current: number | null = null
// What waits for something that never comes ends the process without a word.
process.on('exit', () => {
  if (current !== null) writeSync(1, `${JSON.stringify({ seed: current, findings: ['the story never ends'] })}\n`)
})
for (let seed = from; seed < from + count; seed += 1) {
  current = seed
  const told = await tell(seed)
  current = null
  writeSync(1, `${JSON.stringify(told)}\n`)
  if (mutation !== null && told.findings.length > 0) break
}
