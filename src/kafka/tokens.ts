/**
 * The token all connections of one client log in with. It is asked for once however many connections open at a time, kept until four fifths
 * of its life are over, and then renewed ahead of need, so that an authorization server that is down for a while is not noticed.
 *
 *   age 0 ──────────── kept ──────────── 80 % ── renewed; else still used ── life − 12 s ── of no use
 */
import { ConnectorError, codeOf } from '../errors.ts'
import type { Clock } from '../ports.ts'
import type { AccessToken, TokenLogin } from './token-request.ts'

export interface TokensOptions {
  /** Asks the token endpoint, once. Throws coded errors. */
  readonly ask: (login: TokenLogin) => Promise<AccessToken>
  readonly login: TokenLogin
  /** The login as the settings say now: a secret that was refused may have been changed since the start. Must not throw. */
  readonly reread?: () => TokenLogin | undefined
  readonly clock: Clock
}

interface HeldToken extends AccessToken {
  /** On the monotonic clock. */
  readonly askedMs: number
}

/** Why a token could not be renewed, and for how many milliseconds the one at hand can still be used. */
export type OnUnrenewed = (error: unknown, leftMs: number) => void

const KEPT_SHARE = 0.8
/**
 * kafkajs logs a connection in again ten seconds before its session ends, and a session ends with its token. With a token that is nearer to
 * its end it would do so before every request, which Kafka allows once a second.
 */
const MARGIN_MS = 12_000
/** Nobody asks again so soon after a failure. */
const PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000

export class Tokens {
  readonly #options: TokensOptions
  #login: TokenLogin
  #held: HeldToken | null = null
  #asking: Promise<HeldToken> | null = null
  #failure: { readonly error: unknown; readonly untilMs: number } | null = null
  #firstHeld = Promise.withResolvers<void>()

  constructor(options: TokensOptions) {
    this.#options = options
    this.#login = options.login
  }

  /**
   * A token that can be used now. Throws `KAFKA_UNAUTHORIZED` when the authorization server refuses, also after the settings were read
   * again, and `KAFKA_UNREACHABLE` when it gives none and the one at hand is too old.
   */
  async token(): Promise<string> {
    const held = this.#held
    if (held !== null && this.#ageMs(held) < keptMs(held)) return held.value
    try {
      return (await this.#renew()).value
    } catch (error) {
      if (held === null || codeOf(error) !== 'KAFKA_UNREACHABLE' || this.#leftMs(held) <= 0) throw error
      return held.value
    }
  }

  /** Renews ahead of need, from the first token on, until `signal` aborts. Resolves then; never throws. */
  async keepFresh(onUnrenewed: OnUnrenewed, signal: AbortSignal): Promise<void> {
    const stopped = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => stopped.resolve(), { once: true })
    if (signal.aborted) return
    await Promise.race([this.#firstHeld.promise, stopped.promise])
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#options.clock.sleep(this.#untilDueMs(failures), signal)
      } catch {
        return
      }
      const held = this.#held
      if (held !== null && this.#ageMs(held) < keptMs(held)) continue
      try {
        await this.#renew()
        failures = 0
      } catch (error) {
        failures += 1
        onUnrenewed(error, held === null ? 0 : Math.max(0, this.#leftMs(held)))
      }
    }
  }

  /** Shared by everybody who waits, and so is its failure, for a moment. */
  #renew(): Promise<HeldToken> {
    const { clock } = this.#options
    if (this.#failure !== null && clock.monotonic() < this.#failure.untilMs) return Promise.reject(this.#failure.error)
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null
    })
    return this.#asking
  }

  async #ask(): Promise<HeldToken> {
    const { clock } = this.#options
    const askedMs = clock.monotonic()
    try {
      const held = { ...(await this.#askOrReread()), askedMs }
      this.#held = held
      this.#failure = null
      this.#firstHeld.resolve()
      return held
    } catch (error) {
      this.#failure = { error, untilMs: clock.monotonic() + PAUSE_MS }
      throw error
    }
  }

  /** A refusal counts only when the settings still say what was refused. */
  async #askOrReread(): Promise<AccessToken> {
    const { ask, reread } = this.#options
    try {
      return await ask(this.#login)
    } catch (error) {
      if (!(error instanceof ConnectorError) || error.code !== 'KAFKA_UNAUTHORIZED') throw error
      const login = reread?.()
      if (login === undefined || JSON.stringify(login) === JSON.stringify(this.#login)) throw error
      this.#login = login
      return await ask(login)
    }
  }

  #untilDueMs(failures: number): number {
    const held = this.#held
    if (failures > 0) return Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** failures)
    // What is not kept is asked for when it is needed.
    if (held === null || keptMs(held) <= 0) return Number.POSITIVE_INFINITY
    return Math.max(0, keptMs(held) - this.#ageMs(held))
  }

  #ageMs({ askedMs }: HeldToken): number {
    return this.#options.clock.monotonic() - askedMs
  }

  #leftMs(held: HeldToken): number {
    return held.lifetimeMs - MARGIN_MS - this.#ageMs(held)
  }
}

/** How old a token may become before a new one is asked for; 0 or less for one that is too short-lived to keep. */
function keptMs({ lifetimeMs }: AccessToken): number {
  return Math.min(KEPT_SHARE * lifetimeMs, lifetimeMs - MARGIN_MS)
}
