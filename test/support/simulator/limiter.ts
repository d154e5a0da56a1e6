/** The API's own request limit: a token bucket on the world's clock, which tells a refused caller when to come back. */
import type { SimulatorOptions } from './options.ts'

export class Limiter {
  private tokens: number | null = null
  private filledAtMs = 0

  /** Takes a token; `null` when there was one, else after how many whole seconds there will be. */
  refusal(nowMs: number, options: SimulatorOptions): number | null {
    const rate = options.requestsPerSecond
    if (rate === null) return null
    const grown = this.tokens === null ? options.burst : this.tokens + (Math.max(0, nowMs - this.filledAtMs) / 1000) * rate
    this.tokens = Math.min(options.burst, grown)
    this.filledAtMs = nowMs
    if (this.tokens < 1 - 1e-9) return Math.max(1, Math.ceil((1 - this.tokens) / rate))
    this.tokens -= 1
    return null
  }

  headers(options: SimulatorOptions): Record<string, string> {
    if (!options.rateHeaders || options.requestsPerSecond === null) return {}
    const left = this.tokens ?? options.burst
    return {
      'X-RateLimit-Limit': String(options.burst),
      'X-RateLimit-Remaining': String(Math.floor(left + 1e-9)),
      'X-RateLimit-Reset': String(Math.ceil(Math.max(0, options.burst - left) / options.requestsPerSecond)),
    }
  }
}
