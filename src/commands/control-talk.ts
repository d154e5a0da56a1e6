/** What the commands that talk to a running connector have in common: whom they ask, and what they say when nobody can answer. */
import { ConnectorError } from '../errors.ts'
import { loadSettings } from '../host/environment.ts'
import { ask, type Question, type Reply } from '../server/control-client.ts'
import { controlTargetOf } from '../wiring.ts'

export interface Talk {
  readonly name: string
  /** What instances answered, whatever they answered; at least one. */
  readonly answers: readonly Extract<Reply, { kind: 'answer' }>[]
}

/**
 * Asks every instance of the connector that can be found. Without one that answers: a sentence for people. Throws `SETTINGS_INVALID` and, when the
 * token is not the connector's, `SETTINGS_INVALID` too.
 */
export async function talk(config: string, question: Question): Promise<Talk | { readonly silent: string }> {
  const { name, control } = loadSettings(config, ['name'])
  const target = controlTargetOf({ name, control })
  const replies = await ask(target, question)
  const answers = replies.filter(reply => reply.kind === 'answer')
  if (answers.some(({ status }) => status === 401))
    throw new ConnectorError('SETTINGS_INVALID', 'control.token = ***: is not the token of the connector that answers there')
  if (answers.length > 0) return { name, answers }
  const failed = replies.find(reply => reply.kind === 'failed')
  const where = target.kind === 'tcp' ? `at ${target.host}:${target.port}` : `on this machine (${target.path})`
  if (failed !== undefined) return { silent: `the connector "${name}" does not answer ${where}: ${failed.why}` }
  return { silent: `no connector of the name "${name}" runs ${where}` }
}
