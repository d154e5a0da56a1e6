/**
 * What an answer's headers say about how much may still be asked. The vendor documents none of them, so all that are in use are understood,
 * and the strictest counts:
 *
 *   X-RateLimit-Remaining, X-RateLimit-Reset      what gateways send; the reset in seconds, epoch seconds or milliseconds, or a date
 *   RateLimit-Remaining, RateLimit-Reset          the IETF drafts up to 6
 *   RateLimit: limit=10, remaining=4, reset=30    the drafts up to 7
 *   RateLimit: "burst";r=4;t=30                   the drafts since
 *   RateLimit-Policy: "burst";q=100;w=60          what is granted for each span, whatever is left of it
 *
 * They are hints: what cannot be read says nothing, since a 429 with its Retry-After comes after them. X-RateLimit-Limit alone says nothing
 * either, as it names no span.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { DAY_MS, SECOND_MS } from '../model/window.ts'
import { httpDateMs } from './http-dates.ts'

/** So many requests from now on. */
export interface Allowance {
  /** A whole number, 0 or more. */
  readonly remaining: number
  /** Until there are more, from when the answer came, in milliseconds, above 0 and at most a day. */
  readonly resetMs: number
}

/** Numbers from here on are no seconds to wait: that would be 31 years. */
const FIRST_EPOCH_SECOND = 1e9
const FIRST_EPOCH_MS = 1e12
/** A reset further away was not meant as it was read. */
const LONGEST_RESET_MS = DAY_MS
const LONGEST_HEADER = 1_000
const PAIRS = [
  ['x-ratelimit-remaining', 'x-ratelimit-reset'],
  ['x-rate-limit-remaining', 'x-rate-limit-reset'],
  ['ratelimit-remaining', 'ratelimit-reset'],
] as const

/** The strictest of what the headers say; `null` when they say nothing. `answeredMs` is the answer's own `Date`, or our clock when it has none. */
export function allowanceOf(headers: IncomingHttpHeaders, answeredMs: number): Allowance | null {
  const textOf = (name: string) => [headers[name] ?? []].flat().join(',').slice(0, LONGEST_HEADER)
  const pairs = PAIRS.map(([remaining, reset]) => allowance(textOf(remaining), textOf(reset), answeredMs))
  const current = textOf('ratelimit')
  const named = allowance(parameter(current, 'remaining'), parameter(current, 'reset'), answeredMs)
  const items = itemsOf(current).map(item => allowance(parameter(item, 'r'), parameter(item, 't'), answeredMs))
  const policies = itemsOf(textOf('ratelimit-policy')).map(item =>
    allowance(parameter(item, 'q'), parameter(item, 'w'), answeredMs),
  )
  return [...pairs, named, ...items, ...policies].reduce(
    (strictest, one) => (one !== null && (strictest === null || isStricter(one, strictest)) ? one : strictest),
    null,
  )
}

function allowance(remainingText: string, resetText: string, answeredMs: number): Allowance | null {
  const resetMs = resetIn(resetText.trim(), answeredMs)
  if (!/^\s*\d{1,12}\s*$/.test(remainingText) || resetMs === null || resetMs <= 0 || resetMs > LONGEST_RESET_MS) return null
  return { remaining: Number(remainingText), resetMs }
}

function resetIn(text: string, answeredMs: number): number | null {
  if (/^\d{1,15}(\.\d{1,6})?$/.test(text)) {
    const value = Number(text)
    if (value >= FIRST_EPOCH_MS) return value - answeredMs
    return value >= FIRST_EPOCH_SECOND ? value * SECOND_MS - answeredMs : Math.ceil(value * SECOND_MS)
  }
  const isIso = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/.test(text)
  const untilMs = isIso ? Date.parse(text) : httpDateMs(text)
  return untilMs === null || Number.isNaN(untilMs) ? null : untilMs - answeredMs
}

/** Nothing left is stricter than anything, the longer the more; else the fewer requests a second the stricter. */
function isStricter(one: Allowance, other: Allowance): boolean {
  if (one.remaining === 0 && other.remaining === 0) return one.resetMs > other.resetMs
  return one.remaining / one.resetMs < other.remaining / other.resetMs
}

/** The members of a list, without those commas that are within quotes. */
function itemsOf(list: string): string[] {
  return list.match(/(?:"[^"]*"|[^",])+/g) ?? []
}

/** The value of `name=…` in a list of parameters, empty when it is not there. */
function parameter(text: string, name: string): string {
  const unquoted = text.replace(/"[^"]*"/g, '')
  return new RegExp(`(?:^|[;,])\\s*${name}=(\\d{1,15})\\s*(?:[;,]|$)`).exec(unquoted)?.[1] ?? ''
}
