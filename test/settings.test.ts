import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConnectorError } from '../src/errors.ts'
import { secretsIn } from '../src/model/complaints.ts'
import { type Need, parseSettings } from '../src/settings.ts'

const account = { id: 'main', sid: 'HX0000000001IN', apiKey: 'A0123456789' }
const smallest = { name: 'kaleyra', accounts: [account] }

const hmacKey = '0123456789abcdef0123456789abcdef'
const HMAC_KEY =
  'records.hmacKey = ***: must be a key of 16 or more characters, 5 of them different; `openssl rand -hex 32` makes a good one'

/** The smallest settings with some sections added or replaced. */
const withSections = (sections: object) => ({ ...smallest, ...sections })
const withAccount = (fields: object) => ({ ...smallest, accounts: [{ ...account, ...fields }] })

/** The lines of the report, or none when the settings are accepted. */
function complaints(raw: unknown, needs?: readonly Need[]): string[] {
  try {
    parseSettings(raw, needs)
    return []
  } catch (error) {
    if (!(error instanceof ConnectorError) || error.code !== 'SETTINGS_INVALID') throw error
    return error.message.split('\n')
  }
}

describe('what is left out', () => {
  test('takes its default', () => {
    expect(parseSettings(smallest)).toEqual({
      name: 'kaleyra',
      accounts: [
        { id: 'main', sid: 'HX0000000001IN', apiKey: 'A0123456789', allowHttp: false, origin: 'https://api.kaleyra.io' },
      ],
      api: {
        style: 'auto',
        pageSize: 100,
        requestsPerSecond: 1,
        burst: 1,
        timeoutMs: 15_000,
        filters: { bridge: [], status: [] },
      },
      polling: {
        startFromMs: 518_400_000,
        settleMs: 300_000,
        schedule: [
          { name: 'hot', everyMs: 60_000, spanMs: 1_800_000 },
          { name: 'warm', everyMs: 1_800_000, spanMs: 21_600_000 },
          { name: 'cold', everyMs: 86_400_000, spanMs: 518_400_000 },
        ],
        maxRowsPerRead: 5_000,
        retryFailedMs: 900_000,
      },
      records: {
        updates: 'publish',
        ignoreChangesIn: [],
        onRulesChange: 'adopt',
        privacy: { from_number: 'plain', to_number: 'plain', bridge_number: 'plain' },
        optIn: [],
        maxSeen: 5_000_000,
      },
      kafka: {
        brokers: ['localhost:9092'],
        topics: { events: 'kaleyra.call-logs', deadLetters: 'kaleyra.call-logs.dlq', ledger: 'kaleyra.ledger' },
        key: 'call_id',
        createTopics: { enabled: true, partitions: 6, replicationFactor: -1, config: {} },
        compression: 'gzip',
        ssl: { enabled: false },
      },
      registry: { url: 'http://localhost:8081', auth: {}, subject: 'kaleyra.call-logs-value', register: true },
      http: { host: '127.0.0.1', port: 9464 },
      control: {},
      log: { level: 'info', format: 'json' },
    })
  })

  test('is the same as what is written without a value or with empty text', () => {
    const hollow = withSections({
      api: null,
      registry: { subject: '', auth: { bearerToken: '' } },
      control: { socket: '' },
      kafka: { sasl: {} },
    })

    expect(parseSettings(hollow)).toEqual(parseSettings(smallest))
  })

  test('names dead letters and subject after the events topic, the ledger after the connector', () => {
    const { kafka, registry } = parseSettings(withSections({ kafka: { topics: { events: 'calls' } } }))

    expect(kafka.topics).toEqual({ events: 'calls', deadLetters: 'calls.dlq', ledger: 'kaleyra.ledger' })
    expect(registry.subject).toBe('calls-value')
  })

  test('is not missed by a command that does not need it', () => {
    expect(complaints({ accounts: [account], kafka: { brokers: 5 }, registry: 'nonsense' }, ['accounts'])).toEqual([])
    expect(complaints({ accounts: [account, { ...account, id: 'other' }] }, ['accounts'])).toEqual([])
    expect(complaints({ accounts: [account] }, ['accounts', 'kafka'])).toEqual([
      'name: is required, and must be 1 to 64 of a-z A-Z 0-9 . _ -',
    ])
    expect(complaints({ name: 'kaleyra' }, ['kafka'])).toEqual([])
  })
})

describe('what is given', () => {
  test('cannot be changed afterwards, at any depth', () => {
    const settings = parseSettings(smallest)

    expect(Object.isFrozen(settings)).toBe(true)
    expect(Object.isFrozen(settings.polling.schedule[0])).toBe(true)
    expect(Object.isFrozen(settings.kafka.brokers)).toBe(true)
  })

  test.each([
    ['https://api.in.kaleyra.io', 'https://api.in.kaleyra.io'],
    ['https://api.kaleyra.io/', 'https://api.kaleyra.io'],
    ['https://api.kaleyra.io/v1', 'https://api.kaleyra.io'],
    ['https://api.kaleyra.io/v1/', 'https://api.kaleyra.io'],
    ['https://api.kaleyra.io/v1/HX0000000001IN', 'https://api.kaleyra.io'],
    ['https://API.kaleyra.io:8443/v1/HX0000000001IN/', 'https://api.kaleyra.io:8443'],
    ['http://127.0.0.1:8080/v1', 'http://127.0.0.1:8080'],
    ['http://localhost', 'http://localhost'],
    ['http://[::1]:9', 'http://[::1]:9'],
  ])('as account address %s means %s', (url, origin) => {
    expect(parseSettings(withAccount({ url })).accounts[0]?.origin).toBe(origin)
  })

  test('as plain http off loopback is taken with allowHttp', () => {
    expect(parseSettings(withAccount({ url: 'http://proxy.internal', allowHttp: true })).accounts[0]?.origin).toBe(
      'http://proxy.internal',
    )
  })

  test('as text where a number, a flag or a list is wanted is understood, as it comes from the environment', () => {
    const { api, http, kafka, registry } = parseSettings(
      withSections({
        api: { pageSize: '200', requestsPerSecond: '0.5' },
        http: { port: '0' },
        kafka: {
          brokers: 'a:9092, b:9092',
          createTopics: { replicationFactor: '3', config: { 'retention.ms': 1, preallocate: false } },
        },
        registry: { register: 'false' },
      }),
    )

    expect([api.pageSize, api.requestsPerSecond, http.port, registry.register]).toEqual([200, 0.5, 0, false])
    expect(kafka.brokers).toEqual(['a:9092', 'b:9092'])
    expect(kafka.createTopics).toMatchObject({ replicationFactor: 3, config: { 'retention.ms': '1', preallocate: 'false' } })
  })

  test('as a schedule is put in order, the shortest interval first', () => {
    const schedule = [
      { name: 'slow', every: '1h', span: '1d' },
      { name: 'fast', every: '10s', span: '10m' },
    ]

    expect(parseSettings(withSections({ polling: { schedule } })).polling.schedule.map(({ name }) => name)).toEqual([
      'fast',
      'slow',
    ])
  })

  test('as a password login is kept whole', () => {
    const sasl = { mechanism: 'scram-sha-512', username: 'connector', password: 'pw' }

    expect(parseSettings(withSections({ kafka: { sasl } })).kafka.sasl).toEqual(sasl)
    expect(complaints(withSections({ kafka: { sasl, brokers: 'b.example.com:9093', ssl: { enabled: true } } }))).toEqual([])
  })

  test('as a token login is kept whole, its scope only when there is one', () => {
    const scoped = { ...tokenLogin, scope: 'kafka:write logs' }
    const kept = [tokenLogin, scoped, { ...tokenLogin, scope: '' }].map(
      sasl => parseSettings(withSections({ kafka: { sasl } })).kafka.sasl,
    )

    expect(kept).toEqual([tokenLogin, scoped, tokenLogin])
  })

  test('as an authorization server on this machine may speak http', () => {
    const sasl = { ...tokenLogin, tokenEndpoint: 'http://[::1]:8080/token' }

    expect(complaints(withSections({ kafka: { sasl } }))).toEqual([])
  })
})

const NUMBERS = 'must be a duration from 10s to 6d, such as 500ms, 15s, 5m, 6h or 6d'
const URL_RULE = 'must be an http or https URL without user, password, query and fragment'
const API_URL_RULE = `${URL_RULE}, ending after the host, with /v1 or with /v1/<SID>`
const schedule = (...entries: object[]) => withSections({ polling: { schedule: entries } })
const sasl = { mechanism: 'plain', username: 'connector', password: 'secret-word' }
const tokenLogin = {
  mechanism: 'oauthbearer',
  tokenEndpoint: 'https://id.example.com/token',
  clientId: 'me',
  clientSecret: 'client-word',
}

describe('a wrong setting is refused with its path, its value and the rule:', () => {
  test.each<[string, unknown, string[]]>([
    ['no group', [], ['settings = a list: must be a group of settings']],
    ['no name', { accounts: [account] }, ['name: is required, and must be 1 to 64 of a-z A-Z 0-9 . _ -']],
    ['a name with a space', withSections({ name: 'my name' }), ['name = "my name": must be 1 to 64 of a-z A-Z 0-9 . _ -']],
    ['a number as name', withSections({ name: 7 }), ['name = 7: must be 1 to 64 of a-z A-Z 0-9 . _ -; put a number in quotes']],
    ['no accounts', { name: 'kaleyra' }, ['accounts: is required, and must be a list of 1 to 100 accounts']],
    ['an empty list', withSections({ accounts: [] }), ['accounts = a list: must be a list of 1 to 100 accounts']],
    [
      'an account of one line',
      withSections({ accounts: ['main HX1 A0123'] }),
      ['accounts[0] = a text: must be a group of settings'],
    ],
    [
      'a number as SID',
      withAccount({ sid: 12345 }),
      ['accounts[0].sid = ***: must be the SID, 1 to 128 of a-z A-Z 0-9 . _ ~ -; put a number in quotes'],
    ],
    [
      'a key with a space',
      withAccount({ apiKey: 'A0 B1' }),
      ['accounts[0].apiKey = ***: must be the API key, printable ASCII without spaces'],
    ],
    ['an id with a slash', withAccount({ id: 'a/b' }), ['accounts[0].id = "a/b": must be 1 to 64 of a-z A-Z 0-9 . _ -']],
    [
      'another scheme',
      withAccount({ url: 'ftp://api.kaleyra.io' }),
      [`accounts[0].url = "ftp://api.kaleyra.io": ${API_URL_RULE}`],
    ],
    [
      'another path',
      withAccount({ url: 'https://api.kaleyra.io/v2' }),
      [`accounts[0].url = "https://api.kaleyra.io/v2": ${API_URL_RULE}`],
    ],
    [
      'a user in an address',
      withAccount({ url: 'https://me:word@api.kaleyra.io' }),
      [`accounts[0].url = "https://***@api.kaleyra.io": ${API_URL_RULE}`],
    ],
    [
      'a foreign SID in an address',
      withAccount({ url: 'https://api.kaleyra.io/v1/HX9' }),
      ['accounts[0].url = "https://api.kaleyra.io/v1/***": must hold the SID of this account, or end after /v1'],
    ],
    [
      'plain http',
      withAccount({ url: 'http://127.0.0.1.example.com' }),
      [
        'accounts[0].url = "http://127.0.0.1.example.com": must be https: the API key would travel in the clear; or set allowHttp: true',
      ],
    ],
    [
      'no such zone',
      withAccount({ timeZone: 'Asia/Atlantis' }),
      ['accounts[0].timeZone = "Asia/Atlantis": must be an IANA time zone, such as Asia/Kolkata'],
    ],
    [
      'a zone that is a time',
      withAccount({ timeZone: 5.5 }),
      ['accounts[0].timeZone = 5.5: must be an IANA time zone, such as Asia/Kolkata; put a number in quotes'],
    ],
    ['page size 0', withSections({ api: { pageSize: 0 } }), ['api.pageSize = 0: must be a whole number from 1 to 1000']],
    [
      'page size 1001',
      withSections({ api: { pageSize: '1001' } }),
      ['api.pageSize = "1001": must be a whole number from 1 to 1000'],
    ],
    ['half a burst', withSections({ api: { burst: 1.5 } }), ['api.burst = 1.5: must be a whole number from 1 to 1000']],
    ['no rate', withSections({ api: { requestsPerSecond: 0 } }), ['api.requestsPerSecond = 0: must be above 0']],
    [
      'too high a rate',
      withSections({ api: { requestsPerSecond: 1000.1 } }),
      ['api.requestsPerSecond = 1000.1: must be at most 1000'],
    ],
    [
      'an unknown style',
      withSections({ api: { style: 'get' } }),
      ['api.style = "get": must be one of auto, post-form, get-query, get-body'],
    ],
    [
      'a bare number of seconds',
      withSections({ api: { timeout: 15 } }),
      ['api.timeout = 15: must be a duration from 1s to 5m, such as 500ms, 15s, 5m, 6h or 6d'],
    ],
    [
      'too short a time-out',
      withSections({ api: { timeout: '999ms' } }),
      ['api.timeout = "999ms": must be a duration from 1s to 5m, such as 500ms, 15s, 5m, 6h or 6d'],
    ],
    [
      'more than the API keeps',
      withSections({ polling: { startFrom: '7d' } }),
      [
        'polling.startFrom = "7d": must be a duration from 1s to 6d, such as 500ms, 15s, 5m, 6h or 6d; the API forgets after 7 days',
      ],
    ],
    [
      'an unknown privacy rule',
      withSections({ records: { privacy: { from_number: 'hash' }, hmacKey } }),
      ['records.privacy.from_number = "hash": must be one of plain, mask, hmac, drop'],
    ],
    [
      'hmac without a key',
      withSections({ records: { privacy: { to_number: 'hmac' } } }),
      ['records.hmacKey: must be given: records.privacy says hmac'],
    ],
    [
      'a key that nothing uses',
      withSections({ records: { privacy: { to_number: 'mask', from_number: 'drop' }, hmacKey } }),
      ['records.hmacKey = ***: has no effect: say hmac for a number in records.privacy, or leave it out'],
    ],
    ['a short key', withSections({ records: { privacy: { to_number: 'hmac' }, hmacKey: 'fifteen chars 1' } }), [HMAC_KEY]],
    ['a monotonous key', withSections({ records: { privacy: { to_number: 'hmac' }, hmacKey: 'abcd'.repeat(8) } }), [HMAC_KEY]],
    [
      'a key that is a number',
      withSections({ records: { privacy: { to_number: 'hmac' }, hmacKey: 1_234_567_890_123_456 } }),
      [`${HMAC_KEY}; put a number in quotes`],
    ],
    ['no schedule', schedule(), ['polling.schedule = a list: must be a list of 1 to 16 schedules']],
    ['a hasty schedule', schedule({ name: 'hot', every: '9s', span: '30m' }), [`polling.schedule[0].every = "9s": ${NUMBERS}`]],
    [
      'a reserved name',
      schedule({ name: 'backfill', every: '1m', span: '1h' }),
      [
        'polling.schedule[0].name = "backfill": must be a name of 1 to 32 of a-z 0-9 -, beginning with a letter, other than backfill',
      ],
    ],
    [
      'a name twice',
      schedule({ name: 'hot', every: '1m', span: '1h' }, { name: 'hot', every: '1h', span: '1d' }),
      ['polling.schedule[1].name = "hot": must be unique: another schedule has this name'],
    ],
    [
      'a span with holes',
      schedule({ name: 'hot', every: '1m', span: '1h' }, { name: 'cold', every: '1d', span: '6h' }),
      ['polling.schedule[1].span = "6h": must be at least every, 1d, or ranges between two reads are skipped'],
    ],
    [
      'a span that never settles',
      schedule({ name: 'hot', every: '1m', span: '5m' }),
      [
        'polling.schedule[0].span = "5m": must be at least polling.settle + every, 6m, for the schedule with the shortest interval',
      ],
    ],
    [
      'reads smaller than a page',
      withSections({ api: { pageSize: 500 }, polling: { maxRowsPerRead: 499 } }),
      ['polling.maxRowsPerRead = 499: must be at least api.pageSize, 500'],
    ],
    [
      'reads out of range',
      withSections({ polling: { maxRowsPerRead: 99 } }),
      ['polling.maxRowsPerRead = 99: must be a whole number from 100 to 1000000'],
    ],
    [
      'an unknown opt-in',
      withSections({ records: { optIn: ['cost'] } }),
      ['records.optIn[0] = "cost": must be one of recording_ref, location, operator, notes, custom'],
    ],
    [
      'a broker without a port',
      withSections({ kafka: { brokers: 'kafka1:9092,kafka2' } }),
      ['kafka.brokers = "kafka1:9092,kafka2": must be host:port'],
    ],
    [
      'a broker of a list',
      withSections({ kafka: { brokers: ['kafka1:9092', 'kafka2'] } }),
      ['kafka.brokers[1] = "kafka2": must be host:port'],
    ],
    [
      'a topic name with a slash',
      withSections({ kafka: { topics: { events: 'a/b' } } }),
      ['kafka.topics.events = "a/b": must be a topic name, 1 to 245 of a-z A-Z 0-9 . _ -'],
    ],
    [
      'dead letters among events',
      withSections({ kafka: { topics: { events: 'a', deadLetters: 'a' } } }),
      ['kafka.topics.deadLetters = "a": must differ from kafka.topics.events'],
    ],
    [
      'a ledger among events',
      withSections({ kafka: { topics: { events: 'kaleyra.ledger' } } }),
      ['kafka.topics.ledger: must differ from the other topics: it is compacted'],
    ],
    [
      'no replicas',
      withSections({ kafka: { createTopics: { replicationFactor: 0 } } }),
      ['kafka.createTopics.replicationFactor = 0: must be -1 or from 1 to 100'],
    ],
    [
      'half a certificate',
      withSections({ kafka: { ssl: { enabled: true, certFile: 'c.pem' } } }),
      ['kafka.ssl.keyFile: must be given: certFile and keyFile go together'],
    ],
    [
      'authorities without TLS',
      withSections({ kafka: { ssl: { caFile: 'ca.pem' } } }),
      ['kafka.ssl.caFile = "ca.pem": has no effect: set kafka.ssl.enabled: true, or leave it out'],
    ],
    [
      'a password without TLS',
      withSections({ kafka: { brokers: ['localhost:9092', 'kafka:9092'], sasl } }),
      ['kafka.ssl.enabled: must be true: kafka.sasl sends a password, and not only to this machine'],
    ],
    [
      'a token without TLS',
      withSections({ kafka: { brokers: ['kafka:9092'], sasl: tokenLogin } }),
      ['kafka.ssl.enabled: must be true: kafka.sasl sends a token, and not only to this machine'],
    ],
    [
      'a client secret in the clear',
      withSections({ kafka: { sasl: { ...tokenLogin, tokenEndpoint: 'http://localhost.example.com/token' } } }),
      [
        'kafka.sasl.tokenEndpoint = "http://localhost.example.com/token": must be https: the client secret would travel in the clear',
      ],
    ],
    [
      'a token endpoint that holds the secret',
      withSections({ kafka: { sasl: { ...tokenLogin, tokenEndpoint: 'https://me:client-word@id.example.com/token' } } }),
      [`kafka.sasl.tokenEndpoint = "https://***@id.example.com/token": ${URL_RULE}`],
    ],
    [
      'a token login without its parts',
      withSections({ kafka: { sasl: { mechanism: 'oauthbearer', clientSecret: '' } } }),
      [
        `kafka.sasl.tokenEndpoint: is required, and ${URL_RULE}`,
        'kafka.sasl.clientId: is required, and must be text in one line',
        'kafka.sasl.clientSecret: is required, and must be text in one line',
      ],
    ],
    [
      'a password in a token login',
      withSections({ kafka: { sasl: { ...tokenLogin, password: 'secret-word' } } }),
      ['kafka.sasl.password: unknown setting; known here: mechanism, tokenEndpoint, clientId, clientSecret, scope'],
    ],
    [
      'an unknown mechanism',
      withSections({ kafka: { sasl: { ...sasl, mechanism: 'gssapi' } } }),
      ['kafka.sasl.mechanism = "gssapi": must be plain, scram-sha-256, scram-sha-512 or oauthbearer'],
    ],
    [
      'a login without password',
      withSections({ kafka: { sasl: { mechanism: 'plain', username: 'me' } } }),
      ['kafka.sasl.password: is required, and must be text in one line'],
    ],
    [
      'a registry address with a password',
      withSections({ registry: { url: 'https://me:word@registry' } }),
      [`registry.url = "https://***@registry": ${URL_RULE}`],
    ],
    [
      'half a registry login',
      withSections({ registry: { auth: { username: 'me' } } }),
      ['registry.auth.password: must be given: username and password go together'],
    ],
    [
      'two registry logins',
      withSections({ registry: { auth: { username: 'me', password: 'word', bearerToken: 'token' } } }),
      ['registry.auth.bearerToken = ***: must not be given together with username and password'],
    ],
    [
      'a port out of range',
      withSections({ http: { port: 65_536 } }),
      ['http.port = 65536: must be a whole number from 0 to 65535'],
    ],
    [
      'an unknown level',
      withSections({ log: { level: 'verbose' } }),
      ['log.level = "verbose": must be one of trace, debug, info, warn, error, fatal, silent'],
    ],
    [
      'an unknown section',
      withSections({ kafak: {} }),
      ['kafak: unknown setting; known here: name, accounts, api, polling, records, kafka, registry, http, control, log'],
    ],
    [
      'a misspelt key, whose value may be the key itself',
      withAccount({ apikey: 'A0123456789' }),
      ['accounts[0].apikey: unknown setting; known here: id, sid, apiKey, url, allowHttp, timeZone'],
    ],
    [
      'a key where a name belongs',
      withAccount({ A0123456789: null, 'apiKey: x': 1 }),
      [
        'accounts[0].***: unknown setting; known here: id, sid, apiKey, url, allowHttp, timeZone',
        'accounts[0].***: unknown setting; known here: id, sid, apiKey, url, allowHttp, timeZone',
      ],
    ],
    [
      'a misspelt name without a value',
      withSections({ log: { lvl: null, level: null } }),
      ['log.lvl: unknown setting; known here: level, format'],
    ],
  ])('%s', (_, raw, lines) => {
    expect(complaints(raw)).toEqual(lines)
  })

  test('a field that call logs do not have', () => {
    const [line] = complaints(withSections({ records: { ignoreChangesIn: ['status', 'call_id'] } }))

    expect(line).toMatch(/^records\.ignoreChangesIn\[1\] = "call_id": must be one of status, disposition, cost, /)
  })
})

describe('the report', () => {
  test('holds every complaint at once, section by section, rules between settings included', () => {
    const raw = {
      log: { level: 'loud' },
      kafka: { brokers: 'kafka:9092', sasl, ssl: { enabled: false }, compression: 'lz4' },
      polling: {
        settle: '2h',
        schedule: [
          { name: 'hot', every: '60s', span: '30m' },
          { name: 'HOT', every: '5' },
        ],
      },
      api: { style: 'get-query', timeout: 'soon', pageSize: 200, colour: 'red' },
      accounts: [
        { id: 'main', apiKey: 'A0', url: 'http://api.kaleyra.io' },
        { ...account, id: 'main' },
      ],
    }

    expect(complaints(raw).map(line => line.replace(/( =|:).*/, ''))).toEqual([
      'name',
      'accounts[0].sid',
      'accounts[0].url',
      'accounts[1].id',
      'api.timeout',
      'api.colour',
      'polling.schedule[1].name',
      'polling.schedule[1].every',
      'polling.schedule[1].span',
      'polling.schedule[0].span',
      'kafka.compression',
      'kafka.key',
      'kafka.ssl.enabled',
      'log.level',
    ])
  })

  test('carries what could not be interpolated, once, without a second complaint that it is missing', () => {
    const unreadable = [
      { path: ['accounts', 0, 'sid'], rule: 'the environment variable SID is not set', shown: 'nothing' as const },
    ]
    const raw = withAccount({ sid: undefined, url: 'https://api.kaleyra.io/v1/HX1' })

    expect(() => parseSettings(raw, undefined, unreadable)).toThrow(
      /^accounts\[0\]\.sid: the environment variable SID is not set$/,
    )
  })

  test('cuts long values short', () => {
    const [line] = complaints(withSections({ name: 'n'.repeat(1_000) }))

    expect(line).toBe(`name = "${'n'.repeat(80)}…": must be 1 to 64 of a-z A-Z 0-9 . _ -`)
  })

  test('never holds a secret, wherever it stands and whatever else is wrong', () => {
    // Long enough to be told from the words of the report itself.
    const secret = fc.string({ minLength: 4, maxLength: 40, unit: 'grapheme' }).map(text => `S3k:${text}`)
    const secrets = fc.record({
      sid: secret,
      apiKey: secret,
      password: secret,
      token: secret,
      bearer: secret,
      client: secret,
      hmac: secret,
    })
    const spread = fc.constantFrom('value', 'list', 'group', 'elsewhere')

    fc.assert(
      fc.property(secrets, spread, ({ sid, apiKey, password, token, bearer, client, hmac }, how) => {
        const put = (text: string) => (how === 'list' ? [text] : how === 'group' ? { inner: text } : text)
        const raw = {
          name: how === 'elsewhere' ? `x ${sid}` : '',
          [how === 'elsewhere' ? token : 'zap']: 1,
          accounts: [
            {
              id: '?',
              sid: put(sid),
              apiKey: put(apiKey),
              url: how === 'elsewhere' ? `ftp://api/${sid}/${encodeURIComponent(apiKey)}` : 'https://api/v1',
            },
            `${sid} ${apiKey}`,
          ],
          records: { hmacKey: put(hmac), optIn: how === 'elsewhere' ? [hmac] : [] },
          kafka: {
            sasl: {
              mechanism: 'plain',
              username: how === 'elsewhere' ? password : '',
              password: put(password),
              clientSecret: put(client),
            },
            brokers: 'far:1',
          },
          registry: {
            url: `https://${encodeURIComponent(password)}@registry`,
            auth: { bearerToken: put(bearer), password: put(password) },
          },
          control: { token: put(token) },
        }

        const report = complaints(raw).join('\n')

        expect(report).not.toBe('')
        for (const text of [sid, apiKey, password, token, bearer, client, hmac]) {
          expect(report).not.toContain(text)
          expect(report).not.toContain(encodeURIComponent(text))
        }
      }),
      { numRuns: 300 },
    )
  })
})

test('a privacy rule for each number, with a key where one is an HMAC', () => {
  const privacy = { from_number: 'hmac', to_number: 'mask', bridge_number: 'drop' }

  expect(parseSettings(withSections({ records: { privacy, hmacKey } })).records).toMatchObject({ privacy, hmacKey })
})

describe('the control channel', () => {
  const token = 'a-token-of-24-characters'

  test.each([{ socket: '/run/control.sock' }, { port: 9465, token }, { host: '0.0.0.0', port: 9465, token }])(
    'may be %j',
    control => {
      expect(parseSettings(withSections({ control })).control).toEqual(control)
    },
  )

  test.each<[object, string[]]>([
    [{ port: 9465 }, ['control.token: must be given with control.port: without one anybody who reaches it could pause accounts']],
    [
      { port: 9465, token: 'word' },
      ['control.token = ***: must be 16 or more printable characters without spaces; `openssl rand -hex 32` makes a good one'],
    ],
    [{ port: 0, token }, ['control.port = 0: must be from 1 to 65535: commands could not find one that is picked']],
    [{ token }, ['control.token = ***: has no effect: set control.port, or leave it out']],
    [{ host: '127.0.0.1' }, ['control.host = "127.0.0.1": has no effect: set control.port, or leave it out']],
    [
      { socket: '/run/control.sock', port: 9465, token },
      ['control.socket = "/run/control.sock": must not be given together with control.port: leave one of them out'],
    ],
  ])('is refused as %j', (control, lines) => {
    expect(complaints(withSections({ control }))).toEqual(lines)
  })
})

test('the secrets of settings can be listed, for whoever keeps them out of a log', () => {
  const records = { privacy: { from_number: 'hmac' }, hmacKey }
  const of = (login: object) =>
    secretsIn(parseSettings(withSections({ records, kafka: { sasl: login }, registry: { auth: { bearerToken: 'bearer' } } })))

  expect(of(sasl)).toEqual([hmacKey, 'HX0000000001IN', 'A0123456789', 'secret-word', 'bearer'])
  expect(of(tokenLogin)).toEqual([hmacKey, 'HX0000000001IN', 'A0123456789', 'client-word', 'bearer'])
})
