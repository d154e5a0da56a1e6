/** How `plan` shows its figures, and how it ends; whether they are right is the forecast's business (`test/flow/forecast.test.ts`). */
import { describe, expect, test } from 'vitest'
import { runCommand } from '../support/command.ts'

const api = { requestsPerSecond: 1, pageSize: 100 }
const plan = (...args: string[]) => runCommand({ api }, ['plan', ...args])

describe('plan', () => {
  test('prints a table for each volume, without colours where there is no terminal', async () => {
    const { code, stdout, stderr } = await plan('--calls-per-day', '1000,2000')

    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).not.toContain('\u001b')
    const tables = stdout.trimEnd().split('\n\n')
    expect(tables.map(table => table.split('\n')[0])).toEqual([
      '1,000 calls a day, 1 request/s, 100 rows a page',
      '2,000 calls a day, 1 request/s, 100 rows a page',
    ])
    for (const table of tables) {
      const [, head, ...rows] = table.split('\n')
      expect(head).toMatch(/^what +requests +windows +note$/)
      expect(rows.map(row => row.split(/ {2,}/)[0])).toEqual([
        'first start',
        'hot, a day',
        'warm, a day',
        'cold, a day',
        'all, a day',
        expect.stringMatching(/^\d+ % of the budget$/),
      ])
    }
  })

  test('prints the same figures as one document of JSON', async () => {
    const { stdout } = await plan('--calls-per-day', '1000', '--json')
    const { plans } = JSON.parse(stdout)

    const [{ requestsPerDay }] = plans
    expect((await plan('--calls-per-day', '1000')).stdout).toMatch(
      new RegExp(`^all, a day +${requestsPerDay.toLocaleString('en-US')} `, 'm'),
    )
  })

  test('tells machines each volume with its schedules, shortest interval first', async () => {
    const { code, stdout } = await plan('--calls-per-day', '0,50000', '--json')
    const { requestsPerSecond, pageSize, plans } = JSON.parse(stdout)

    expect([code, requestsPerSecond, pageSize]).toEqual([0, 1, 100])
    expect(plans.map(({ callsPerDay }: { callsPerDay: number }) => callsPerDay)).toEqual([0, 50_000])
    for (const { catchesUp, catchUp, day, requestsPerDay, shareOfBudget, stretched } of plans) {
      expect([catchesUp, stretched]).toEqual([true, {}])
      expect(Object.keys(catchUp).sort()).toEqual(['durationMs', 'requests', 'windows'])
      expect(Object.keys(day)).toEqual(['hot', 'warm', 'cold'])
      const loads: { requests: number }[] = Object.values(day)
      expect(loads.reduce((sum, { requests }) => sum + requests, 0)).toBe(requestsPerDay)
      expect(shareOfBudget).toBeCloseTo(requestsPerDay / 86_400, 3)
    }
  })

  test('ends with 0 while every volume needs at most 70 % of the budget, and with 1 when one of them needs more', async () => {
    const comfortable = await plan('--calls-per-day', '50000')
    const tight = await plan('--calls-per-day', '1000,900000')

    expect([comfortable.code, tight.code]).toEqual([0, 1])
    expect(comfortable.stdout).not.toContain('more than 70 %')
    expect(tight.stdout).toContain('more than 70 %, too little is left for catching up after an outage')
    expect(tight.stdout).toMatch(/^hot, a day .*every \d+\.\d intervals$/m)
  })

  test('ends with 1, and says what to raise, when the reading never catches up', async () => {
    const crawling = { api: { requestsPerSecond: 0.01, pageSize: 25 } }
    const text = await runCommand(crawling, ['plan', '--calls-per-day', '100000'])
    const json = await runCommand(crawling, ['plan', '--calls-per-day', '100000', '--json'])

    expect([text.code, json.code]).toEqual([1, 1])
    expect(text.stdout).toContain('never catches up: raise api.requestsPerSecond or api.pageSize')
    expect(JSON.parse(json.stdout).plans).toEqual([{ callsPerDay: 100_000, catchesUp: false }])
  })

  test.each(['', '-5', '1e3', '1.5', 'many', '1,,2', '100000001', '99999999999999999999'])(
    'refuses "%s" as a number of calls with exit code 2 and plans nothing',
    async volumes => {
      const { code, stdout, stderr } = await plan('--calls-per-day', volumes)

      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toContain('--calls-per-day')
      expect(stderr).toContain('from 0 to 100000000')
    },
  )

  test('refuses what it does not know, and settings that are none, with exit code 2', async () => {
    const unknown = await plan('--callsperday', '5')
    const impossible = await runCommand({ api: { requestsPerSecond: 0 } }, ['plan'])

    expect([unknown.code, impossible.code]).toEqual([2, 2])
    expect(unknown.stderr).toContain('--callsperday')
    expect(impossible.stderr).toContain('api.requestsPerSecond')
  })
})
