/**
 * Standard output and standard error as commands for people use them: on a terminal with colours, a width and a line of progress, elsewhere
 * plain text without any of it. A reader that goes away early (`| head`) is the reader's right and no error.
 */
import { styleText } from 'node:util'

export type Colour = 'green' | 'yellow' | 'red' | 'bold' | 'dim'

export interface Terminal {
  /** Width of standard output when it is a terminal; `null` when it goes to a file or another program. */
  readonly columns: number | null
  /** Whether `progress` is seen: standard error is a terminal. */
  readonly showsProgress: boolean
  /** Aborts when nobody reads standard output any more. */
  readonly gone: AbortSignal
  /** Colours only on a terminal, and not under NO_COLOR. */
  paint(colour: Colour, text: string): string
  /**
   * To standard output, as it is; resolves when it was taken over, or at once when nobody reads any more. Rejects with the system's error for
   * everything else, a full disk above all.
   */
  print(text: string): Promise<void>
  /** A line on standard error, for people. */
  remark(line: string): void
  /** Replaces the line of progress on standard error when that is a terminal; empty text clears it. */
  progress(text: string): void
}

type Output = Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'write' | 'on'>

export interface TerminalOptions {
  readonly out?: Output
  readonly err?: Output
  readonly env?: NodeJS.ProcessEnv
}

const DEFAULT_COLUMNS = 80
const CLEAR_LINE = '\r\u001b[2K'

/** Listens for errors of standard output from now on. */
export function openTerminal({ out = process.stdout, err = process.stderr, env = process.env }: TerminalOptions = {}): Terminal {
  const gone = new AbortController()
  const hasColours = out.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb'
  const shows = err.isTTY === true && env.TERM !== 'dumb'
  let shown = ''

  const progress = (text: string) => {
    if (!shows || text === shown) return
    const room = (err.columns || DEFAULT_COLUMNS) - 1
    err.write(text === '' ? CLEAR_LINE : `${CLEAR_LINE}${text.slice(0, room)}`)
    shown = text
  }
  let told: unknown
  out.on('error', (error: Error) => {
    if (isGone(error)) gone.abort()
    else if (error !== told) throw error
  })

  return {
    get columns() {
      return out.isTTY === true ? out.columns || DEFAULT_COLUMNS : null
    },
    showsProgress: shows,
    gone: gone.signal,
    paint: (colour, text) => (hasColours ? styleText(colour, text, { validateStream: false }) : text),
    async print(text) {
      if (gone.signal.aborted) return
      progress('')
      await new Promise<void>((resolve, reject) => {
        out.write(text, error => {
          told = error
          if (error && !isGone(error)) reject(error)
          else resolve()
        })
      })
    },
    remark(line) {
      progress('')
      err.write(`${line}\n`)
    },
    progress,
  }
}

function isGone(error: Error): boolean {
  return 'code' in error && error.code === 'EPIPE'
}
