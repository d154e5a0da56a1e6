/** The log of a connector that runs elsewhere, in a process or in a container, and waiting for what it says. */
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

export type LogLine = Readonly<Record<string, unknown>> & {
  readonly event?: string
  readonly level?: string
  readonly msg?: string
}

export class LogWatch {
  readonly lines: LogLine[] = []
  /** Everything on standard output and standard error, as it came. */
  output = ''
  stderr = ''
  private hasEnded = false
  private readonly waiting = new Set<() => void>()

  /** The first line with this event, waiting for it; fails at once when the connector ends without it. */
  async untilEvent(event: string, matches: (line: LogLine) => boolean = () => true, deadlineMs = 60_000): Promise<LogLine> {
    return this.until(`event ${event}`, () => this.lines.find(line => line.event === event && matches(line)), deadlineMs)
  }

  protected follow(stdout: Readable, stderr: Readable): void {
    createInterface({ input: stdout }).on('line', line => this.take(line))
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.output += text
      this.stderr += text
    })
  }

  /** Nothing more will come. */
  protected ended(): void {
    this.hasEnded = true
    for (const wake of this.waiting) wake()
  }

  private until<T>(what: string, look: () => T | undefined, deadlineMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        const found = look()
        if (found === undefined && !this.hasEnded) return
        this.waiting.delete(settle)
        clearTimeout(timer)
        if (found === undefined) reject(new Error(`the connector ended before ${what}:\n${this.output.slice(-2_000)}`))
        else resolve(found)
      }
      const timer = setTimeout(() => {
        this.waiting.delete(settle)
        reject(new Error(`no ${what} within ${deadlineMs} ms:\n${this.output.slice(-2_000)}`))
      }, deadlineMs)
      this.waiting.add(settle)
      settle()
    })
  }

  private take(line: string): void {
    this.output += `${line}\n`
    try {
      this.lines.push(JSON.parse(line))
    } catch {
      this.lines.push({ msg: line })
    }
    for (const wake of this.waiting) wake()
  }
}
