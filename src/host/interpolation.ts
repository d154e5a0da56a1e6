/**
 * `${VAR}`, `${VAR:-default}`, `${VAR:?}` and `${file:PATH}` in the settings. They are replaced after parsing, in text values only, so that no value of
 * the environment can ever become structure; what they bring in is not interpolated again. `$${` stands for a literal `${`.
 */
import type { Complaint } from '../model/complaints.ts'
import { isGroup, type Path } from '../model/settings-tree.ts'

/** Where values come from. */
export interface Sources {
  /** `undefined` when the variable is not set. */
  variable(name: string): string | undefined
  /** The text of a file without its last line end, or why there is none. */
  file(path: string): { readonly text: string } | { readonly fault: string }
}

export interface Interpolated {
  readonly settings: unknown
  /** One for each value that could not be read; the value itself is left out of `settings`. */
  readonly unreadable: readonly Complaint[]
}

/** `$${`, `${name}`, `${name:-default}`, `${name:?}`, `${file:path}`, or a `${` that is none of these. */
const TOKENS = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*)|(:\?))?\}|\$\{file:([^}]+)\}|\$\{/g

/** Replaces in every text value, except under the top-level names in `omitted`, whose variables and files are not even looked at. */
export function interpolate(raw: unknown, omitted: readonly string[], sources: Sources): Interpolated {
  const unreadable: Complaint[] = []
  const visit = (value: unknown, path: Path): unknown => {
    if (Array.isArray(value)) return value.map((item, index) => visit(item, [...path, index]))
    if (isGroup(value))
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, visit(inner, [...path, name])]))
    if (typeof value !== 'string' || !value.includes('${')) return value
    const faults: string[] = []
    const text = replaced(value, sources, faults)
    if (faults.length === 0) return text
    unreadable.push({ path, rule: faults.join('; '), shown: 'nothing' })
    return undefined
  }
  if (!isGroup(raw)) return { settings: raw, unreadable }
  const settings = Object.entries(raw).map(([name, value]) => [name, omitted.includes(name) ? value : visit(value, [name])])
  return { settings: Object.fromEntries(settings), unreadable }
}

function replaced(text: string, sources: Sources, faults: string[]): string {
  return text.replaceAll(TOKENS, (token: string, name?: string, otherwise?: string, demand?: string, path?: string) => {
    if (token === '$${') return '${'
    if (path !== undefined) {
      const file = sources.file(path)
      if ('text' in file) return file.text
      faults.push(`the file ${path} ${file.fault}`)
      return ''
    }
    if (name === undefined) {
      faults.push(
        `has a \${ that is none of \${NAME}, \${NAME:-default}, \${NAME:?} and \${file:PATH}; write $\${ for a literal \${`,
      )
      return ''
    }
    const value = sources.variable(name)
    // As in a shell: the default also stands in for an empty variable.
    if (otherwise !== undefined) return value === undefined || value === '' ? otherwise : value
    if (demand !== undefined && (value === undefined || value === ''))
      faults.push(`the environment variable ${name} is ${value === undefined ? 'not set' : 'empty'}; set it`)
    else if (value === undefined) faults.push(`the environment variable ${name} is not set; set it, or give a default with :-`)
    return value ?? ''
  })
}
