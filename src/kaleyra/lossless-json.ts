/**
 * JSON whose long numbers survive. JSON.parse turns an 18-digit id into another id and a long amount into a nearby one; such numbers are
 * handed over as their own text instead. Only a body that holds one pays for it. A parser's complaint quotes the body, so none leaves here.
 */

/** A number of 16 or more digits outside a string, or one with an exponent; in doubt the slow way is only slower. */
const LONG_NUMBER = /[[:,\s]-?(?:\d[\d.]{15,}|\d[\d.]*[eE][+-]?\d)/

/** What decides where strings begin and end, and everything that may be a number. Without repetition of alternatives: no text is too long for it. */
const TOKEN = /\\.|"|-?\d[\d.eE+-]*/g

/** The parsed body, or `undefined` when it is no JSON. Numbers that a double cannot hold are strings, digit for digit. */
export function parseLossless(text: string): unknown {
  const body = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
  try {
    const parsed: unknown = JSON.parse(body)
    // A reviver would see the digits, too, but it recurses: a deeply nested value would end it.
    return LONG_NUMBER.test(body) ? JSON.parse(withQuotedNumbers(body)) : parsed
  } catch {
    return undefined
  }
}

/** Valid JSON with every number in quotes that would not survive. */
function withQuotedNumbers(body: string): string {
  let isString = false
  return body.replace(TOKEN, token => {
    if (token === '"') isString = !isString
    return isString || token === '"' || token.startsWith('\\') || survives(token) ? token : `"${token}"`
  })
}

function survives(source: string): boolean {
  const value = Number(source)
  if (String(value) === source) return true
  const digits = significantDigits(source)
  return digits <= 15 && Number.isFinite(value) && (value !== 0 || digits === 0)
}

function significantDigits(source: string): number {
  const mantissa = source.split(/[eE]/)[0] ?? ''
  return mantissa.replace(/[-.]/g, '').replace(/^0+/, '').length
}
