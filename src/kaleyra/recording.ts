/**
 * Recordings: whether there is one, and, only when asked for, where. Links are signed and short-lived: a new signature on each read must
 * not look like a changed call, so only those parameters stay that name the recording (`//play.example.com/?id=…`), or all of them when
 * nothing else names it.
 */

const NO: ReadonlySet<string> = new Set(['0', 'false', 'no', 'none', 'null', 'n/a', '-'])

/** Parameters that name a recording; the others sign it, or say how to play it. */
const NAMES = /^(id|uuid|file|filename|name|path|(call|rec|recording|file)_?id|recording|audio)$/i

/** Whether the value of a recording key says that there is a recording. */
export function hasRecording(value: unknown): boolean {
  if (typeof value === 'string') return !(value.length <= 5 && NO.has(value.trim().toLowerCase()))
  return value !== false && value !== 0
}

/** The link or id without its signature; `null` for a bare yes. */
export function recordingRef(value: unknown): string | null {
  if (typeof value === 'number') return value > 1 ? String(value) : null
  if (typeof value !== 'string') return null
  const text = value.trim()
  if (/^(1|yes|true|y)$/i.test(text)) return null
  const query = text.search(/[?#]/)
  if (query < 0) return text
  const address = text.slice(0, query)
  const [parameters = ''] = text.slice(query + 1).split('#')
  const naming = parameters.split('&').filter(parameter => NAMES.test(parameter.split('=')[0] ?? ''))
  if (naming.length > 0) return `${address}?${naming.join('&')}`
  const path = address.replace(/^([a-z]+:)?\/\/[^/]*/i, '')
  return path.replaceAll('/', '') === '' ? text : address
}
