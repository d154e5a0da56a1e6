/** The expressions of a Grafana dashboard as Prometheus gets to see them: panels, rows within rows, annotations and the queries of its variables. */

/** What Grafana fills in by itself. */
const BUILT_IN: Readonly<Record<string, string>> = {
  __interval: '15s',
  __rate_interval: '1m',
  __range: '1h',
  __interval_ms: '15000',
  __range_s: '3600',
  __range_ms: '3600000',
}

interface Variable {
  readonly name?: unknown
  readonly type?: unknown
  readonly query?: unknown
}

/**
 * Every expression, with variables replaced: those of the dashboard by what `chosen` says, else by `.*` as Grafana does for "All". Throws for one that
 * the dashboard does not declare.
 */
export function expressionsOf(dashboard: object, chosen: Readonly<Record<string, string>> = {}): string[] {
  const variables = [...found(dashboard, 'templating')].flatMap(
    ({ templating }) => (templating as { list?: Variable[] }).list ?? [],
  )
  const values = new Map(Object.entries(BUILT_IN))
  for (const { name } of variables) if (typeof name === 'string') values.set(name, chosen[name] ?? '.*')

  const asked = [...found(dashboard, 'expr')].map(({ expr }) => String(expr))
  const listed = variables.filter(({ type }) => type === 'query').flatMap(({ query }) => seriesAskedFor(query))
  return [...asked, ...listed].map(expression => filledIn(expression, values))
}

/** Every object that has a property of this name, however deep. */
function* found(node: unknown, property: string): Generator<Record<string, unknown>> {
  if (typeof node !== 'object' || node === null) return
  if (!Array.isArray(node) && property in node) yield node as Record<string, unknown>
  for (const child of Object.values(node)) yield* found(child, property)
}

/** `label_values(metric, label)` and `query_result(expression)` are Grafana's, what they ask about is Prometheus's. */
function seriesAskedFor(query: unknown): string[] {
  const text =
    typeof query === 'string' ? query : typeof query === 'object' && query !== null && 'query' in query ? String(query.query) : ''
  const values = /^label_values\((?:(.+),)?\s*\w+\s*\)$/s.exec(text.trim())
  if (values !== null) return values[1] === undefined ? [] : [values[1].trim()]
  const result = /^query_result\((.+)\)$/s.exec(text.trim())
  return result?.[1] === undefined ? [] : [result[1]]
}

function filledIn(expression: string, values: ReadonlyMap<string, string>): string {
  return expression.replaceAll(/\$(\w+)|\$\{(\w+)(?::\w+)?\}|\[\[(\w+)\]\]/g, (written, plain, braced, old) => {
    const value = values.get(plain ?? braced ?? old)
    if (value === undefined) throw new Error(`the dashboard does not declare ${written}: ${expression}`)
    return value
  })
}
