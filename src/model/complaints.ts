/**
 * What is wrong with the settings, as lines for people. All complaints come in one report, and a report is something people paste into
 * tickets: the value of a secret setting is never shown, nor is a secret where it turns up inside another value.
 */
import { ConnectorError } from '../errors.ts'
import { isGroup, type Path, valueAt } from './settings-tree.ts'

export interface Complaint {
  readonly path: Path
  /** What must hold, and what to do. Never holds a value of the settings. */
  readonly rule: string
  /** `kind`: a text where a group was expected may be a whole line with a secret in it, so only its kind is shown. */
  readonly shown: 'value' | 'kind' | 'nothing'
}

const SECRET_NAMES = new Set(['sid', 'apikey', 'password', 'token', 'bearertoken', 'clientsecret', 'hmackey'])
const MASK = '***'
/** Anything shorter cannot be told from ordinary text; its own setting is masked all the same. */
const MIN_SECRET_CHARACTERS = 4
const MOST_CHARACTERS = 80

/**
 * Every value of a secret setting (sid, apiKey, password, token, bearerToken, clientSecret, hmacKey), at any depth, longest first: for
 * whoever must keep them out of a log.
 */
export function secretsIn(settings: unknown): string[] {
  const found = new Set<string>()
  const visit = (value: unknown, isSecret: boolean): void => {
    if (isGroup(value)) for (const [name, inner] of Object.entries(value)) visit(inner, isSecret || isSecretName(name))
    else if (Array.isArray(value)) for (const inner of value) visit(inner, isSecret)
    else if (isSecret && value !== null && value !== undefined && value !== '') found.add(String(value))
  }
  visit(settings, false)
  return [...found].sort((a, b) => b.length - a.length)
}

/**
 * The report as one error, `SETTINGS_INVALID`: a line for each path, sections in the given order. Of several complaints about one path
 * the first is kept.
 */
export function refusal(complaints: readonly Complaint[], settings: unknown, sections: readonly string[]): ConnectorError {
  const secrets = secretsIn(settings).filter(secret => secret.length >= MIN_SECRET_CHARACTERS)
  const sectionOf = ({ path }: Complaint) => sections.indexOf(String(path[0]))
  const lines = new Map<string, string>()
  for (const { path, rule, shown } of complaints.toSorted((a, b) => sectionOf(a) - sectionOf(b))) {
    const value = shown === 'nothing' ? '' : valueText(path, valueAt(settings, path), shown, secrets)
    const key = JSON.stringify(path)
    if (!lines.has(key)) lines.set(key, `${pathText(path, secrets)}${value === '' ? '' : ` = ${value}`}: ${rule}`)
  }
  return new ConnectorError('SETTINGS_INVALID', [...lines.values()].join('\n'))
}

/** What a schema library says about one value; `keys` are those it does not know, `expected` the kind it wanted. */
interface Issue {
  readonly code: string
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly keys?: readonly string[]
  readonly expected?: string
}

/** An issue in our words. A value that was misspelt or misplaced is never shown: it may be a key under a wrong name. */
export function complaintsOf({ code, path: steps, message, keys, expected }: Issue, settings: unknown): Complaint[] {
  const inner = steps.map(step => (typeof step === 'number' ? step : String(step)))
  // A part of a text, such as one of the brokers with commas between: the text as a whole is what was written.
  const path = typeof valueAt(settings, inner.slice(0, -1)) === 'string' ? inner.slice(0, -1) : inner
  if (keys !== undefined) return keys.map(key => ({ path: [...path, key], rule: message, shown: 'nothing' }))
  const isMissing = code !== 'custom' && valueAt(settings, path) === undefined
  if (isMissing) return [{ path, rule: `is required, and ${message}`, shown: 'nothing' }]
  const isContainer = expected === 'object' || expected === 'array' || expected === 'record'
  return [{ path, rule: message, shown: isContainer ? 'kind' : 'value' }]
}

function isSecretName(name: string | number): boolean {
  return SECRET_NAMES.has(String(name).toLowerCase().replaceAll(/[_-]/g, ''))
}

/** `accounts[0].url`; a name that is no plain word may be a misplaced value, so it is masked. */
function pathText(path: Path, secrets: readonly string[]): string {
  if (path.length === 0) return 'settings'
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    const isPlain = /^[A-Za-z][\w.-]{0,39}$/.test(step) && without(step, secrets) === step
    return `${text}${text === '' ? '' : '.'}${isPlain ? step : MASK}`
  }, '')
}

function valueText(path: Path, value: unknown, shown: 'value' | 'kind', secrets: readonly string[]): string {
  if (value === undefined) return ''
  if (path.some(isSecretName)) return MASK
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (isGroup(value)) return 'a group'
  if (shown === 'kind') return `a ${typeof value === 'string' ? 'text' : typeof value}`
  if (typeof value !== 'string') return without(String(value), secrets)
  // User names, passwords and SIDs inside addresses are hidden even where the settings do not name them.
  const clean = without(value, secrets)
    .replace(/^([a-z]+:\/\/)?.*@/is, `$1${MASK}@`)
    .replace(/(\/v1\/).+/is, `$1${MASK}`)
  return JSON.stringify(clean.length > MOST_CHARACTERS ? `${clean.slice(0, MOST_CHARACTERS)}…` : clean)
}

function without(text: string, secrets: readonly string[]): string {
  return secrets.reduce(
    (clean, secret) => clean.replaceAll(secret, MASK).replaceAll(encodeURIComponent(secret.toWellFormed()), MASK),
    text,
  )
}
