/**
 * Which key of a row means which field. The vendor publishes no sample row, so every spelling seen in its products is listed; letter case,
 * `_`, `-` and spaces do not count. A spelling is resolved once and remembered.
 */

/** Source keys per field, the most trusted first, in lower case and without separators. */
const ALIASES = {
  call_id: ['callid', 'id', 'callsid', 'calluuid', 'uuid'],
  unique_id: ['uniqid', 'uniqueid', 'sessionid'],
  parent_call_id: ['parentid', 'parentcallid', 'parentcallsid'],
  service: ['service', 'type', 'calltype', 'servicetype'],
  direction: ['direction'],
  from_number: ['from', 'callfrom', 'caller', 'fromnumber'],
  to_number: ['to', 'callto', 'callee', 'receiver', 'tonumber'],
  bridge_number: ['bridge', 'did', 'callerid', 'bridgenumber'],
  start_time: ['starttime', 'startat', 'initiationtime', 'datetime'],
  answer_time: ['answertime', 'answeredat'],
  end_time: ['endtime', 'endat'],
  duration_seconds: ['duration', 'callduration', 'totalduration', 'durationseconds'],
  billed_seconds: ['billsec', 'billduration', 'billedduration', 'billing', 'billedseconds'],
  status: ['status', 'callstatus', 'callstate'],
  hangup_cause: ['hangupcause', 'hangupcausename', 'reason'],
  hangup_by: ['hangupby', 'hangupsource'],
  cost: ['credits', 'credit', 'charges', 'cost', 'price', 'totalamount'],
  cost_unit: ['currency', 'priceunit', 'costunit'],
  location: ['location', 'circle', 'region'],
  operator: ['provider', 'operator'],
  recording: ['recording', 'recordingurl', 'recordpath', 'recordingid', 'audio', 'recordingref'],
  custom: ['custom', 'meta'],
  notes: ['notes'],
} as const

export type SourceField = keyof typeof ALIASES

/** Where each field's value waits while a row is read. */
export const SLOT = {
  call_id: 0,
  unique_id: 1,
  parent_call_id: 2,
  service: 3,
  direction: 4,
  from_number: 5,
  to_number: 6,
  bridge_number: 7,
  start_time: 8,
  answer_time: 9,
  end_time: 10,
  duration_seconds: 11,
  billed_seconds: 12,
  status: 13,
  hangup_cause: 14,
  hangup_by: 15,
  cost: 16,
  cost_unit: 17,
  location: 18,
  operator: 19,
  recording: 20,
  custom: 21,
  notes: 22,
} as const satisfies Record<SourceField, number>

export const SLOTS = Object.keys(SLOT).length

/** Fields that may identify people: published on request only, so they must not slip into `extra` either. */
const PRIVATE: ReadonlySet<string> = new Set<SourceField>(['location', 'operator', 'recording', 'custom', 'notes'])

/** Where a key's value goes. */
export interface Target {
  readonly slot: number
  /** Among the field's keys; 0 is the most trusted. */
  readonly rank: number
  readonly isPrivate: boolean
}

function isSourceField(name: string): name is SourceField {
  return name in ALIASES
}

const TARGETS: ReadonlyMap<string, Target> = new Map(
  Object.keys(ALIASES)
    .filter(isSourceField)
    .flatMap(field =>
      ALIASES[field].map((key, rank) => [key, { slot: SLOT[field], rank, isPrivate: PRIVATE.has(field) }] as const),
    ),
)

/** More spellings than any API has; beyond them resolving is only slower. */
const MOST_SPELLINGS = 1_000
const LONGEST_KEY = 64

/** A lookup with its own memory of spellings: the target of a row's key, or `null` for a key that means nothing to us. */
export function createAliasLookup(): (key: string) => Target | null {
  const spellings = new Map<string, Target | null>()
  return key => {
    const known = spellings.get(key)
    if (known !== undefined) return known
    if (key.length > LONGEST_KEY) return null
    const target = TARGETS.get(bare(key)) ?? null
    if (spellings.size < MOST_SPELLINGS) spellings.set(key, target)
    return target
  }
}

/** A key without letter case and separators. */
export function bare(key: string): string {
  return key.toLowerCase().replace(/[_\- ]/g, '')
}
