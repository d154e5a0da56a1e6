import { describe, expect, test } from 'vitest'
import { interpolate } from '../../src/host/interpolation.ts'

const variables: Readonly<Record<string, string>> = { SID: 'HX1', EMPTY: '', NESTED: `\${SID} $\${SID}`, PORT: '8080' }
const sources = {
  variable: (name: string) => variables[name],
  file: (path: string) => (path === '/run/key' ? { text: 'A0\nB1' } : { fault: 'does not exist; check the path' }),
}

const replaced = (text: string) => interpolate({ at: text }, [], sources).settings

describe('in a text value', () => {
  test.each([
    [`\${SID}`, 'HX1'],
    [`https://api/v1/\${SID}/x`, 'https://api/v1/HX1/x'],
    [`\${SID}\${SID}`, 'HX1HX1'],
    [`\${EMPTY}`, ''],
    [`\${SID:-other}`, 'HX1'],
    [`\${UNSET:-other}`, 'other'],
    [`\${EMPTY:-other}`, 'other'],
    [`\${UNSET:-}`, ''],
    [`\${SID:?}`, 'HX1'],
    [`\${UNSET:-a:-$b}`, 'a:-$b'],
    [`\${file:/run/key}`, 'A0\nB1'],
    [`$\${SID}`, `\${SID}`],
    [`a $\${ b`, `a \${ b`],
    ['$SID $ $$ {SID}', '$SID $ $$ {SID}'],
    [`\${PORT}`, '8080'],
  ])('%s becomes %j', (text, expected) => {
    expect(replaced(text)).toEqual({ at: expected })
  })

  test('what was brought in is not interpolated again, nor read as a pattern', () => {
    expect(replaced(`\${NESTED}`)).toEqual({ at: `\${SID} $\${SID}` })
  })

  test.each([
    [`\${UNSET}`, 'the environment variable UNSET is not set; set it, or give a default with :-'],
    [`\${UNSET:?}`, 'the environment variable UNSET is not set; set it'],
    [`\${EMPTY:?}`, 'the environment variable EMPTY is empty; set it'],
    [`\${file:/run/none}`, 'the file /run/none does not exist; check the path'],
    [
      `\${not a name}`,
      `has a \${ that is none of \${NAME}, \${NAME:-default}, \${NAME:?} and \${file:PATH}; write $\${ for a literal \${`,
    ],
    [
      `\${SID`,
      `has a \${ that is none of \${NAME}, \${NAME:-default}, \${NAME:?} and \${file:PATH}; write $\${ for a literal \${`,
    ],
  ])('%s is a complaint, and the value is left out', (text, rule) => {
    const { settings, unreadable } = interpolate({ group: [{ at: text }] }, [], sources)

    expect(settings).toEqual({ group: [{ at: undefined }] })
    expect(unreadable).toEqual([{ path: ['group', 0, 'at'], rule, shown: 'nothing' }])
  })

  test('every fault of every value is told', () => {
    const { unreadable } = interpolate({ a: `\${A}/\${B}`, b: [`\${C}`] }, [], sources)

    expect(unreadable.map(({ path, rule }) => [path, rule.match(/variable \w/g)])).toEqual([
      [['a'], ['variable A', 'variable B']],
      [['b', 0], ['variable C']],
    ])
  })
})

test('names, numbers, flags and nothing stay as they are', () => {
  const settings = { ...Object.fromEntries([[`\${SID}`, 1]]), flag: true, nothing: null, list: [2] }

  expect(interpolate(settings, [], sources)).toEqual({ settings, unreadable: [] })
})

test('sections that are not needed are not even looked at', () => {
  const asked: string[] = []
  const watching = {
    ...sources,
    variable: (name: string) => String(asked.push(name)),
    file: (path: string) => ({ text: String(asked.push(path)) }),
  }

  interpolate({ accounts: [`\${SID}`], kafka: { password: `\${PASSWORD}`, key: `\${file:/run/key}` } }, ['kafka'], watching)

  expect(asked).toEqual(['SID'])
})
