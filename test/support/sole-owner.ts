/**
 * Ownership without a group: the account is ours from the first moment on, and somebody else's for ever once another producer has fenced us:
 * from then on we stand by until told to stop.
 */
import { ConnectorError } from '../../src/errors.ts'
import type { Ownership } from '../../src/ports.ts'

export function soleOwner(): Ownership {
  const gone = new AbortController()
  return {
    acquire: async (onStandby, signal) => {
      if (gone.signal.aborted) {
        onStandby()
        const stopped = Promise.withResolvers<never>()
        signal.addEventListener('abort', () => stopped.reject(new ConnectorError('STOPPED', 'stopped while standing by')))
        if (signal.aborted) throw new ConnectorError('STOPPED', 'stopped while standing by')
        return stopped.promise
      }
      return {
        revoked: gone.signal,
        lost: gone.signal,
        confirm: async () => {
          gone.abort()
          return false
        },
        release: () => {},
      }
    },
  }
}
