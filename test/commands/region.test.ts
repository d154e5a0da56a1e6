/** The host of an account is looked at before anything is sent, and a doubt is told once, at the start. */
import { expect, test } from 'vitest'
import { Connector, settingsFor } from '../support/connector.ts'
import { freePort } from '../support/platform/free-port.ts'

test('run warns of a host that does not fit the SID, without the SID', async () => {
  // Nothing is sent to the vendor: the brokers come first, and do not answer.
  const brokers = [`127.0.0.1:${await freePort()}`]
  const account = { sid: 'HXAP1690000001IN', apiKey: 'A0123456789abcdef', url: 'https://api.eu.kaleyra.io' }
  const settings = settingsFor(account, { kind: 'given', brokers, registryUrl: 'http://127.0.0.1:1' }, 'region')
  await using connector = await Connector.start(settings)

  const line = await connector.untilEvent('account.region')
  await connector.untilEvent('kafka.client')
  connector.kill('SIGTERM')
  await connector.exited

  expect(line).toMatchObject({ level: 'warn', account: 'main', origin: 'https://api.eu.kaleyra.io' })
  expect(line.msg).toContain('set accounts[].url to https://api.in.kaleyra.io')
  expect(connector.lines.filter(({ event }) => event === 'account.region')).toHaveLength(1)
  expect(connector.output).not.toContain('HXAP1690000001IN')
})
