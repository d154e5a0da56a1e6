/** What `check` asks of the schema registry: whether it answers, and whether our schema is there or would be taken. Registers nothing. */
import { lookUpSchema, type SchemaStanding } from '../avro/registry.ts'
import type { Settings } from '../settings.ts'
import { clock, registryOf } from '../wiring.ts'
import { type Check, failed, type Outcome, ok } from './checklist.ts'

export function registryChecks(settings: Settings): Check[] {
  const registry = registryOf(settings)
  const { url, subject, register } = registry
  const standing = Promise.withResolvers<SchemaStanding>()
  const reach = async (signal: AbortSignal) => {
    standing.resolve(await lookUpSchema(registry, clock, signal))
    return ok(`answers at ${url}`)
  }
  const schema = async () => schemaOutcome(await standing.promise, subject, register)
  return [
    { name: 'registry', run: reach },
    { name: 'schema', needs: ['registry'], run: schema },
  ]
}

function schemaOutcome(standing: SchemaStanding, subject: string, register: boolean): Outcome {
  if (standing.kind === 'registered') return ok(`registered under ${subject} with id ${standing.id}`)
  if (standing.kind === 'incompatible')
    return failed(
      `the registry would refuse our schema under ${subject}${standing.reasons === '' ? '' : `: "${standing.reasons}"`}`,
      'if another record type lives there, set registry.subject; else compare its newest version with schemas/call-log.avsc',
    )
  const place =
    standing.kind === 'none' ? `nothing is registered under ${subject} yet` : `compatible with the newest under ${subject}`
  if (register) return ok(`${place}; run will register our schema`)
  return failed(
    `our schema is not registered under ${subject}, and registry.register is false`,
    'register schemas/call-log.avsc of this release, or set registry.register: true',
  )
}
