/** `results.md`, section by section, so that each part of the bench can be run and written down alone. */
import { readFile, writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'

const FILE = join(import.meta.dirname, 'results.md')

export interface Section {
  readonly title: string
  /** How it was measured. */
  readonly about: string
  readonly rows: readonly (readonly [measure: string, value: string])[]
}

export function sectionText({ title, about, rows }: Section): string {
  const lines = rows.map(([measure, value]) => `| ${measure} | ${value} |`)
  return [`## ${title}`, '', about, '', '| measure | value |', '| --- | --- |', ...lines, ''].join('\n')
}

/** Takes the place of the section of the same title, or comes last. */
export async function writeSection(section: Section): Promise<void> {
  const [head = '', ...others] = (await readFile(FILE, 'utf8')).split(/^(?=## )/m)
  const isSame = (text: string) => text.startsWith(`## ${section.title}\n`)
  const texts = others.some(isSame)
    ? others.map(text => (isSame(text) ? sectionText(section) : text))
    : [...others, sectionText(section)]
  await writeFile(FILE, `${[head, ...texts].map(text => text.trimEnd()).join('\n\n')}\n`)
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** The machine and the day of a measurement. */
export function machineText(): string {
  const gib = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, ${gib} GiB`
}

export async function versionText(): Promise<string> {
  const { version }: { version: string } = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'))
  return `call-log-source ${version}, ${new Date().toISOString().slice(0, 10)}`
}
