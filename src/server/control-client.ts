/**
 * Talks to the control channels of the connectors of one name on this machine, or to the one at a host and port. Several instances on one machine
 * have sockets side by side; each is asked.
 */
import { lstat, readdir } from 'node:fs/promises'
import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import { userInfo } from 'node:os'
import { basename, dirname, join } from 'node:path'

export type ControlTarget =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly token: string }

export interface Question {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: object
}

/** What became of one instance's question. `absent`: nobody listens there. */
export type Reply =
  | { readonly kind: 'answer'; readonly where: string; readonly status: number; readonly body: unknown }
  | { readonly kind: 'absent'; readonly where: string }
  | { readonly kind: 'failed'; readonly where: string; readonly why: string }

/** Longer than an order may take. */
const SILENCE_MS = 30_000
const MAX_ANSWER_BYTES = 8 * 1024 * 1024

/** Never throws; one reply for each instance that could be there, at least one. */
export async function ask(target: ControlTarget, question: Question): Promise<Reply[]> {
  if (target.kind === 'tcp') {
    const { host, port, token } = target
    return [await askOne(`${host}:${port}`, { host, port, headers: { authorization: `Bearer ${token}` } }, question)]
  }
  const paths = await socketsAt(target.path)
  return await Promise.all(paths.map(path => askSocket(path, question)))
}

/** The path itself, and those that instances took beside it: `<path>.<process id>`. */
async function socketsAt(path: string): Promise<string[]> {
  const names = await readdir(dirname(path)).catch(() => [])
  const beside = names.filter(name => name.startsWith(`${basename(path)}.`) && /\.\d+$/.test(name))
  return [path, ...beside.map(name => join(dirname(path), name))]
}

async function askSocket(path: string, question: Question): Promise<Reply> {
  const stat = await lstat(path).catch(() => null)
  if (stat === null || !stat.isSocket()) return { kind: 'absent', where: path }
  const { uid } = userInfo()
  // In a folder that everybody may write to, anybody could have put it there.
  if (uid > 0 && stat.uid !== uid) return { kind: 'failed', where: path, why: 'the socket belongs to another user' }
  return await askOne(path, { socketPath: path }, question)
}

function askOne(where: string, options: RequestOptions, { method, path, body }: Question): Promise<Reply> {
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = { ...options.headers, host: 'localhost', ...(body !== undefined && { 'content-type': 'application/json' }) }
  return new Promise(resolve => {
    const failed = (why: string) => resolve({ kind: 'failed', where, why })
    const asked = request({ ...options, method, path, headers, timeout: SILENCE_MS }, response => {
      textOf(response).then(
        answer => {
          try {
            resolve({ kind: 'answer', where, status: response.statusCode ?? 0, body: JSON.parse(answer) })
          } catch {
            failed('what answers there is no connector')
          }
        },
        () => failed('the answer broke off'),
      )
    })
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${SILENCE_MS / 1_000} s`)))
    asked.on('error', error => {
      const code = 'code' in error ? String(error.code) : error.message
      if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve({ kind: 'absent', where })
      else failed(code)
    })
    asked.end(text)
  })
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES) throw new Error('too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
