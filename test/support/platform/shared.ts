/**
 * The one platform of a test run. It is started when the first test asks for it, so a run of pure tests pays nothing, and
 * by the process that outlives all test files (vitest-setup.ts), so that they share it; they keep apart by their names.
 */
import { randomUUID } from 'node:crypto'
import { inject } from 'vitest'
import type { Reach } from './platform.ts'

declare module 'vitest' {
  interface ProvidedContext {
    platformUrl: string
  }
}

/** How long a first start may take, when everything must be fetched before: the timeout of a hook that calls `platform`. */
export const platformStartMs = 600_000

/** The run's platform, started if this is the first call. Nobody stops it but the run's end. */
export async function platform(): Promise<Reach> {
  const response = await fetch(inject('platformUrl'))
  const answer = (await response.json()) as { platform: Reach } | { error: string }
  if ('error' in answer) throw new Error(answer.error)
  return answer.platform
}

/** A name no other test uses, for topics, groups and subjects: `calls-3f2a91c07be4`. */
export const uniqueName = (prefix: string): string => `${prefix}-${randomUUID().replaceAll('-', '').slice(0, 12)}`
