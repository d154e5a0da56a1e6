/** How `plan` shows its figures; whether they are right is the forecast's business. */
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
})
