/** A dialect as a probe may have found it. */
import type { Dialect } from '../../src/model/dialect.ts'

export function usualDialect(overrides: Partial<Dialect> = {}): Dialect {
  return {
    style: 'get-query',
    provedBy: 'bad_start_refused',
    limitIn: 'field',
    largestLimit: 100,
    page: 'index',
    offset: 'ignored',
    total: 'all',
    instants: 'offset',
    probedAtMs: 0,
    ...overrides,
  }
}
