/**
 * Ports for the platform's own servers. Taken below the range from which the system serves outgoing connections, so that a
 * broker which was killed finds its port free when it comes back.
 */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

const given = new Set<number>()

/** A port on which nobody listens now, and which this process gives to no one else. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = 20_000 + randomInt(10_000)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
  throw new Error('No free port between 20000 and 29999')
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, () => server.close(() => resolve(true)))
  })
}
