/**
 * How fast a command may ask the API. The connector may be running on the same key, so everything beside it takes a tenth of the configured
 * rate, one request at a time, unless told otherwise.
 */
import { ConnectorError } from '../errors.ts'
import type { Settings } from '../settings.ts'

const SHARE = 0.1

export const RATE_OPTION = ['--rate <requests>', 'requests a second; a tenth of api.requestsPerSecond unless given'] as const

/** The same settings at a command's pace. Throws `ARGUMENTS_INVALID` for a rate that is none or above the configured one. */
export function paced(settings: Settings, rate: string | undefined): Settings {
  const { requestsPerSecond: most } = settings.api
  const requestsPerSecond = rate === undefined ? most * SHARE : /^\d{1,4}(\.\d{1,6})?$/.test(rate) ? Number(rate) : 0
  if (!(requestsPerSecond > 0 && requestsPerSecond <= most))
    throw new ConnectorError(
      'ARGUMENTS_INVALID',
      `--rate: "${rate}" is no number above 0 and at most api.requestsPerSecond, ${most}`,
    )
  return { ...settings, api: { ...settings.api, requestsPerSecond, burst: 1 } }
}
