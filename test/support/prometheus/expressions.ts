/**
 * PromQL taken apart as far as names go, so that a renamed metric, label or value breaks a test: which series an expression selects, and by which
 * labels it groups. Whether it means what it should is for promtool's cases, whether it parses is for Prometheus.
 */
import { parse } from 'yaml'

export interface Matcher {
  readonly label: string
  readonly operator: '=' | '!=' | '=~' | '!~'
  readonly value: string
}

/** A series selector: `up{job="a"}`. */
export interface Selector {
  readonly text: string
  readonly metric: string
  readonly matchers: readonly Matcher[]
}

export interface Rule {
  readonly alert?: string
  readonly record?: string
  readonly expr: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

const TEXT = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`/.source
const BRACES = `\\{(?:${TEXT}|[^{}"'\`])*\\}`
const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/.source
/** Quoted texts, durations, numbers and groupings first, since names in them select nothing. */
const TOKEN = new RegExp(`${TEXT}|\\[[^\\]]*\\]|${GROUPING}|\\b\\d[\\w.]*|([a-zA-Z_:][\\w:]*)\\s*(${BRACES})?(\\s*\\()?`, 'g')
const WORDS = new Set(
  'and or unless bool offset atan2 inf nan by without on ignoring group_left group_right start end sum avg min max count group stddev stdvar topk bottomk quantile count_values'.split(
    ' ',
  ),
)

/** Every series selector, in order. A selector without a name is not one of ours and is not found. */
export function selectorsOf(expression: string): Selector[] {
  return [...expression.matchAll(TOKEN)].flatMap(([, , metric, braces = '', opened]) => {
    if (metric === undefined || opened !== undefined || WORDS.has(metric.toLowerCase())) return []
    return [{ text: metric + braces, metric, matchers: matchersOf(braces) }]
  })
}

/** Every label that the expression groups or matches by. */
export function groupingLabelsOf(expression: string): string[] {
  const groupings = [...expression.matchAll(new RegExp(GROUPING, 'g'))]
  return groupings.flatMap(([, labels = '']) => labels.split(',').map(label => label.trim())).filter(label => label !== '')
}

function matchersOf(braces: string): Matcher[] {
  return [...braces.matchAll(new RegExp(`(\\w+)\\s*(=~|!~|!=|=)\\s*(${TEXT})`, 'g'))].map(
    ([, label = '', operator, text = '']) => ({
      label,
      operator: operator as Matcher['operator'],
      value: text.startsWith('`') ? text.slice(1, -1) : text.slice(1, -1).replaceAll('\\\\', '\\'),
    }),
  )
}

/** The rules of a rule file, in order. */
export function rulesIn(file: string): Rule[] {
  const { groups } = parse(file) as { groups: { rules: Rule[] }[] }
  return groups.flatMap(({ rules }) => rules)
}
