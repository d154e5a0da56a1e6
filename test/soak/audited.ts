/** What `audit --topic` says at the end, in its own words. */
import { runCommand } from '../support/command.ts'

export async function audited(settings: object): Promise<string> {
  const { code, stdout, stderr } = await runCommand(settings, ['audit', '--topic', '--rate', '20'])
  const said = stdout.trimEnd().split('\n').at(-1) ?? stderr.trimEnd().split('\n').at(-1) ?? ''
  return `exit ${code}: ${said}`
}
