/**
 * A settings file as plain data. JSON is read as YAML, of which it is a subset, so both get lines, columns and refused duplicate names.
 * The parser's own messages quote the file, which may hold secrets, so only its code and the place are told.
 */
import { readFileSync, statSync } from 'node:fs'
import { LineCounter, parseDocument, visit } from 'yaml'
import { ConnectorError } from '../errors.ts'

const MAX_SETTINGS_BYTES = 1_048_576

/** What to do about the faults people make most. */
const REMEDIES: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'a name is given twice in one group; keep one',
  TAB_AS_INDENT: 'indent with spaces, not with tabs',
  BAD_INDENT: 'names of one group must begin in one column',
  MISSING_CHAR: 'a quote, a comma, a colon or a bracket is missing at or before this place',
  MULTIPLE_DOCS: 'keep one document; leave --- out',
  BAD_SCALAR_START: 'put text that begins with a special character in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'put text that holds ": " in quotes',
  TAG_RESOLVE_FAILED: 'leave the tag (!) out',
}

/** Throws `SETTINGS_INVALID` naming file, line and column; `null` for an empty file. */
export function readSettingsFile(path: string): unknown {
  const file = readTextFile(path, MAX_SETTINGS_BYTES)
  if ('fault' in file) throw new ConnectorError('SETTINGS_INVALID', `the settings file ${path} ${file.fault}`)
  const lines = new LineCounter()
  const document = parseDocument(file.text, {
    lineCounter: lines,
    prettyErrors: false,
    strict: true,
    uniqueKeys: true,
    logLevel: 'silent',
  })
  const placeOf = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${path}:${line}:${col}`
  }
  const faults = [...document.errors, ...document.warnings].map(
    ({ code, pos: [offset] }) => `${placeOf(offset)}: ${REMEDIES[code] ?? code.toLowerCase().replaceAll('_', ' ')}`,
  )
  if (faults.length > 0) throw new ConnectorError('SETTINGS_INVALID', faults.join('\n'))
  visit(document, {
    Alias: (_, { range }) => {
      throw new ConnectorError(
        'SETTINGS_INVALID',
        `${placeOf(range?.[0] ?? 0)}: aliases are not read; put text that begins with * in quotes`,
      )
    },
  })
  return document.toJS()
}

/** A regular file's text of at most `maxBytes`, or why it cannot be had, with what to do. */
export function readTextFile(path: string, maxBytes: number): { readonly text: string } | { readonly fault: string } {
  try {
    const stat = statSync(path)
    // A pipe could keep the start waiting for ever.
    if (!stat.isFile()) return { fault: 'is not a regular file' }
    if (stat.size > maxBytes) return { fault: `is larger than ${maxBytes / 1_024} KB` }
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)) }
  } catch (error) {
    if (error instanceof TypeError) return { fault: 'is not UTF-8 text' }
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason'
    return { fault: reason === 'ENOENT' ? 'does not exist; check the path' : `cannot be read (${reason}); check its permissions` }
  }
}
