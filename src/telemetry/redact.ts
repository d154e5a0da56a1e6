/**
 * Takes known secrets out of a JSON line. Only a line that holds one is parsed; then every string in it is cleaned, so that the line stays
 * valid JSON whatever the secret is made of, digits or quotes.
 */
const MASK = '***'
/** Anything shorter cannot be told from ordinary text: masking `on` would ruin every line and hide nothing. */
const MIN_SECRET_CHARACTERS = 4

/** A function that returns the line unchanged, or without any of the secrets, as they are, URL-encoded or in base64. */
export function redactor(secrets: readonly string[]): (jsonLine: string) => string {
  const forms = new Set(secrets.filter(secret => secret.length >= MIN_SECRET_CHARACTERS).flatMap(formsOf))
  // The longest first, or a secret that contains another would leave its rest behind.
  const longestFirst = [...forms].sort((a, b) => b.length - a.length)
  const escaped = longestFirst.map(form => JSON.stringify(form).slice(1, -1))

  const clean = (value: unknown): unknown => {
    if (typeof value === 'string') return longestFirst.reduce((text, form) => text.replaceAll(form, MASK), value)
    if (typeof value === 'number') return forms.has(String(value)) ? MASK : value
    if (Array.isArray(value)) return value.map(clean)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [clean(name), clean(inner)]))
  }
  return line => (escaped.some(form => line.includes(form)) ? `${JSON.stringify(clean(JSON.parse(line)))}\n` : line)
}

function formsOf(secret: string): string[] {
  return [secret, encodeURIComponent(secret.toWellFormed()), Buffer.from(secret).toString('base64')]
}
