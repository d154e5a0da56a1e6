import { describe, expect, test } from 'vitest'
import { regionWarning } from '../../src/model/regions.ts'

const warningFor = (sid: string, host: string) => regionWarning({ sid, origin: `https://${host}` })

describe('the region of an account', () => {
  test.each([
    ['an Indian account at the Indian host', 'HXAP1690000001IN', 'api.in.kaleyra.io'],
    ['an American account at the American host', 'HXEP0123456789US', 'api.na.kaleyra.ai'],
    ['an American account at the default host, as on the vendor’s page', 'HXEP0123456789US', 'api.kaleyra.io'],
    ['an account from Singapore at either of its hosts', 'HX01SG', 'api.ap.kaleyra.io'],
    ['a SID without a known suffix', 'HX0123456789', 'api.in.kaleyra.io'],
    ['letters that follow no digit', 'HXSTRAIN', 'api.eu.kaleyra.io'],
    ['a simulator or a proxy', 'HXAP1690000001IN', '127.0.0.1:8090'],
    ['a host that only begins like the vendor’s', 'HXAP1690000001IN', 'api.kaleyra.io.example.com'],
  ])('is in order for %s', (_, sid, host) => {
    expect(warningFor(sid, host)).toBeNull()
  })

  test.each([
    ['HXAP1690000001IN', 'api.kaleyra.io', 'https://api.in.kaleyra.io'],
    ['hxap1690000001in', 'api.eu.kaleyra.io', 'https://api.in.kaleyra.io'],
    ['HXEP0123456789US', 'api.in.kaleyra.io', 'https://api.na.kaleyra.ai'],
    ['HXEP0123456789EU', 'api.kaleyra.io', 'https://api.eu.kaleyra.io'],
  ])('is in doubt for %s at %s', (sid, host, instead) => {
    const warning = warningFor(sid, host)

    expect(warning?.found).toContain(host)
    expect(warning?.remedy).toContain(instead)
  })

  test.each(['api.na.kaleyra.io', 'api-voice.kaleyra.com', 'api-voice.solutionsinfini.com', 'obd.kaleyra.com'])(
    'cannot be %s, which serves another API or nothing',
    host => {
      expect(warningFor('HX0123456789', host)).toEqual({
        found: `${host} is no host that the vendor names for this API`,
        remedy:
          'set accounts[].url to one of api.ap.kaleyra.io, api.eu.kaleyra.io, api.in.kaleyra.io, api.kaleyra.io, api.na.kaleyra.ai',
      })
    },
  )

  test('is told without the SID', () => {
    expect(JSON.stringify(warningFor('HXAP1690000001IN', 'api.kaleyra.io'))).not.toMatch(/HXAP|1690000001/)
  })
})
