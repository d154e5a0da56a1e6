/** A world whose history lies hours back, so that nothing moves in it any more unless a test says so. */
import { World, type WorldSettings } from './simulator/world.ts'

const SETTLED_MS = 6 * 3_600_000

export function settledWorld(settings: Omit<WorldSettings, 'now'>): World {
  let backMs = SETTLED_MS
  const world = new World({ lateShare: 0, changeShare: 0, longShare: 0, ...settings, now: () => Date.now() - backMs })
  backMs = 0
  return world
}
