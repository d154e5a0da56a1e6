/**
 * What a status and a service mean. The vendor's list of statuses is open (15 % of one live log was in neither published list) and spelled
 * in several ways, so the raw text is kept and only a coarse disposition is derived. Exact names come before prefixes.
 */

const EXACT: Readonly<Record<string, readonly string[]>> = {
  ANSWERED: ['ANSWER', 'ANSWEREDA', 'ANSWEREDB', 'ACCEPTED'],
  IVR_ONLY: ['FLOWANSWER', 'IVRANSWER', 'FLOWEXECUTED'],
  NO_ANSWER: ['OBDTIMEOUT'],
  CANCELLED: ['CANCEL', 'INCOMINGDISCONNECTED'],
  REJECTED: ['REJECTED'],
  BLOCKED: ['BLOCKED', 'DND', 'NOTALLOWED', 'OUTGOINGRESTRICTED'],
  MISSED_CALL: ['MISSCALL', 'MISWIG'],
  FAILED: [
    ...['CONGESTION', 'CHANUNAVAIL', 'NOROUTE', 'MAXUSE', 'QUEUETIMEOUT', 'RINGTIMEOUT'],
    ...['BRIDGEUNAVAILABLE', 'NOINCOMINGCLI', 'OFFHOUR', 'IVR'],
  ],
}

const PREFIXES: readonly (readonly [string, string])[] = [
  ['ANSWER', 'ANSWERED'],
  ['NOANSWER', 'NO_ANSWER'],
  ['BUSY', 'BUSY'],
  ['FAILED', 'FAILED'],
  ['FLOW', 'FAILED'],
]

const DIRECTIONS: Readonly<Record<string, readonly string[]>> = {
  INBOUND: ['INCOMING', 'IN', 'INBOUND'],
  FORWARD: ['CALLFORWARD', 'FORWARD', 'CALLFORWARDING'],
  OUTBOUND: ['CLICK2CALL', 'CLICKTOCALL', 'OBD', 'OUT', 'OUTGOING', 'OUTBOUND'],
}

const BY_STATUS = inverted(EXACT)
const BY_DIRECTION = inverted(DIRECTIONS)
const MOST_SPELLINGS = 1_000
const LONGEST_SPELLING = 64

/** ANSWERED, NO_ANSWER, BUSY, FAILED, CANCELLED, REJECTED, BLOCKED, IVR_ONLY, MISSED_CALL or UNKNOWN. */
export const createDispositionReader = (): ((status: string) => string) => remembering(dispositionOf)

/** INBOUND, OUTBOUND, FORWARD or UNKNOWN, of a direction or of a service. */
export const createDirectionReader = (): ((text: string) => string) =>
  remembering(text => BY_DIRECTION.get(squeezed(text)) ?? 'UNKNOWN')

function dispositionOf(status: string): string {
  const name = squeezed(status).replaceAll('LEG', 'CHANNEL')
  return BY_STATUS.get(name) ?? PREFIXES.find(([prefix]) => name.startsWith(prefix))?.[1] ?? 'UNKNOWN'
}

/** Upper case, no separators: `MAX-USE` is `MAXUSE`. */
function squeezed(text: string): string {
  return text.toUpperCase().replace(/[_\-\s]/g, '')
}

/** The same function with a bounded memory: a log holds few spellings, many times each. */
function remembering(read: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>()
  return text => {
    const found = known.get(text)
    if (found !== undefined) return found
    if (text.length > LONGEST_SPELLING) return 'UNKNOWN'
    const value = read(text)
    if (known.size < MOST_SPELLINGS) known.set(text, value)
    return value
  }
}

function inverted(table: Readonly<Record<string, readonly string[]>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(table).flatMap(([value, names]) => names.map(name => [name, value] as const)))
}
