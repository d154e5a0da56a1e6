/**
 * The topic for people: every committed record, decoded by the registry, one JSON object a line, from the earliest on and as they come.
 * Joins no group that lasts, so it may be started and ended at will. In docker-compose.yml: `docker compose run --rm events`.
 */
import { randomUUID } from 'node:crypto'
import { Command, InvalidArgumentError } from 'commander'
import kafkajs from 'kafkajs'
import { createDecoder } from '../independent-consumer.ts'

const count = (text: string): number => {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('a whole number from 1 up is expected')
  return Number(text)
}
const env = process.env
const options = new Command('events')
  .description('Shows call logs as they are published, one JSON object a line. Ctrl-C ends it.')
  .option('--brokers <list>', 'host:port, with commas between several', env.KAFKA_BROKERS ?? 'localhost:9092')
  .option('--registry <url>', 'base of the Confluent API', env.SCHEMA_REGISTRY_URL ?? 'http://localhost:8081')
  .option('--topic <name>', 'topic of the events', env.EVENTS_TOPIC ?? 'kaleyra.call-logs')
  .option('--count <records>', 'end after this many', count)
  .parse()
  .opts<{ brokers: string; registry: string; topic: string; count?: number }>()

const decoder = createDecoder(options.registry)
const kafka = new kafkajs.Kafka({ brokers: options.brokers.split(','), clientId: 'events', logLevel: kafkajs.logLevel.NOTHING })
const consumer = kafka.consumer({ groupId: `events-${randomUUID()}` })
const ended = Promise.withResolvers<void>()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.resolve())
// A reader that has seen enough, as in `events | head`.
process.stdout.on('error', () => ended.resolve())
consumer.on('consumer.crash', ({ payload }) => {
  if (payload.restart) process.stderr.write(`events: ${payload.error.message}; trying again\n`)
  else ended.reject(payload.error)
})

let shown = 0
async function show(): Promise<void> {
  await consumer.connect()
  await consumer.subscribe({ topic: options.topic, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    async eachMessage({ partition, message: { offset, headers = {}, value } }) {
      if (shown === options.count) return
      const change = { change: String(headers.change), revision: Number(headers.revision) }
      const content = (await decoder.decode(value)) as object
      process.stdout.write(`${JSON.stringify({ partition, offset: Number(offset), ...change, ...content })}\n`)
      shown += 1
      if (shown === options.count) ended.resolve()
    },
  })
  await ended.promise
}

try {
  await show()
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error)
  process.stderr.write(`events: cannot read ${options.topic} at ${options.brokers}: ${reason}\n`)
  process.exitCode = 1
}
await consumer.disconnect()
