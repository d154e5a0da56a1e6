/**
 * The sockets of one kafkajs client, so that it can be cut off at once. kafkajs's own `disconnect` waits up to the request timeout for
 * answers and reconnects on its own afterwards; a producer we gave up must neither send nor hear anything more.
 */
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ISocketFactory } from 'kafkajs'

const keepAliveMs = 60_000

export class Sockets {
  readonly #open = new Set<Socket>()
  #cut = false

  /** What kafkajs calls to connect. Throws once `cut` was called. */
  readonly factory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    if (this.#cut) throw new Error('this client was given up')
    // kafkajs passes null, against its types, when TLS is off.
    const socket = ssl
      ? connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl }, onConnect)
      : connect({ host, port }, onConnect)
    socket.setKeepAlive(true, keepAliveMs)
    // One request is one write: with Nagle its last segment waits for an acknowledgement.
    socket.setNoDelay(true)
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))
    return socket
  }

  /** True after `cut`. */
  isCut(): boolean {
    return this.#cut
  }

  /** Destroys every socket and refuses new ones; what waits for an answer is rejected by kafkajs. May be called twice. */
  cut(): void {
    this.#cut = true
    for (const socket of this.#open) socket.destroy(new Error('this client was given up'))
  }
}
