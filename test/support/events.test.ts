/** The events for people: what stops them is said in one line. */
import { expect, test } from 'vitest'
import { freePort } from './platform/free-port.ts'
import { Program } from './program.ts'

test('without a Kafka it says in one line where it looked, and ends with 1', async () => {
  const brokers = `127.0.0.1:${await freePort()}`
  const args = ['test/support/demo/events.ts', '--brokers', brokers, '--registry', `http://127.0.0.1:${await freePort()}`]

  const { code, lines, stderr } = await new Program(process.execPath, args).ended()

  expect([code, lines]).toEqual([1, []])
  const said = stderr.split('\n').filter(line => line.startsWith('events: '))
  expect(said).toEqual([expect.stringContaining(`cannot read kaleyra.call-logs at ${brokers}: `)])
  expect(stderr).not.toMatch(/^ +at /m)
})
