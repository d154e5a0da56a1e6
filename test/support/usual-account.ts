/** The options of an account as a test runs it: the default schedule, two partitions, once. */
import type { AccountOptions } from '../../src/flow/account.ts'
import { ALL_PLAIN, protectionOf } from '../../src/model/number-protection.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/window.ts'

export const usualAccount: AccountOptions = {
  account: 'main',
  numbers: protectionOf(ALL_PLAIN, undefined),
  events: { topic: 'events', partitions: 2 },
  deadLetters: { topic: 'dlq', partitions: 1 },
  keyOf: callId => callId,
  schedule: [
    { name: 'hot', everyMs: MINUTE_MS, spanMs: 30 * MINUTE_MS },
    { name: 'warm', everyMs: 30 * MINUTE_MS, spanMs: 6 * HOUR_MS },
    { name: 'cold', everyMs: DAY_MS, spanMs: 6 * DAY_MS },
  ],
  maxRowsPerRead: 5_000,
  ignored: new Set(),
  updates: 'publish',
  onRulesChange: 'adopt',
  settleMs: 5 * MINUTE_MS,
  retryFailedMs: 15 * MINUTE_MS,
  once: true,
  exitOnFailure: false,
}
