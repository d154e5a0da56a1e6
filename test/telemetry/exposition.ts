/** A strict reader of the Prometheus text format: refuses samples without HELP and TYPE, and what is announced twice. */
export interface Family {
  readonly help: string
  readonly type: string
  /** By `name{labels}` as printed. */
  readonly samples: Map<string, number>
}

export function parseExposition(text: string): Map<string, Family> {
  const families = new Map<string, Family>()
  let help = { name: '', text: '' }
  let current = { name: '', family: undefined as Family | undefined }
  for (const line of text.split('\n').filter(one => one !== '')) {
    const announced = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line)
    if (announced !== null) {
      const [, what, name = '', rest = ''] = announced
      if (what === 'HELP') help = { name, text: rest }
      else {
        if (help.name !== name || families.has(name)) throw new Error(`${name} is announced twice or without HELP`)
        current = { name, family: { help: help.text, type: rest, samples: new Map() } }
        families.set(name, current.family!)
      }
      continue
    }
    const sample = /^([a-z_:][a-z0-9_:]*)(\{(?:[a-z_]+="[^"\\]*",?)*\})? (\S+)$/i.exec(line)
    if (sample === null) throw new Error(`not a sample: ${line}`)
    const [, name = '', labels = '', value = ''] = sample
    const own = /histogram|summary/.test(current.family?.type ?? '') ? name.replace(/_(bucket|sum|count)$/, '') : name
    if (own !== current.name) throw new Error(`${name} was not announced`)
    current.family?.samples.set(`${name}${labels}`, Number(value))
  }
  return families
}
