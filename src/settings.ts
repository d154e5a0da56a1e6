/**
 * The settings: every name, range and default, checked once and frozen before anything opens. Input keeps the names people write
 * (`timeout: 15s`), output carries units in its names (`timeoutMs`), so that it fits what the adapters ask for by shape. All complaints
 * come in one report. What each setting means stands in `commands/setting-texts.ts`.
 */
import * as z from 'zod'
import { BROKER, isTimeZone, plainUrl, sidInUrl } from './model/addresses.ts'
import { type Complaint, complaintsOf, refusal } from './model/complaints.ts'
import { DIGEST_GROUPS } from './model/fingerprint.ts'
import { type Frozen, freeze } from './model/frozen.ts'
import { NUMBER_RULES } from './model/number-protection.ts'
import { brokenRules } from './model/settings-rules.ts'
import { isGroup, omit, written } from './model/settings-tree.ts'
import { DURATION, durationMs, flagIn, numberIn } from './model/units.ts'

// Kinds of settings, each with the one sentence that says what it must be. Defaults (`prefault`) are written as people would write them.

const text = (rule: string, pattern = /^[^\r\n]+$/) =>
  z.string({ error: ({ input }) => (typeof input === 'number' ? `${rule}; put a number in quotes` : rule) }).regex(pattern, rule)
const choice = <const T extends readonly string[]>(names: T) => z.enum(names, `must be one of ${names.join(', ')}`)
const whole = (min: number, max: number, rule = `must be a whole number from ${min} to ${max}`) =>
  z.preprocess(numberIn, z.int(rule).min(min, rule).max(max, rule))
const flag = () => z.preprocess(flagIn, z.boolean('must be true or false'))
const duration = (min: string, max: string, why = '') => {
  const rule = `must be a duration from ${min} to ${max}, such as 500ms, 15s, 5m, 6h or 6d${why}`
  const inRange = z.number(rule).min(durationMs(min), rule).max(durationMs(max), rule)
  return z.string(rule).regex(DURATION, rule).transform(durationMs).pipe(inRange)
}
const list = <T extends z.ZodType>(of: T, min: number, max: number, what: string) => {
  const rule = `must be a list of ${min} to ${max} ${what}`
  return z.array(of, rule).min(min, rule).max(max, rule)
}
const group = <T extends z.ZodRawShape>(shape: T) => {
  const unknown = `unknown setting; known here: ${Object.keys(shape).join(', ')}`
  return z.strictObject(shape, { error: issue => (issue.code === 'unrecognized_keys' ? unknown : 'must be a group of settings') })
}

const anyText = text('must be text in one line')
const optionalText = anyText.exactOptional()
const port = whole(0, 65_535)
const texts = list(anyText, 0, 100, 'texts').prefault([])
const label = text('must be 1 to 64 of a-z A-Z 0-9 . _ -', /^[a-zA-Z0-9._-]{1,64}$/)
// Kafka allows 249; `.dlq` must fit behind.
const TOPIC_RULE = 'must be a topic name, 1 to 245 of a-z A-Z 0-9 . _ -'
const optionalTopic = text(TOPIC_RULE, /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,245}$/).exactOptional()
const URL_RULE = 'must be an http or https URL without user, password, query and fragment'
const url = text(URL_RULE).refine(value => plainUrl(value) !== null, URL_RULE)
const ACCOUNT_URL_RULE = `${URL_RULE}, ending after the host, with /v1 or with /v1/<SID>`
const accountUrl = text(ACCOUNT_URL_RULE).refine(value => sidInUrl(value) !== null, ACCOUNT_URL_RULE)
const TIME_ZONE_RULE = 'must be an IANA time zone, such as Asia/Kolkata'

const account = group({
  id: label,
  sid: text('must be the SID, 1 to 128 of a-z A-Z 0-9 . _ ~ -', /^[A-Za-z0-9._~-]{1,128}$/),
  apiKey: text('must be the API key, printable ASCII without spaces', /^[\x21-\x7e]{1,512}$/),
  url: accountUrl.prefault('https://api.kaleyra.io'),
  allowHttp: flag().prefault(false),
  timeZone: text(TIME_ZONE_RULE).refine(isTimeZone, TIME_ZONE_RULE).exactOptional(),
})

const api = group({
  style: choice(['auto', 'post-form', 'get-query', 'get-body']).prefault('auto'),
  pageSize: whole(1, 1_000).prefault(100),
  requestsPerSecond: z
    .preprocess(numberIn, z.number('must be a number above 0').gt(0, 'must be above 0').max(1_000, 'must be at most 1000'))
    .prefault(1),
  burst: whole(1, 1_000).prefault(1),
  timeout: duration('1s', '5m').prefault('15s'),
  filters: group({ bridge: texts, status: texts }).prefault({}),
})

const FORGETS = '; the API forgets after 7 days'
const schedule = group({
  name: text(
    'must be a name of 1 to 32 of a-z 0-9 -, beginning with a letter, other than backfill',
    /^(?!backfill$)[a-z][a-z0-9-]{0,31}$/,
  ),
  every: duration('10s', '6d'),
  span: duration('1m', '6d', FORGETS),
})
const polling = group({
  startFrom: duration('1s', '6d', FORGETS).prefault('6d'),
  settle: duration('1s', '1d').prefault('5m'),
  schedule: list(schedule, 1, 16, 'schedules').prefault([
    { name: 'hot', every: '60s', span: '30m' },
    { name: 'warm', every: '30m', span: '6h' },
    { name: 'cold', every: '24h', span: '6d' },
  ]),
  maxRowsPerRead: whole(100, 1_000_000).prefault(5_000),
  retryFailed: duration('1s', '1d').prefault('15m'),
})

const numberRule = choice(NUMBER_RULES).prefault('plain')
const HMAC_KEY_RULE = 'must be a key of 16 or more characters, 5 of them different; `openssl rand -hex 32` makes a good one'
const hmacKey = text(HMAC_KEY_RULE, /^[^\r\n]{16,}$/).refine(key => new Set(key).size >= 5, HMAC_KEY_RULE)
const records = group({
  updates: choice(['publish', 'suppress']).prefault('publish'),
  ignoreChangesIn: list(choice(DIGEST_GROUPS.flat()), 0, 100, 'fields').prefault([]),
  onRulesChange: choice(['adopt', 'publish']).prefault('adopt'),
  privacy: group({ from_number: numberRule, to_number: numberRule, bridge_number: numberRule }).prefault({}),
  hmacKey: hmacKey.exactOptional(),
  optIn: list(choice(['recording_ref', 'location', 'operator', 'notes', 'custom']), 0, 100, 'fields').prefault([]),
  maxSeen: whole(1_000, 200_000_000).prefault(5_000_000),
})

const brokerList = z.union(
  [z.string().transform(names => names.split(',').map(name => name.trim())), z.array(z.unknown())],
  'must be a list of host:port',
)
const password = z.literal(['plain', 'scram-sha-256', 'scram-sha-512'])
const passwordLogin = group({ mechanism: password, username: anyText, password: anyText })
const tokenFields = { tokenEndpoint: url, clientId: anyText, clientSecret: anyText, scope: optionalText }
const tokenLogin = group({ mechanism: z.literal('oauthbearer'), ...tokenFields })
const MECHANISM_RULE = 'must be plain, scram-sha-256, scram-sha-512 or oauthbearer'
const login = z.discriminatedUnion('mechanism', [passwordLogin, tokenLogin], MECHANISM_RULE)
const pemFiles = { caFile: optionalText, certFile: optionalText, keyFile: optionalText }
const REPLICAS_RULE = 'must be -1 or from 1 to 100'
const topicConfig = z.union([z.string(), z.number(), z.boolean()], 'must be text, a number or a flag').transform(String)

const kafka = group({
  brokers: brokerList.pipe(list(text('must be host:port', BROKER), 1, 100, 'brokers')).prefault(['localhost:9092']),
  topics: group({ events: optionalTopic, deadLetters: optionalTopic, ledger: optionalTopic }).prefault({}),
  key: choice(['call_id', 'account/call_id']).exactOptional(),
  createTopics: group({
    enabled: flag().prefault(true),
    partitions: whole(1, 10_000).prefault(6),
    replicationFactor: whole(-1, 100, REPLICAS_RULE)
      .refine(replicas => replicas !== 0, REPLICAS_RULE)
      .prefault(-1),
    config: z.record(z.string(), topicConfig, 'must be a group of topic settings').prefault({}),
  }).prefault({}),
  compression: choice(['none', 'gzip', 'zstd']).prefault('gzip'),
  ssl: group({ enabled: flag().prefault(false), ...pemFiles }).prefault({}),
  sasl: z
    .preprocess(value => (isGroup(value) && Object.keys(value).length === 0 ? undefined : value), login.optional())
    .prefault({}),
})

const registry = group({
  url: url.prefault('http://localhost:8081'),
  auth: group({ username: optionalText, password: optionalText, bearerToken: optionalText }).prefault({}),
  subject: optionalText,
  register: flag().prefault(true),
})

/** As people write them: the input side is the JSON Schema of `config schema`. */
export const settingsSchema = group({
  name: label,
  accounts: list(account, 1, 100, 'accounts'),
  api: api.prefault({}),
  polling: polling.prefault({}),
  records: records.prefault({}),
  kafka: kafka.prefault({}),
  registry: registry.prefault({}),
  http: group({ host: anyText.prefault('127.0.0.1'), port: port.prefault(9464) }).prefault({}),
  control: group({ socket: optionalText, host: optionalText, port: port.exactOptional(), token: optionalText }).prefault({}),
  log: group({
    level: choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).prefault('info'),
    format: choice(['json', 'text']).prefault('json'),
  }).prefault({}),
})

const accountOf = ({ url, ...rest }: z.output<typeof account>) => ({ ...rest, origin: new URL(url).origin })
const apiOf = ({ timeout, ...rest }: z.output<typeof api>) => ({ ...rest, timeoutMs: timeout })
const pollingOf = ({ startFrom, settle, retryFailed, schedule: entries, ...rest }: z.output<typeof polling>) => ({
  ...rest,
  startFromMs: startFrom,
  settleMs: settle,
  retryFailedMs: retryFailed,
  schedule: entries
    .map(({ name, every, span }) => ({ name, everyMs: every, spanMs: span }))
    .sort((a, b) => a.everyMs - b.everyMs),
})
const kafkaOf = (name: string, { topics, key = 'call_id', sasl, ...rest }: z.output<typeof kafka>) => {
  const { events = `${name}.call-logs`, deadLetters = `${events}.dlq`, ledger = `${name}.ledger` } = topics
  return { ...rest, key, topics: { events, deadLetters, ledger }, ...(sasl !== undefined && { sasl }) }
}
const registryOf = (events: string, { subject = `${events}-value`, ...rest }: z.output<typeof registry>) => ({ ...rest, subject })

export type Settings = Frozen<ReturnType<typeof complete>>
export type AccountSettings = Settings['accounts'][number]
/** Sections that some command does without; the others are always checked. */
export type Need = 'name' | 'accounts' | 'kafka' | 'registry'

const SECTIONS: readonly string[] = Object.keys(settingsSchema.shape)
/** Each with the sections its defaults come from. */
const OPTIONAL: Readonly<Record<Need, readonly Need[]>> = {
  name: ['name'],
  accounts: ['accounts'],
  kafka: ['kafka', 'name'],
  registry: ['registry', 'kafka', 'name'],
}
const ALL: readonly Need[] = ['accounts', 'registry']

/** Settings with units in their names and with the defaults that rest on other settings. */
function complete({ name = '', accounts = [], ...parsed }: z.output<ReturnType<typeof lenient>>) {
  const kafka = kafkaOf(name, parsed.kafka)
  return {
    name,
    accounts: accounts.map(accountOf),
    ...parsed,
    api: apiOf(parsed.api),
    polling: pollingOf(parsed.polling),
    kafka,
    registry: registryOf(kafka.topics.events, parsed.registry),
  }
}

/** Requires only what is needed, and asks the rules between settings even when something was not understood. */
function lenient(unneeded: readonly string[]) {
  const required = <T extends z.ZodType>(section: Need, schema: T) => (unneeded.includes(section) ? schema.optional() : schema)
  const { name, accounts, ...others } = settingsSchema.shape
  const schema = group({ name: required('name', name), accounts: required('accounts', accounts), ...others })
  const ask = (view: unknown, context: { addIssue(issue: { code: 'custom'; path: PropertyKey[]; message: string }): void }) => {
    for (const { path, rule } of brokenRules(omit(view, unneeded)))
      context.addIssue({ code: 'custom', path: [...path], message: rule })
  }
  return schema.superRefine(ask, { when: () => true })
}

/** The sections a command with these needs does without: neither required nor checked, and their secrets are not read. */
export function unneededSections(needs: readonly Need[] = ALL): readonly string[] {
  const needed = new Set<string>(needs.flatMap(need => OPTIONAL[need]))
  return Object.keys(OPTIONAL).filter(section => !needed.has(section))
}

/**
 * Settings as a file gives them, interpolated: checked, completed with defaults, deeply frozen. In groups a name without a value, or with
 * empty text, counts as not written. What is not needed holds defaults and must not be used. `unreadable` is what could not be
 * interpolated; it goes into the same report. Throws `SETTINGS_INVALID` with one line for each complaint, secrets masked.
 */
export function parseSettings(raw: unknown, needs: readonly Need[] = ALL, unreadable: readonly Complaint[] = []): Settings {
  const unneeded = unneededSections(needs)
  const schema = lenient(unneeded)
  const needed = omit(raw ?? {}, unneeded)
  const given = written(needed)
  const result = schema.safeParse(given)
  // A misspelt name without a value counts as not written, but it is still misspelt.
  const unknown = schema.safeParse(needed).error?.issues.filter(({ code }) => code === 'unrecognized_keys') ?? []
  const issues = [...(result.error?.issues ?? []), ...unknown]
  const complaints = [...unreadable, ...issues.flatMap(issue => complaintsOf(issue, given))]
  if (result.data === undefined || complaints.length > 0) throw refusal(complaints, given, SECTIONS)
  const settings = complete(result.data)
  freeze(settings)
  return settings
}
