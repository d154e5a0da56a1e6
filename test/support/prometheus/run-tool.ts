/** Short-lived programs, judged by their exit code; what they said belongs into the complaint. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

export interface Said {
  readonly code: number | null
  /** Standard output and standard error, as they came. */
  readonly text: string
}

/** Runs to the end. Throws when there is no such program. */
export async function hear(command: string, args: readonly string[], input = '', folder?: string): Promise<Said> {
  const child = spawn(command, args, { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
  }
  // One that does not read what it is given is judged by its exit code.
  child.stdin.on('error', () => undefined).end(input)
  const [code] = await once(child, 'close')
  return { code, text }
}

/** The same; throws when it does not end with 0, too. */
export async function runTool(command: string, args: readonly string[], folder?: string): Promise<void> {
  const { code, text } = await hear(command, args, '', folder)
  if (code !== 0) throw new Error(`${command} ${args[0]} ended with ${code}: ${text.trim().slice(-500)}`)
}
