/**
 * Settles the schema id once, at start, so that nothing on the way of a record ever waits for the registry. One deadline covers all,
 * passing faults are tried again, and a refusal says what the registry objects to and what to do about it.
 */
import { ConnectorError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import { openRegistry, type RegistryAccess, type RegistryClient, reasonOf, statusOf } from './registry-client.ts'
import { readCallLogSchema } from './schema.ts'

export interface RegistryOptions extends RegistryAccess {
  /** With the path of the Confluent API where it has one, such as `/apis/ccompat/v7`. Without credentials. */
  readonly url: string
  readonly subject: string
  /** `false` only looks the schema up. */
  readonly register: boolean
  /** For everything together, retries included; 10,000 unless given. */
  readonly timeoutMs?: number
}

const TRIES = 3
const BACKOFF_MS = [250, 1000]

/**
 * The registry's id for our schema under `subject`. Registers it when `register` allows and changes no setting of the registry; safe to
 * call again. Throws `REGISTRY_REJECTED` (credentials, incompatible, not registered, not a registry), `REGISTRY_UNREACHABLE` after three
 * tries or at the deadline, `STOPPED` when `signal` aborts. Messages name the registry's host, never a credential.
 */
export async function resolveSchemaId(options: RegistryOptions, clock: Clock, signal: AbortSignal): Promise<number> {
  const { subject, register } = options
  const { json } = readCallLogSchema()
  return await askRegistry(options, clock, signal, async client => {
    const id = await (register ? client.register(subject, json) : client.find(subject, json))
    if (Number.isInteger(id) && id > 0) return id
    throw new Error('the answer holds no schema id')
  })
}

/** `none`: the subject holds nothing yet. `reasons` are the registry's, empty when it gives none. */
export type SchemaStanding =
  | { readonly kind: 'registered'; readonly id: number }
  | { readonly kind: 'compatible' | 'none' }
  | { readonly kind: 'incompatible'; readonly reasons: string }

/** How our schema stands under `subject`: asks only, registers nothing. Throws like `resolveSchemaId`, whatever `register` says. */
export async function lookUpSchema(options: RegistryOptions, clock: Clock, signal: AbortSignal): Promise<SchemaStanding> {
  const { json } = readCallLogSchema()
  return await askRegistry(options, clock, signal, client => standingOf(client, options.subject, json))
}

async function standingOf(client: RegistryClient, subject: string, json: string): Promise<SchemaStanding> {
  const id = await orAbsent(client.find(subject, json))
  if (id !== null) return { kind: 'registered', id }
  if ((await orAbsent(client.newest(subject))) === null) return { kind: 'none' }
  const reasons = await client.objections(subject, json)
  return reasons === null ? { kind: 'compatible' } : { kind: 'incompatible', reasons }
}

/** The schema under an id, as JSON; `null` when the registry holds none, or one that is not Avro. Throws like `resolveSchemaId`. */
export async function schemaById(
  options: RegistryOptions,
  id: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<string | null> {
  return await askRegistry(options, clock, signal, client => orAbsent(client.schema(id)))
}

/** `null` when a registry says that it is not there; a 404 without a reason of its own comes from something else. */
async function orAbsent<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked
  } catch (error) {
    if (statusOf(error) === 404 && reasonOf(error) !== null) return null
    throw error
  }
}

/** Tries `work` until it succeeds, fails for good, or the time is up. */
async function askRegistry<T>(
  options: RegistryOptions,
  clock: Clock,
  signal: AbortSignal,
  work: (client: RegistryClient) => Promise<T>,
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 10_000
  const base = baseOf(options.url)
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  const client = openRegistry(options, base, either)

  const attempts = async (): Promise<T> => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await work(client)
      } catch (error) {
        signal.throwIfAborted()
        if (attempt + 1 >= TRIES || !isPassing(error)) throw failure(options, base, error)
        await clock.sleep(BACKOFF_MS[attempt] ?? 0, either)
      }
    }
  }
  const deadline = async (): Promise<never> => {
    await clock.sleep(timeoutMs, either)
    throw new ConnectorError(
      'REGISTRY_UNREACHABLE',
      `the schema registry at ${base} gave no answer within ${timeoutMs} ms. ${CHECK}`,
    )
  }

  const running = attempts()
  try {
    return await Promise.race([running, deadline()])
  } catch (error) {
    // An aborted request fails in the client's words; what happened is that we were told to stop.
    if (signal.aborted) throw new ConnectorError('STOPPED', 'stopped while asking the schema registry', { cause: error })
    throw error
  } finally {
    running.catch(() => undefined)
    over.abort()
    client.close()
  }
}

const CHECK = 'Check registry.url (host, port, http or https), that it is up, and that this machine may reach it.'

/** Worth another try: no answer at all, or an answer that says "not now". */
function isPassing(error: unknown): boolean {
  const status = statusOf(error)
  return status === null ? isTransport(error) : status >= 500 || status === 429 || status === 408
}

/** The client gives network faults a status of 400; errors without any status are its own complaints about the answer. */
function isTransport(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'status' in error
}

function failure(options: RegistryOptions, base: string, cause: unknown): ConnectorError {
  const { subject } = options
  const status = statusOf(cause)
  const reason = reasonOf(cause)
  const said = reason === null ? '' : ` It says: "${reason}".`
  const rejected = (text: string) => new ConnectorError('REGISTRY_REJECTED', text, { cause })

  if (isPassing(cause)) {
    const how = status === null ? 'could not be reached' : `answered ${status}`
    return new ConnectorError('REGISTRY_UNREACHABLE', `the schema registry at ${base} ${how}, ${TRIES} times.${said} ${CHECK}`, {
      cause,
    })
  }
  if (status === 401 || status === 403) {
    const right = options.register ? 'read and write the subject and read its compatibility level' : 'read the subject'
    return rejected(
      `the schema registry at ${base} answered ${status}.${said} Check registry.auth; it needs the right to ${right}: ${subject}`,
    )
  }
  if (status === 404 && !options.register && reason !== null) {
    return rejected(
      `the schema is not registered under subject ${subject} at ${base}, and registry.register is false.${said} ` +
        `Register schemas/call-log.avsc of this release (POST ${base}/subjects/${encodeURIComponent(subject)}/versions), or set registry.register: true`,
    )
  }
  if (status === 409 || status === 422) {
    return rejected(
      `the schema registry at ${base} refuses the schema under subject ${subject} (${status}).${said} ` +
        'If another record type lives there, choose another registry.subject; else compare its newest version with schemas/call-log.avsc',
    )
  }
  if (status === 404) {
    return rejected(
      `nothing at ${base} answers as a schema registry (404).${said} Check the path of registry.url: ` +
        'Confluent and Karapace have none, Apicurio /apis/ccompat/v7',
    )
  }
  const what = status === null ? 'did not answer as a schema registry does' : `answered ${status}`
  return rejected(`the schema registry at ${base} ${what}.${said} Check registry.url and registry.subject (${subject})`)
}

/** The address without credentials, query and trailing slash, as it may be shown. */
function baseOf(text: string): string {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new ConnectorError(
      'REGISTRY_REJECTED',
      'registry.url is no http or https address: give one such as http://localhost:8081',
    )
  }
  if (url.username !== '' || url.password !== '') {
    throw new ConnectorError('REGISTRY_REJECTED', `registry.url for ${url.host} holds credentials: move them to registry.auth`)
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '')
}
