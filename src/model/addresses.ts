/**
 * Which addresses stay on this machine. Keys and passwords may travel in the clear only to those, so a name that merely begins like
 * one (`127.0.0.1.example.com`) must not pass.
 */

/** Whether a host name or literal address is this machine's own: `localhost`, 127.0.0.0/8, `::1` with or without brackets. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host)
}

/** `host:port`; an IPv6 address in brackets. */
export const BROKER = /^(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]{1,253}):\d{1,5}$/

/** The host of a `host:port`. */
export function hostOf(broker: string): string {
  return broker.slice(0, broker.lastIndexOf(':'))
}

/** An http or https URL without credentials, query and fragment, or `null`. */
export function plainUrl(text: string): URL | null {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) return null
  return url.username === '' && url.password === '' && url.search === '' && url.hash === '' ? url : null
}

/** The SID in an address of the API, `…/v1/<SID>`; empty when it ends after the host or `/v1`; `null` for any other address. */
export function sidInUrl(text: string): string | null {
  const path = plainUrl(text)?.pathname
  const match = path === undefined ? null : /^\/(?:v1\/?(?:([A-Za-z0-9._~-]+)\/?)?)?$/.exec(path)
  return match === null ? null : (match[1] ?? '')
}

/** Whether `Intl` knows the time zone. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
