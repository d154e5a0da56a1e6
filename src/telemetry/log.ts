/**
 * The log: one line of JSON, or of text for people, on standard output or where it is told. Nothing secret is ever logged on purpose;
 * as a second line of defence every known secret that turns up in a line all the same is replaced.
 */
import { type DestinationStream, destination, type Logger, pino } from 'pino'
import { redactor } from './redact.ts'

export type Log = Logger
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

export interface LogOptions {
  readonly level: LogLevel
  readonly format: 'json' | 'text'
  /** Values that must not appear: keys, passwords, SIDs, tokens. */
  readonly secrets: readonly string[]
  /** Standard output unless given. */
  readonly to?: DestinationStream
}

/** Lines are written at once, so that the last one before a crash is not lost. */
export function createLog({ level, format, secrets, to = destination({ fd: 1, sync: true }) }: LogOptions): Log {
  const redact = redactor(secrets)
  const present = format === 'json' ? redact : (line: string) => textLine(redact(line))
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
    },
    { write: line => void to.write(present(line)) },
  )
}

/** `2026-01-02T03:04:05.000Z INFO  rows=1 new=1 event=window.read account=main` */
function textLine(json: string): string {
  const { time, level, msg, ...fields }: Record<string, unknown> = JSON.parse(json)
  const rest = Object.entries(fields).map(
    ([name, value]) => ` ${name}=${typeof value === 'string' && /^\S+$/.test(value) ? value : JSON.stringify(value)}`,
  )
  return `${time} ${String(level).toUpperCase().padEnd(5)} ${msg ?? ''}${rest.join('')}\n`
}
