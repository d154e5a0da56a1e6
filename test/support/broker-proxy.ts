/**
 * A proxy in front of real brokers that can lose, hold, cut or falsify single requests and answers by kind. It passes itself off as the
 * brokers by writing its own ports into every answer that names their addresses, so a client behind it reaches them no other way.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { answerId, api, errorAnswer, kindOf, partitionsOf, requestId } from './kafka-wire.ts'

export { api }

export type Trouble =
  | 'loseRequest' // the broker never hears it
  | 'holdRequest' // as loseRequest, until `release`; reaches the broker even when the client has given up by then
  | 'cutRequest' // the connection breaks instead; the broker never hears it
  | 'loseAnswer' // the broker did it, the client never hears so
  | 'holdAnswer' // as loseAnswer, until `release`
  | 'cutAnswer' // the connection breaks instead of the answer
  | { readonly refuse: number; readonly partition?: number } // the broker never hears it; the client hears this error code
  | { readonly disguise: number; readonly partition?: number } // the broker did it; the client hears this error code
// With a `partition`, of whatever topic: only requests for it are meant and counted, and it alone has the error.

export interface BrokerProxy {
  /** Of the first broker. */
  readonly address: string
  /** Of all brokers, in their order. */
  readonly addresses: readonly string[]
  /**
   * The next `count` requests of this kind to any broker get into trouble, after `after` good ones. Resolves when the first one met it, with
   * the place of its broker in the order, counted from 1.
   */
  trouble(kind: number, what: Trouble, options?: { readonly after?: number; readonly count?: number }): Promise<number>
  /** Sends everything held on; resolves when every request among it was answered, or its broker has hung up. */
  release(): Promise<void>
  /** Nothing gets through any more, and nobody is told: packets are kept, as by a network that may heal. New connections hang. */
  partition(): void
  /** What was kept arrives late. */
  heal(): void
  close(): Promise<void>
}

interface Plan {
  readonly kind: number
  readonly what: Trouble
  readonly met: (broker: number) => void
  after: number
  count: number
}

/** `host:port` of every broker of one cluster. */
export async function brokerProxy(...brokers: readonly string[]): Promise<BrokerProxy> {
  const [plans, held, sockets]: [Plan[], (() => void | Promise<void>)[], Set<Socket>] = [[], [], new Set()]
  const ports = new Map<string, number>()
  let isParted = false
  const servers = brokers.map((broker, index) => {
    const [host = '', port = ''] = broker.split(':')
    return createServer(client => serve(index + 1, client, connect({ host, port: Number(port) })))
  })
  for (const [index, server] of servers.entries()) {
    await once(server.listen(0, '127.0.0.1'), 'listening')
    ports.set(brokers[index] ?? '', (server.address() as AddressInfo).port)
  }

  function serve(broker: number, client: Socket, upstream: Socket) {
    const troubled = new Map<number, { readonly plan: Plan; readonly request: Buffer }>()
    let heldHere = 0
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      if (isParted) socket.pause()
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        if (heldHere === 0) upstream.destroy()
      })
    }
    const answered = new Map<number, () => void>()
    upstream.on('close', () => {
      for (const resolve of answered.values()) resolve()
    })
    const hold = (request: Buffer) => {
      heldHere++
      held.push(async () => {
        if (!upstream.destroyed) {
          const { promise, resolve } = Promise.withResolvers<void>()
          answered.set(requestId(request), resolve)
          upstream.write(request)
          await promise
        }
        heldHere--
        if (client.destroyed && heldHere === 0) upstream.destroy()
      })
    }
    onFrames(client, frame => {
      const plan = planFor(frame)
      if (plan === undefined) return void upstream.write(frame)
      const { what } = plan
      if (what === 'cutRequest') client.destroy()
      else if (what === 'holdRequest') hold(Buffer.from(frame))
      else if (typeof what === 'object' && 'refuse' in what) client.write(errorAnswer(frame, what.refuse, what.partition))
      else if (what !== 'loseRequest') {
        troubled.set(requestId(frame), { plan, request: Buffer.from(frame) })
        upstream.write(frame)
        return
      }
      plan.met(broker)
    })
    onFrames(upstream, frame => {
      const { plan, request } = troubled.get(answerId(frame)) ?? {}
      const pass = () => void client.write(withPorts(frame, ports))
      answered.get(answerId(frame))?.()
      if (plan === undefined || request === undefined) return pass()
      const { what } = plan
      if (what === 'holdAnswer') held.push(pass)
      else if (what === 'cutAnswer') client.destroy()
      else if (typeof what === 'object' && 'disguise' in what) client.write(errorAnswer(request, what.disguise, what.partition))
      plan.met(broker)
    })
  }

  function planFor(frame: Buffer): Plan | undefined {
    const kind = kindOf(frame)
    const plan = plans.find(candidate => candidate.kind === kind && candidate.count > 0 && concerns(frame, candidate.what))
    if (plan === undefined) return undefined
    if (plan.after-- > 0) return undefined
    plan.count--
    return plan
  }

  const addresses = [...ports.values()].map(port => `127.0.0.1:${port}`)
  return {
    address: addresses[0] ?? '',
    addresses,
    trouble(kind, what, { after = 0, count = 1 } = {}) {
      const { promise, resolve } = Promise.withResolvers<number>()
      plans.push({ kind, what, after, count, met: resolve })
      return promise
    },
    async release() {
      await Promise.all(held.splice(0).map(pass => pass()))
    },
    partition() {
      isParted = true
      for (const socket of sockets) socket.pause()
    },
    heal() {
      isParted = false
      for (const socket of sockets) socket.resume()
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
    },
  }
}

function concerns(frame: Buffer, what: Trouble): boolean {
  return typeof what !== 'object' || what.partition === undefined || partitionsOf(frame).includes(what.partition)
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

/** Answers name a broker as a string followed by a port of four bytes. */
function withPorts(frame: Buffer, ports: ReadonlyMap<string, number>): Buffer {
  const copy = Buffer.from(frame)
  for (const [broker, own] of ports) {
    const [named = '', port = ''] = broker.split(':')
    for (const host of new Set([named, '127.0.0.1', 'localhost'])) {
      const needle = Buffer.alloc(2 + host.length + 4)
      needle.writeInt16BE(host.length, 0)
      needle.write(host, 2)
      needle.writeInt32BE(Number(port), 2 + host.length)
      for (let at = frame.indexOf(needle); at !== -1; at = frame.indexOf(needle, at + 1))
        copy.writeInt32BE(own, at + needle.length - 4)
    }
  }
  return copy
}
