/**
 * JSON whose long numbers survive. JSON.parse turns an 18-digit id into another id and a long amount into a nearby one; such numbers are
 * handed over as their own text instead. Only a body that holds one pays for it. A parser's complaint quotes the body, so none leaves here.
 */

/** A number of 16 or more digits outside a string, or one with an exponent; in doubt the slow way is only slower. */
const LONG_NUMBER = /[[:,\s]-?(?:\d[\d.]{15,}|\d[\d.]*[eE][+-]?\d)/

/** The parsed body, or `undefined` when it is no JSON. Numbers that a double cannot hold are strings, digit for digit. */
export function parseLossless(text: string): unknown {
  const body = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
  try {
    return LONG_NUMBER.test(body) ? JSON.parse(body, keepDigits) : JSON.parse(body)
  } catch {
    return undefined
  }
}

function keepDigits(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source
  if (typeof value !== 'number' || source === undefined || String(value) === source) return value
  const digits = significantDigits(source)
  const isExact = digits <= 15 && Number.isFinite(value) && (value !== 0 || digits === 0)
  return isExact ? value : source
}

function significantDigits(source: string): number {
  const mantissa = source.split(/[eE]/)[0] ?? ''
  return mantissa.replace(/[-.]/g, '').replace(/^0+/, '').length
}
