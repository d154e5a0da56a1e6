/**
 * The registry client as shipped never times out, hides which fault was the network's, and refuses a subject whose compatibility level
 * it was not told. This file is the one place that knows those habits (version 4.1.0); `registry.ts` decides what follows from them.
 */
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { createRequire } from 'node:module'
import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'

/** Part of the User-Agent, and the prefix by which the client's messages about answers are told from its other errors. */
const CLIENT_ID = 'call-log-source'
const MOST_REASON_CHARACTERS = 600
const CLIENT_PREFIX = `${CLIENT_ID} - `

type ClientOptions = ConstructorParameters<typeof SchemaRegistry>[0]
type Middleware = NonNullable<ClientOptions['middlewares']>[number]

/** The client never asks for compatibility, but the API inside it can; required, because loaders disagree on the default of a CommonJS module. */
const createApi: (options: ClientOptions) => {
  readonly Schema: { find(asked: { readonly id: number }): Promise<{ data(): unknown }> }
  readonly Subject: {
    compatible(asked: {
      readonly subject: string
      readonly verbose: boolean
      readonly body: { readonly schema: string }
    }): Promise<{ data(): unknown }>
  }
} = createRequire(import.meta.url)('@kafkajs/confluent-schema-registry/dist/api/index.js').default

export interface RegistryAccess {
  /** Basic, or bearer, or nothing. */
  readonly auth: { readonly username?: string; readonly password?: string; readonly bearerToken?: string }
  /** HTTPS_PROXY, HTTP_PROXY and NO_PROXY, where they are to be honoured. */
  readonly proxyEnv?: Readonly<Record<string, string | undefined>>
}

export interface RegistryClient {
  /** Registers the schema under the subject, or finds it there. Changes no setting of the registry. */
  register(subject: string, json: string): Promise<number>
  /** The id of exactly this schema under the subject; fails with 404 when it is not there. */
  find(subject: string, json: string): Promise<number>
  /** The id of the newest schema under the subject; fails with 404 when it holds none. */
  newest(subject: string): Promise<number>
  /**
   * What keeps the schema from following the newest under the subject: what the registry says about it, at most 600 characters or nothing;
   * `null` when nothing does. Registers nothing.
   */
  objections(subject: string, json: string): Promise<string | null>
  /** The schema under an id, as JSON, `null` when it is not Avro; fails with 404 when there is none. */
  schema(id: number): Promise<string | null>
  /** Ends whatever is still in flight. */
  close(): void
}

/** A client whose requests end when `signal` aborts and of which nothing outlives `close`. */
export function openRegistry({ auth, proxyEnv }: RegistryAccess, base: string, signal: AbortSignal): RegistryClient {
  const proxy = proxyEnv === undefined ? {} : { proxyEnv: { ...proxyEnv } }
  const agent = base.startsWith('https:') ? new HttpsAgent(proxy) : new HttpAgent(proxy)
  const { username, password, bearerToken } = auth
  let level: string | undefined

  const abortable: Middleware = () => ({ prepareRequest: async next => (await next()).enhance({ signal }) })
  const bearer: Middleware = () => ({
    prepareRequest: async next => (await next()).enhance({ headers: { authorization: `Bearer ${bearerToken}` } }),
  })
  const noteLevel: Middleware = ({ resourceMethod }) => ({
    response: async next => {
      const response = await next()
      if (resourceMethod === 'config') level = levelOf(response.data())
      return response
    },
  })

  const access: ClientOptions = {
    clientId: CLIENT_ID,
    host: base,
    agent,
    // Its own retries cover GET only and their settings leak into every later client; ours are in registry.ts.
    retry: { retries: 0 },
    middlewares: [abortable, noteLevel, ...(bearerToken === undefined ? [] : [bearer])],
    ...(username === undefined ? {} : { auth: { username, password: password ?? '' } }),
  }
  const registry = new SchemaRegistry(access)
  const api = createApi(access)

  const register = async (subject: string, json: string, compatibility: COMPATIBILITY) => {
    const schema = { type: SchemaType.AVRO, schema: json } as const
    // updateConfig: by default it would write the subject's level, which is the operator's and needs another right.
    const { id } = await registry.register(schema, { subject, compatibility, updateConfig: false })
    return id
  }

  return {
    async register(subject, json) {
      try {
        return await register(subject, json, COMPATIBILITY.BACKWARD)
      } catch (error) {
        // It compares the subject's level with the one it was given and gives up before asking; the registry itself enforces the level.
        const actual = Object.values(COMPATIBILITY).find(known => known === level)
        if (actual === undefined || actual === COMPATIBILITY.BACKWARD || statusOf(error) !== null) throw error
        return register(subject, json, actual)
      }
    },
    newest: subject => registry.getLatestSchemaId(subject),
    async objections(subject, json) {
      const answer = await api.Subject.compatible({ subject, verbose: true, body: { schema: json } })
      return objectionsIn(answer.data())
    },
    async schema(id) {
      return schemaIn((await api.Schema.find({ id })).data())
    },
    find: (subject, json) => registry.getRegistryIdBySchema(subject, { type: SchemaType.AVRO, schema: json }),
    close: () => agent.destroy(),
  }
}

/** The HTTP status behind an error of the client, `null` when there was no usable answer: the client reports network faults as 400. */
export function statusOf(error: unknown): number | null {
  if (typeof error !== 'object' || error === null) return null
  if ('status' in error && typeof error.status === 'number')
    return error.status === 400 && reasonOf(error) === null ? null : error.status
  // A 404 of find() comes wrapped, without its status.
  return error instanceof Error && error.name === 'ConfluentSchemaRegistryError' ? 404 : null
}

/** What the registry itself said, at most 600 characters; `null` when the answer was not a registry's. */
export function reasonOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null
  const said = error.message.startsWith(CLIENT_PREFIX) ? error.message.slice(CLIENT_PREFIX.length) : null
  return said === null || /^Error, status \d+/.test(said) ? null : said.slice(0, MOST_REASON_CHARACTERS)
}

/** Throws on anything but a verdict. */
function objectionsIn(answer: unknown): string | null {
  const fields: ReadonlyMap<string, unknown> = new Map(
    Object.entries(typeof answer === 'object' && answer !== null ? answer : {}),
  )
  const isCompatible = fields.get('is_compatible')
  if (typeof isCompatible !== 'boolean') throw new Error('the answer holds no verdict on compatibility')
  const messages = fields.get('messages')
  const reasons = Array.isArray(messages) ? messages.map(String).join(' ') : ''
  return isCompatible ? null : reasons.replaceAll(/\s+/g, ' ').slice(0, MOST_REASON_CHARACTERS)
}

function schemaIn(answer: unknown): string | null {
  const { schema, schemaType = 'AVRO' } = Object(answer)
  if (typeof schema !== 'string') throw new Error('the answer holds no schema')
  return schemaType === 'AVRO' ? schema : null
}

function levelOf(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null || !('compatibilityLevel' in answer)) return undefined
  return typeof answer.compatibilityLevel === 'string' ? answer.compatibilityLevel.toUpperCase() : undefined
}
