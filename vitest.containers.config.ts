/** `npm run test:containers`: the built image on a Docker engine. Not part of `npm test`, which needs no engine. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/containers/**/*.test.ts'],
    globalSetup: ['test/containers/setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // All share one broker, and one of them stops it.
    fileParallelism: false,
  },
})
