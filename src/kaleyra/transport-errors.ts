/**
 * What a failed exchange means, told by the library's error code. The message names the host and the kind of failure and never the path,
 * which holds the SID. A parser's error carries the bytes it stumbled over, so it is not kept as the cause.
 */
import { ConnectorError } from '../errors.ts'

/** Turns whatever an exchange threw into a `ConnectorError`; one that is coded already stays as it is. */
export function transportError(error: unknown, host: string): ConnectorError {
  if (error instanceof ConnectorError) return error
  const code = systemCode(error)
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return tooLarge(host)
  const isParserError = error instanceof Error && error.name === 'HTTPParserError'
  if (isParserError || code === 'UND_ERR_HEADERS_OVERFLOW') {
    return new ConnectorError('API_MALFORMED', `${host} did not answer with valid HTTP${code === '' ? '' : ` (${code})`}`)
  }
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') {
    return new ConnectorError('API_MALFORMED', `${host} sent a body of another length than it announced`, { cause: error })
  }
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED')
    return new ConnectorError('STOPPED', `the connection to ${host} was closed by us`)
  return new ConnectorError('API_UNAVAILABLE', `${host} could not be reached: ${kindOf(code)}`, { cause: error })
}

export function tooLarge(host: string): ConnectorError {
  return new ConnectorError('API_TOO_LARGE', `${host} answered with more than 32 MiB; lower api.pageSize`)
}

const KINDS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name is unknown to DNS',
  EAI_AGAIN: 'DNS gave no answer',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  UND_ERR_SOCKET: 'the connection was closed before the answer was complete',
  ETIMEDOUT: 'connecting timed out',
  UND_ERR_CONNECT_TIMEOUT: 'connecting timed out',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'the answer stalled',
  EHOSTUNREACH: 'no route to it',
  ENETUNREACH: 'no route to it',
  CERT_HAS_EXPIRED: 'its certificate has expired; tell the vendor, or check this machine’s clock',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; check this machine’s clock',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name; check accounts[].url, or what answers in its place',
  UND_ERR_ABORTED: 'the connection or the proxy gave up',
  UND_ERR_PRX_TLS: 'TLS to the proxy failed',
  UND_ERR_PRX_CONN: 'the proxy refused',
  UND_ERR_INVALID_ARG: 'the proxy asks for credentials or the request was refused here',
}

function kindOf(code: string): string {
  const known = KINDS[code]
  if (known !== undefined) return `${known} (${code})`
  if (/^(DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY))/.test(code))
    return `nobody this machine trusts vouches for its certificate; name the authority with NODE_EXTRA_CA_CERTS, if it is the right one (${code})`
  if (/^(ERR_TLS|ERR_SSL|EPROTO|CERT_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH)/.test(code))
    return `TLS failed (${code})`
  return code === '' ? 'the connection failed' : `the connection failed (${code})`
}

/** The error's code, or that of its first part when several addresses were tried; empty when there is none. */
function systemCode(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0 && !('code' in error && typeof error.code === 'string'))
    return systemCode(error.errors[0])
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
