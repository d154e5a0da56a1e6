#!/usr/bin/env node
/** Arguments in, exit code out. The only place that ends the process or reports an error. */
import { Command, CommanderError } from 'commander'
import { auditCommand } from './commands/audit.ts'
import { checkCommand } from './commands/check.ts'
import { configCommand } from './commands/config.ts'
import { explainCommand } from './commands/explain.ts'
import { backfillCommand, pauseCommand, resumeCommand } from './commands/orders.ts'
import { planCommand } from './commands/plan.ts'
import { previewCommand } from './commands/preview.ts'
import { runCommand } from './commands/run.ts'
import { statusCommand } from './commands/status.ts'
import { ConnectorError, codeOf } from './errors.ts'
import { POLICY } from './flow/policy.ts'
import { packageVersion } from './host/package.ts'
import { openTerminal } from './host/terminal.ts'

const terminal = openTerminal()
const exit = (code: number) => {
  process.exitCode = code
}

const program = new Command('call-log-source')
  .description('Kafka source connector for the Kaleyra.io Call Log Pull API')
  .version(packageVersion())
  .addCommand(runCommand(exit))
  .addCommand(checkCommand(exit, terminal))
  .addCommand(previewCommand(terminal))
  .addCommand(planCommand(exit, terminal))
  .addCommand(auditCommand(exit, terminal))
  .addCommand(explainCommand(exit, terminal))
  .addCommand(statusCommand(exit, terminal))
  .addCommand(pauseCommand(exit, terminal))
  .addCommand(resumeCommand(exit, terminal))
  .addCommand(backfillCommand(exit, terminal))
  .addCommand(configCommand())

/** One line for people: code, what and where, what to do; the causes behind it indented. A bug also shows where. */
function report(error: unknown): string {
  const code = codeOf(error)
  const message = error instanceof Error ? error.message : String(error)
  const lines = [`call-log-source: ${code}: ${message}`, ...causesOf(error).map(cause => `  because: ${cause}`)]
  if (POLICY[code].exitCode !== 0 && code !== 'SETTINGS_INVALID') lines.push(`  remedy: ${POLICY[code].remedy}`)
  if (!(error instanceof ConnectorError) && error instanceof Error) lines.push(error.stack ?? '')
  return lines.join('\n')
}

/** What lies behind an error, each sentence once. */
function causesOf(error: unknown): string[] {
  const messages: string[] = []
  for (let cause = error; cause instanceof Error && messages.length < 5; cause = cause.cause) messages.push(cause.message)
  return [...new Set(messages)].slice(1)
}

/** At any depth, commander throws instead of ending the process, and leaves it to us to tell what is wrong. */
function tame(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => undefined })
  for (const inner of command.commands) tame(inner)
}

/** Commander's complaint as one of ours; `null` when it only showed help or the version. */
function argumentsError({ code, message, exitCode }: CommanderError): ConnectorError | null {
  if (exitCode === 0 || code === 'commander.help') return null
  return new ConnectorError('ARGUMENTS_INVALID', message.replace(/^error: /, '').replaceAll('\n', ' '))
}

try {
  tame(program)
  await program.parseAsync()
} catch (thrown) {
  const error = thrown instanceof CommanderError ? argumentsError(thrown) : thrown
  if (error !== null) process.stderr.write(`${report(error)}\n`)
  // Help that nobody asked for means that a command is missing.
  if (error === null) process.exitCode = thrown instanceof CommanderError && thrown.exitCode === 0 ? 0 : 2
  else process.exitCode = POLICY[codeOf(error)].exitCode
}
// A client library may still be waiting for its next attempt; everything of ours is closed.
process.exit()
