/** A long run that is interrupted goes on where it was, and never mixes what different code did. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { addReport, codeOfStories, errandsOf, resume, SEEDS_PER_ERRAND, textOf } from './simulation/progress.ts'
import { emptyTally } from './simulation/tally.ts'

const plan = { code: 'abc', first: 1, count: 2 * SEEDS_PER_ERRAND + 7 }
const told = (stories: number, failures: string[] = []) => ({ tally: { ...emptyTally(), stories }, failures })
const root = join(import.meta.dirname, '../..')

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

test('goes on with the errands that were not told to their end, and keeps what the others came to', () => {
  const before = resume(null, plan)
  const [, second] = errandsOf(before)
  if (second !== undefined) addReport(before, second, told(SEEDS_PER_ERRAND, ['seed 600']))

  const after = resume(JSON.stringify(before), plan)

  expect(errandsOf(after)).toEqual([
    { from: 1, count: SEEDS_PER_ERRAND },
    { from: 2 * SEEDS_PER_ERRAND + 1, count: 7 },
  ])
  expect(after.failures).toEqual(['seed 600'])
  expect(textOf(after)).toContain('**500 of 1,007 stories so far, 1 of which ended badly.**')
})

test('is over when every errand was told', () => {
  const progress = resume(null, plan)

  for (const errand of errandsOf(progress)) addReport(progress, errand, told(errand.count))

  expect(errandsOf(resume(JSON.stringify(progress), plan))).toEqual([])
  expect(textOf(progress)).toContain('**1,007 stories, each of which ended well.**')
})

test.each([{ code: 'abd' }, { first: 2 }, { count: 8 }])('begins anew with %o', change => {
  const before = resume(null, plan)
  for (const errand of errandsOf(before)) addReport(before, errand, told(errand.count, ['bad']))

  const after = resume(JSON.stringify(before), { ...plan, ...change })

  expect(after).toMatchObject({ ...plan, ...change, done: [], failures: [], tally: emptyTally() })
})

test.each([
  ['of the connector', 'src/flow/sweep.ts'],
  ['of the simulated API', 'test/support/simulator/api.ts'],
  ['of the stories, loaded late', 'test/crash/simulation/story.ts'],
  ['that is a schema', 'schemas/call-log.avsc'],
  ['that names the dependencies', 'package-lock.json'],
])('other code is a file changed %s', async (_what, file) => {
  const folder = mkdtempSync(join(tmpdir(), 'stories-'))
  folders.push(folder)
  for (const part of ['src', 'test/crash', 'test/support', 'schemas', 'package-lock.json'])
    await cp(join(root, part), join(folder, part), { recursive: true })
  const before = codeOfStories(folder)

  writeFileSync(join(folder, 'README.md'), 'changed')
  const beside = codeOfStories(folder)
  writeFileSync(join(folder, file), '// changed', { flag: 'a' })

  expect([before, beside]).toEqual([codeOfStories(root), before])
  expect(codeOfStories(folder)).not.toBe(before)
})
