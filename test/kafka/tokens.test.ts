import { describe, expect, test } from 'vitest'
import { ConnectorError } from '../../src/errors.ts'
import type { AccessToken, TokenLogin } from '../../src/kafka/token-request.ts'
import { Tokens } from '../../src/kafka/tokens.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const login: TokenLogin = { tokenEndpoint: 'https://id.example.com/token', clientId: 'me', clientSecret: 'first' }
const down = () => new ConnectorError('KAFKA_UNREACHABLE', 'the token endpoint is down')
const no = () => new ConnectorError('KAFKA_UNAUTHORIZED', 'the token endpoint refuses')

/** Tokens of a server that numbers them; `trouble` is thrown while it is set. */
function tokensOf({ lifetimeMs = 3_600_000, reread }: { lifetimeMs?: number; reread?: () => TokenLogin | undefined } = {}) {
  const clock = new VirtualClock({ mode: 'manual' })
  const server = { trouble: null as ((login: TokenLogin) => Error | null) | null, asked: [] as string[] }
  const ask = async (by: TokenLogin): Promise<AccessToken> => {
    server.asked.push(by.clientSecret)
    const trouble = server.trouble?.(by)
    if (trouble) throw trouble
    return { value: `token-${server.asked.length}`, lifetimeMs }
  }
  const tokens = new Tokens({ ask, login, clock, ...(reread !== undefined && { reread }) })
  return { clock, server, tokens }
}

describe('a token', () => {
  test('is asked for once, however many want it at a time', async () => {
    const { server, tokens } = tokensOf()

    const values = await Promise.all([tokens.token(), tokens.token(), tokens.token()])

    expect([values, server.asked.length]).toEqual([['token-1', 'token-1', 'token-1'], 1])
  })

  test('is kept for four fifths of its life', async () => {
    const { clock, tokens } = tokensOf()
    await tokens.token()

    clock.pass(2_879_999)
    const kept = await tokens.token()
    clock.pass(1)
    const renewed = await tokens.token()

    expect([kept, renewed]).toEqual(['token-1', 'token-2'])
  })

  test('of half a minute is kept until twelve seconds before its end, so that a session it opens is not over at once', async () => {
    const { clock, tokens } = tokensOf({ lifetimeMs: 30_000 })
    await tokens.token()

    clock.pass(17_999)
    const kept = await tokens.token()
    clock.pass(1)

    expect([kept, await tokens.token()]).toEqual(['token-1', 'token-2'])
  })

  test.each([0, 10_000])('that lives %i ms, as far as is known, is not kept', async lifetimeMs => {
    const { tokens } = tokensOf({ lifetimeMs })

    expect([await tokens.token(), await tokens.token()]).toEqual(['token-1', 'token-2'])
  })

  test('that cannot be renewed is used on, but not into the last seconds of its life', async () => {
    const { clock, server, tokens } = tokensOf()
    await tokens.token()
    server.trouble = down
    clock.pass(3_587_999)

    const used = await tokens.token()
    clock.pass(1)

    expect(used).toBe('token-1')
    await expect(tokens.token()).rejects.toThrow('the token endpoint is down')
  })

  test('that is refused is not used on: the client may have been shut out', async () => {
    const { clock, server, tokens } = tokensOf()
    await tokens.token()
    server.trouble = no
    clock.pass(2_880_000)

    await expect(tokens.token()).rejects.toMatchObject({ code: 'KAFKA_UNAUTHORIZED' })
  })
})

describe('a failure', () => {
  test('is told to all who ask within a second, and then the server is asked again', async () => {
    const { clock, server, tokens } = tokensOf()
    server.trouble = down
    const both = await Promise.allSettled([tokens.token(), tokens.token()])
    server.trouble = null
    clock.pass(999)
    const soon = await Promise.allSettled([tokens.token()])
    clock.pass(1)

    expect([...both, ...soon].map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(server.asked).toHaveLength(1)
    expect(await tokens.token()).toBe('token-2')
  })

  test('of credentials makes the settings be read again: a secret that was changed is used', async () => {
    const { server, tokens } = tokensOf({ reread: () => ({ ...login, clientSecret: 'second' }) })
    server.trouble = ({ clientSecret }) => (clientSecret === 'first' ? no() : null)

    expect(await tokens.token()).toBe('token-2')
    expect(server.asked).toEqual(['first', 'second'])
  })

  test('of credentials counts when the settings still say the same, or cannot be read', async () => {
    const same = tokensOf({ reread: () => ({ ...login }) })
    const unreadable = tokensOf({
      reread: () => undefined,
    })
    for (const { server, tokens } of [same, unreadable]) {
      server.trouble = no

      await expect(tokens.token()).rejects.toThrow('the token endpoint refuses')
      expect(server.asked).toEqual(['first'])
    }
  })

  test('of the server alone does not', async () => {
    const { server, tokens } = tokensOf({ reread: () => ({ ...login, clientSecret: 'second' }) })
    server.trouble = down

    await expect(tokens.token()).rejects.toThrow('the token endpoint is down')
    expect(server.asked).toEqual(['first'])
  })
})

describe('kept fresh', () => {
  function keptFresh(lifetimeMs?: number) {
    const stop = new AbortController()
    const parts = tokensOf(lifetimeMs === undefined ? {} : { lifetimeMs })
    const unrenewed: number[] = []
    const ended = parts.tokens.keepFresh((_, leftMs) => unrenewed.push(leftMs), stop.signal)
    const end = async () => {
      stop.abort()
      await ended
    }
    return { ...parts, unrenewed, end }
  }

  test('a token is renewed before anybody needs it, from the first that was needed on', async () => {
    const { clock, server, tokens, end } = keptFresh()
    await clock.advance(10_000_000)
    const before = server.asked.length
    await tokens.token()

    await clock.advance(2_880_000)
    await clock.advance(2_880_000)

    expect([before, server.asked.length, await tokens.token()]).toEqual([0, 3, 'token-3'])
    await end()
    expect(clock.asleep).toBe(0)
  })

  test('it is tried again, less and less often, while the server is down, and nobody notices', async () => {
    const { clock, server, tokens, unrenewed, end } = keptFresh()
    await tokens.token()
    server.trouble = down
    await clock.advance(2_880_000)
    await clock.advance(20_000)
    const meanwhile = await tokens.token()
    server.trouble = null
    await clock.advance(30_000)

    expect(meanwhile).toBe('token-1')
    expect(unrenewed).toEqual([708_000, 706_000, 702_000, 694_000])
    expect(await tokens.token()).toBe('token-7')
    await end()
  })

  test('one that is not kept is not renewed', async () => {
    const { clock, server, tokens, end } = keptFresh(0)
    await tokens.token()
    await clock.advance(10_000_000)

    expect(server.asked).toHaveLength(1)
    await end()
  })
})
