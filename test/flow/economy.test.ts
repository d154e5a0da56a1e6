import { expect, test } from 'vitest'
import { measureDay } from '../bench/day.ts'

test('a simulated day of 50,000 calls, some late and some changing, costs at most one and a half times the arithmetic minimum', async () => {
  const { life, minimum, allMinimum } = await measureDay()
  const { day } = life

  expect(day.created).toBeGreaterThan(49_000)
  expect(day.allRequests).toBeLessThanOrEqual(1.5 * allMinimum)
  expect(day.requests.backfill ?? 0).toBe(0)
  // The minimum is no straw man: well below reading each span of the schedule at each of its ticks, which is 24,840 requests.
  expect(allMinimum).toBeLessThan(12_500)
  expect(minimum.hot).toBeGreaterThan(2 * 1_440)
}, 900_000)
