import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // They need a Docker engine: `npm run test:containers`.
    exclude: ['test/containers/**'],
    globalSetup: ['test/support/platform/vitest-setup.ts'],
    setupFiles: ['test/support/property-seed.ts'],
    // For what hangs: how fast a machine is says nothing about the code.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // One more than the two cores of the smallest machine: much of a test is waiting for sessions to end, brokers to start and retries.
    maxWorkers: 3,
  },
})
