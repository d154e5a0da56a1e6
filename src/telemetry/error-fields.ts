/**
 * What of an error goes into a log line: its code, its message and those of its causes, all bounded. A stack belongs to bugs only; and a
 * parser's message is left out, because it quotes what it could not parse.
 */
import { codeOf } from '../errors.ts'

/** A type and not an interface, so that it fits where any fields do. */
export type ErrorFields = {
  readonly code: string
  readonly error: string
  /** Outermost first, at most five. */
  readonly causes?: readonly string[]
  readonly stack?: string
}

const MAX_TEXT = 1000
const MAX_CAUSES = 5
const MAX_STACK = 4000

export function errorFields(error: unknown): ErrorFields {
  const code = codeOf(error)
  const causes: string[] = []
  for (let cause = causeOf(error); cause !== undefined && causes.length < MAX_CAUSES; cause = causeOf(cause))
    causes.push(textOf(cause))
  const stack = code === 'BUG' && error instanceof Error && !(error instanceof SyntaxError) ? error.stack : undefined
  return {
    code,
    error: textOf(error),
    ...(causes.length === 0 ? {} : { causes }),
    ...(stack === undefined ? {} : { stack: stack.slice(0, MAX_STACK) }),
  }
}

/** Several attempts at once (both IP versions, say) count as caused by their first failure. */
function causeOf(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined
  return error.cause ?? (error instanceof AggregateError ? error.errors[0] : undefined)
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return `a thrown ${error === null ? 'null' : typeof error}`
  if (error instanceof SyntaxError) return 'SyntaxError'
  const text = error.message === '' ? error.name : error.message
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text
}
