/**
 * Walks settings as a file gives them: groups, lists and values, nothing known about their kinds yet.
 */

/** Where a setting stands: `['accounts', 0, 'url']`. */
export type Path = readonly (string | number)[]

/** The value at a path, or `undefined`. */
export function valueAt(settings: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, step) => {
    if (Array.isArray(value)) return typeof step === 'number' ? value[step] : undefined
    return isGroup(value) && Object.hasOwn(value, step) ? value[step] : undefined
  }, settings)
}

export function isGroup(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The settings without the sections in `names`. */
export function omit(settings: unknown, names: readonly string[]): unknown {
  return isGroup(settings) ? Object.fromEntries(Object.entries(settings).filter(([name]) => !names.includes(name))) : settings
}

/**
 * The settings without what counts as not written: names without a value or with an empty text, as `${TOKEN:-}` leaves behind. Items of
 * lists stay, since leaving one out would move the others.
 */
export function written(settings: unknown): unknown {
  if (Array.isArray(settings)) return settings.map(written)
  if (!isGroup(settings)) return settings
  const entries = Object.entries(settings).filter(([, value]) => value !== null && value !== undefined && value !== '')
  return Object.fromEntries(entries.map(([name, value]) => [name, written(value)]))
}
