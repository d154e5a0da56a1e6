/**
 * Vitest's global set-up: a rendezvous on loopback at which test files, each in a process of its own, meet the platform
 * (shared.ts). Only the first request starts it, and the tear-down stops it.
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestProject } from 'vitest/node'
import type { Platform, Reach } from './platform.ts'

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const cancelled = new AbortController()
  let starting: Promise<Platform> | undefined
  const platform = async () => {
    const { startPlatform } = await import('./platform.ts')
    return startPlatform({ signal: cancelled.signal, log: line => process.stderr.write(`[platform] ${line}\n`) })
  }

  const server = createServer((_, response) => {
    starting ??= platform()
    void answer(response, starting)
  })
  server.listen(0, '127.0.0.1')
  server.unref()
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  project.provide('platformUrl', `http://127.0.0.1:${port}/`)

  return async () => {
    cancelled.abort(new Error('the test run ended'))
    await starting?.then(
      started => started.stop(),
      () => undefined,
    )
    server.closeAllConnections()
    server.close()
  }
}

/** JSON, preceded by blanks for as long as the start takes: a client gives up on an answer that is silent for minutes. */
async function answer(response: ServerResponse, starting: Promise<Platform>): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json' })
  const blanks = setInterval(() => response.write(' '), 5_000)
  const told = await starting.then(
    ({ kind, brokers, registryUrl, tools }) => ({
      platform: { kind, brokers, registryUrl, ...(tools && { tools }) } satisfies Reach,
    }),
    error => ({ error: error instanceof Error ? error.message : String(error) }),
  )
  clearInterval(blanks)
  response.end(JSON.stringify(told))
}
