/** `/status` as the terminal needs it, checked at the door: what answers may be another release. Fields that are not shown are left alone. */
import * as z from 'zod'

const range = z.object({ from: z.string(), until: z.string() })
const seconds = z.number().nullable()
const quantiles = z.object({
  count: z.number(),
  p50Seconds: seconds,
  p90Seconds: seconds,
  p99Seconds: seconds,
  p999Seconds: seconds,
})
const STATES = ['covered', 'settling', 'unread', 'gap', 'lost'] as const
const rangeLists = z.object({
  covered: z.array(range),
  settling: z.array(range),
  unread: z.array(range),
  gap: z.array(range),
  lost: z.array(range),
  omitted: z.number(),
})

const account = z.looseObject({
  account: z.string(),
  state: z.string(),
  since: z.string(),
  error: z.string().nullable(),
  errorCode: z.string().nullable(),
  remedy: z.string().nullable(),
  incarnation: z.number().nullable(),
  settledThrough: z.string().nullable(),
  coveredThrough: z.string().nullable(),
  oldestUnread: z.string().nullable(),
  gapSeconds: z.object({ open: z.number(), lost: z.number() }),
  requests: z.number(),
  throttledSeconds: z.number(),
  notBefore: z.string().nullable(),
  budgetRatio: z.number().nullable(),
  stretched: z.record(z.string(), z.number()),
  ranges: rangeLists.nullable(),
  hours: z.array(z.looseObject({ from: z.string(), state: z.enum(STATES) })).nullable(),
  lateness: z.object({ seen: quantiles, late: quantiles, changed: quantiles }).nullable(),
  recommendedSchedule: z
    .array(
      z.object({
        name: z.string(),
        everySeconds: z.number(),
        spanSeconds: z.number(),
        found: z.number(),
        neededSpanSeconds: seconds,
        reachesEnd: z.boolean(),
      }),
    )
    .nullable(),
  backfills: z.array(range.extend({ doneShare: z.number() })).nullable(),
})

export const statusSchema = z.looseObject({
  version: z.literal(1),
  name: z.string(),
  build: z.string(),
  accounts: z.array(account),
})

export type AccountReport = z.output<typeof account>
export type StatusDocument = z.output<typeof statusSchema>
export type Quantiles = z.output<typeof quantiles>
