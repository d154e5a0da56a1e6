/**
 * Where a Unix socket is put, so that nobody but the owner can ever connect to it, and so that a second instance on the same machine neither
 * takes the path of the first nor goes without. It is opened in a private folder, closed to others there, and only then moved to its place.
 */
import { chmod, lstat, mkdtemp, rename, rm, rmdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConnectorError } from '../errors.ts'

/** A path of a socket holds 103 bytes on the systems that hold the least; a private folder takes nine of them for a moment. */
const MOST_PATH_BYTES = 94

export function defaultSocketPath(name: string): string {
  return join(tmpdir(), `call-log-source-${name}.sock`)
}

export interface PlacedSocket {
  readonly path: string
  /** Takes the socket away, unless another one is there by now. */
  remove(): Promise<void>
}

/**
 * Opens a socket with mode 0600 at `path`, or at `path` with `.<suffix>` behind it when a living process listens there; one that a dead process
 * left is replaced. `listen` opens it where it is told. Throws `PORT_UNAVAILABLE`.
 */
export async function placeSocket(
  path: string,
  suffix: string,
  listen: (path: string) => Promise<unknown>,
): Promise<PlacedSocket> {
  for (const candidate of [path, `${path}.${suffix}`]) {
    if (Buffer.byteLength(candidate) > MOST_PATH_BYTES)
      throw unavailable(candidate, `is longer than ${MOST_PATH_BYTES} bytes; set control.socket to a shorter path`)
    const found = await whatIsAt(candidate)
    if (found === 'other')
      throw unavailable(candidate, 'exists and is no socket; remove it, or set control.socket to another path')
    if (found === 'alive') continue
    try {
      return await openAt(candidate, listen)
    } catch (cause) {
      throw unavailable(
        candidate,
        `cannot be opened (${reasonOf(cause)}); set control.socket to a path that can be written`,
        cause,
      )
    }
  }
  throw unavailable(path, 'is in use by other instances; set control.socket to another path')
}

async function openAt(path: string, listen: (path: string) => Promise<unknown>): Promise<PlacedSocket> {
  const folder = await mkdtemp(`${path}.`)
  const inside = join(folder, 's')
  try {
    await listen(inside)
    await chmod(inside, 0o600)
    await rename(inside, path)
  } finally {
    await rm(inside, { force: true })
    await rmdir(folder)
  }
  const { ino } = await lstat(path)
  const remove = async () => {
    const there = await lstat(path).catch(() => null)
    if (there?.ino === ino) await rm(path, { force: true })
  }
  return { path, remove }
}

async function whatIsAt(path: string): Promise<'nothing' | 'dead' | 'alive' | 'other'> {
  const stat = await lstat(path).catch(() => null)
  if (stat === null) return 'nothing'
  if (!stat.isSocket()) return 'other'
  return await new Promise(resolve => {
    const socket = connect(path)
    socket.on('connect', () => resolve('alive')).on('connect', () => socket.destroy())
    // Whoever may not connect cannot tell: it is treated as alive.
    socket.on('error', error => resolve(['ECONNREFUSED', 'ENOENT'].includes(reasonOf(error)) ? 'dead' : 'alive'))
  })
}

function unavailable(path: string, why: string, cause?: unknown): ConnectorError {
  return new ConnectorError('PORT_UNAVAILABLE', `the control socket ${path} ${why}`, { cause })
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason'
}
