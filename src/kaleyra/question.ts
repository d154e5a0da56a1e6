/**
 * How a question about a window is put into fields. Both bounds are always sent: left out, each means "now", and an empty window looks like
 * success. `limit` travels as a field and as a header, because the vendor's page says one and shows the other.
 */
import type { Dialect } from '../model/dialect.ts'
import { instantText, type Window } from '../model/window.ts'

/** The part of the dialect in which questions are put; changes when the API is probed. */
export type Spoken = { -readonly [K in 'style' | 'instants']: Dialect[K] }

/** Until something else is proved: what the vendor's page shows. */
export const asDocumented = (): Spoken => ({ style: 'post-form', instants: 'z' })

/** The bounds of `window`, exactly. */
export function boundsOf({ fromMs, untilMs }: Window, { instants }: Pick<Spoken, 'instants'>): Record<string, string> {
  return { start_time: written(fromMs, instants), end_time: written(untilMs, instants) }
}

function written(instantMs: number, instants: Spoken['instants']): string {
  const text = instantText(instantMs)
  return instants === 'z' ? text : text.replace('Z', '+00:00')
}
