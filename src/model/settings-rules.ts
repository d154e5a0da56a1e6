/**
 * Rules between settings. They are asked even when other settings are wrong, so that one report holds everything: they look at what was
 * understood so far, with defaults filled in and durations in milliseconds, and say nothing about what was not understood.
 */
import { hostOf, isLoopback, plainUrl, sidInUrl } from './addresses.ts'
import { isGroup, type Path, valueAt } from './settings-tree.ts'
import { durationText } from './units.ts'

export interface Broken {
  readonly path: Path
  readonly rule: string
}

/** Every rule that the settings break. `view` is what was understood: parts may be missing or of the wrong kind. */
export function brokenRules(view: unknown): Broken[] {
  const accounts = itemsAt(view, ['accounts'])
  return [
    ...accounts.flatMap(keyInTheClear),
    ...repeated(view, ['accounts'], 'id', 'another account has this id'),
    ...severalAccounts(view, accounts.length),
    ...rowsPerRead(view),
    ...repeated(view, ['polling', 'schedule'], 'name', 'another schedule has this name'),
    ...spans(view),
    ...hmacKey(view),
    ...topics(view),
    ...tlsFiles(view),
    ...loginInTheClear(view),
    ...secretInTheClear(view),
    ...registryLogin(view),
    ...controlChannel(view),
  ]
}

function keyInTheClear(account: unknown, index: number): Broken[] {
  const text = String(valueAt(account, ['url']))
  const url = plainUrl(text)
  const sid = sidInUrl(text)
  const ownSid = valueAt(account, ['sid'])
  if (url === null || sid === null) return []
  const path = ['accounts', index, 'url']
  const isExposed = url.protocol === 'http:' && !isLoopback(url.hostname) && valueAt(account, ['allowHttp']) === false
  return [
    ...(isExposed ? [{ path, rule: 'must be https: the API key would travel in the clear; or set allowHttp: true' }] : []),
    ...(sid === '' || ownSid === undefined || sid === ownSid
      ? []
      : [{ path, rule: 'must hold the SID of this account, or end after /v1' }]),
  ]
}

function severalAccounts(view: unknown, accounts: number): Broken[] {
  const path = ['kafka', 'key']
  const rule = 'must be given with several accounts: account/call_id, or call_id when the ids of all accounts never meet'
  return accounts > 1 && isGroup(valueAt(view, ['kafka'])) && valueAt(view, path) === undefined ? [{ path, rule }] : []
}

function rowsPerRead(view: unknown): Broken[] {
  const path = ['polling', 'maxRowsPerRead']
  const pageSize = numberAt(view, ['api', 'pageSize'])
  return numberAt(view, path) < pageSize ? [{ path, rule: `must be at least api.pageSize, ${pageSize}` }] : []
}

/** Whatever a schedule does not reach back over twice is read once, and its late rows are missed. */
function spans(view: unknown): Broken[] {
  const settleMs = numberAt(view, ['polling', 'settle'])
  const entries = itemsAt(view, ['polling', 'schedule']).map((entry, index) => ({
    path: ['polling', 'schedule', index, 'span'],
    everyMs: numberAt(entry, ['every']),
    spanMs: numberAt(entry, ['span']),
  }))
  const shortestMs = Math.min(...entries.map(({ everyMs }) => everyMs).filter(everyMs => !Number.isNaN(everyMs)))
  return entries.flatMap(({ path, everyMs, spanMs }) => {
    if (spanMs < everyMs)
      return [{ path, rule: `must be at least every, ${durationText(everyMs)}, or ranges between two reads are skipped` }]
    const leastMs = settleMs + everyMs
    if (everyMs !== shortestMs || !(spanMs < leastMs)) return []
    return [
      {
        path,
        rule: `must be at least polling.settle + every, ${durationText(leastMs)}, for the schedule with the shortest interval`,
      },
    ]
  })
}

function hmacKey(view: unknown): Broken[] {
  const path = ['records', 'hmacKey']
  const rules = Object.values(groupAt(view, ['records', 'privacy']))
  const isGiven = valueAt(view, path) !== undefined
  if (!isGiven && rules.includes('hmac')) return [{ path, rule: 'must be given: records.privacy says hmac' }]
  const isUnused = rules.length > 0 && rules.every(rule => rule === 'plain' || rule === 'mask' || rule === 'drop')
  return isGiven && isUnused ? [{ path, rule: 'has no effect: say hmac for a number in records.privacy, or leave it out' }] : []
}

function topics(view: unknown): Broken[] {
  const events = valueAt(view, ['kafka', 'topics', 'events']) ?? `${valueAt(view, ['name'])}.call-logs`
  const deadLetters = valueAt(view, ['kafka', 'topics', 'deadLetters']) ?? `${events}.dlq`
  const ledger = valueAt(view, ['kafka', 'topics', 'ledger']) ?? `${valueAt(view, ['name'])}.ledger`
  return [
    ...(deadLetters === events
      ? [{ path: ['kafka', 'topics', 'deadLetters'], rule: 'must differ from kafka.topics.events' }]
      : []),
    ...(ledger === events || ledger === deadLetters
      ? [{ path: ['kafka', 'topics', 'ledger'], rule: 'must differ from the other topics: it is compacted' }]
      : []),
  ]
}

function tlsFiles(view: unknown): Broken[] {
  const path = ['kafka', 'ssl']
  const { enabled, certFile, keyFile } = groupAt(view, path)
  const files = ['caFile', 'certFile', 'keyFile'].filter(name => valueAt(view, [...path, name]) !== undefined)
  const lonely = certFile === undefined ? 'certFile' : 'keyFile'
  return [
    ...(enabled === false
      ? files.map(name => ({ path: [...path, name], rule: 'has no effect: set kafka.ssl.enabled: true, or leave it out' }))
      : []),
    ...((certFile === undefined) === (keyFile === undefined)
      ? []
      : [{ path: [...path, lonely], rule: 'must be given: certFile and keyFile go together' }]),
  ]
}

function loginInTheClear(view: unknown): Broken[] {
  const { mechanism } = groupAt(view, ['kafka', 'sasl'])
  if (mechanism === undefined || valueAt(view, ['kafka', 'ssl', 'enabled']) !== false) return []
  const far = itemsAt(view, ['kafka', 'brokers']).some(broker => typeof broker === 'string' && !isLoopback(hostOf(broker)))
  const what = mechanism === 'oauthbearer' ? 'token' : 'password'
  return far
    ? [{ path: ['kafka', 'ssl', 'enabled'], rule: `must be true: kafka.sasl sends a ${what}, and not only to this machine` }]
    : []
}

function secretInTheClear(view: unknown): Broken[] {
  const path = ['kafka', 'sasl', 'tokenEndpoint']
  const url = plainUrl(String(valueAt(view, path)))
  const isExposed = url?.protocol === 'http:' && !isLoopback(url.hostname)
  return isExposed ? [{ path, rule: 'must be https: the client secret would travel in the clear' }] : []
}

function registryLogin(view: unknown): Broken[] {
  const path = ['registry', 'auth']
  const { username, password, bearerToken } = groupAt(view, path)
  const lonely = username === undefined ? 'username' : 'password'
  return [
    ...((username === undefined) === (password === undefined)
      ? []
      : [{ path: [...path, lonely], rule: 'must be given: username and password go together' }]),
    ...(bearerToken === undefined || (username ?? password) === undefined
      ? []
      : [{ path: [...path, 'bearerToken'], rule: 'must not be given together with username and password' }]),
  ]
}

const TOKEN_RULE = 'must be 16 or more printable characters without spaces; `openssl rand -hex 32` makes a good one'

/** Whoever reaches a port can open it, other than a socket: so callers must show something. */
function controlChannel(view: unknown): Broken[] {
  const { socket, host, port, token } = groupAt(view, ['control'])
  if (port === undefined) {
    const name = token === undefined ? 'host' : 'token'
    const isUsed = host !== undefined || token !== undefined
    return isUsed ? [{ path: ['control', name], rule: 'has no effect: set control.port, or leave it out' }] : []
  }
  return [
    ...(token === undefined
      ? [
          {
            path: ['control', 'token'],
            rule: 'must be given with control.port: without one anybody who reaches it could pause accounts',
          },
        ]
      : []),
    ...(port === 0
      ? [{ path: ['control', 'port'], rule: 'must be from 1 to 65535: commands could not find one that is picked' }]
      : []),
    ...(token === undefined || /^[\x21-\x7e]{16,512}$/.test(String(token))
      ? []
      : [{ path: ['control', 'token'], rule: TOKEN_RULE }]),
    ...(socket === undefined
      ? []
      : [{ path: ['control', 'socket'], rule: 'must not be given together with control.port: leave one of them out' }]),
  ]
}

function repeated(view: unknown, path: Path, name: string, rule: string): Broken[] {
  const values = itemsAt(view, path).map(item => valueAt(item, [name]))
  return values.flatMap((value, index) =>
    value !== undefined && values.indexOf(value) < index
      ? [{ path: [...path, index, name], rule: `must be unique: ${rule}` }]
      : [],
  )
}

/** `NaN` when there is no number, which makes every comparison false. */
function numberAt(view: unknown, path: Path): number {
  const value = valueAt(view, path)
  return typeof value === 'number' ? value : Number.NaN
}

function itemsAt(view: unknown, path: Path): readonly unknown[] {
  const value = valueAt(view, path)
  return Array.isArray(value) ? value : []
}

function groupAt(view: unknown, path: Path): Readonly<Record<string, unknown>> {
  const value = valueAt(view, path)
  return isGroup(value) ? value : {}
}
