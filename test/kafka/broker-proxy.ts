/**
 * A proxy in front of one real broker that can lose, hold or cut single requests and answers by kind. It passes itself off as the broker by
 * writing its own port into every answer that names the broker's address.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Numbers of the protocol. */
export const api = { produce: 0, metadata: 3, initProducerId: 22, addPartitions: 24, endTxn: 26 } as const

export type Trouble =
  | 'loseRequest' // the broker never hears it
  | 'loseAnswer' // the broker did it, the client never hears so
  | 'holdAnswer' // as loseAnswer, until `release`
  | 'cutAnswer' // the connection breaks instead of the answer

export interface BrokerProxy {
  readonly address: string
  /** The next `count` requests of this kind get into trouble, after `after` good ones. Resolves when the first one met it. */
  trouble(kind: number, what: Trouble, options?: { readonly after?: number; readonly count?: number }): Promise<void>
  /** Sends every held answer on. */
  release(): void
  close(): Promise<void>
}

interface Plan {
  readonly kind: number
  readonly what: Trouble
  readonly met: () => void
  after: number
  count: number
}

export async function brokerProxy(broker: string): Promise<BrokerProxy> {
  const [host = '', port = ''] = broker.split(':')
  const [plans, held, sockets]: [Plan[], (() => void)[], Set<Socket>] = [[], [], new Set()]
  const server = createServer(client => serve(client, connect({ host, port: Number(port) })))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const ownPort = (server.address() as AddressInfo).port

  function serve(client: Socket, upstream: Socket) {
    const troubled = new Map<number, Plan>()
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    onFrames(client, frame => {
      const plan = planFor(frame.readInt16BE(4))
      if (plan?.what === 'loseRequest') return plan.met()
      if (plan !== undefined) troubled.set(frame.readInt32BE(8), plan)
      upstream.write(frame)
    })
    onFrames(upstream, frame => {
      const plan = troubled.get(frame.readInt32BE(4))
      const pass = () => client.write(withPort(frame, Number(port), ownPort))
      if (plan === undefined) pass()
      else if (plan.what === 'holdAnswer') held.push(pass)
      else if (plan.what === 'cutAnswer') client.destroy()
      plan?.met()
    })
  }

  function planFor(kind: number): Plan | undefined {
    const plan = plans.find(candidate => candidate.kind === kind && candidate.count > 0)
    if (plan === undefined) return undefined
    if (plan.after-- > 0) return undefined
    plan.count--
    return plan
  }

  return {
    address: `127.0.0.1:${ownPort}`,
    trouble(kind, what, { after = 0, count = 1 } = {}) {
      const { promise, resolve } = Promise.withResolvers<void>()
      plans.push({ kind, what, after, count, met: resolve })
      return promise
    },
    release() {
      for (const pass of held.splice(0)) pass()
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

function onFrames(socket: Socket, take: (frame: Buffer) => void): void {
  let rest = Buffer.alloc(0)
  socket.on('data', chunk => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0)
      take(rest.subarray(0, end))
      rest = rest.subarray(end)
    }
  })
}

/** Answers name the broker as a string followed by a port of four bytes. */
function withPort(frame: Buffer, from: number, to: number): Buffer {
  const copy = Buffer.from(frame)
  for (const host of ['127.0.0.1', 'localhost']) {
    const needle = Buffer.alloc(2 + host.length + 4)
    needle.writeInt16BE(host.length, 0)
    needle.write(host, 2)
    needle.writeInt32BE(from, 2 + host.length)
    for (let at = copy.indexOf(needle); at !== -1; at = copy.indexOf(needle, at + 1))
      copy.writeInt32BE(to, at + needle.length - 4)
  }
  return copy
}
