import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { openTerminal, type TerminalOptions } from '../../src/host/terminal.ts'

/** A stream that keeps what it is given, a terminal or not. */
class Kept extends EventEmitter {
  text = ''
  failure: Error | null = null
  readonly isTTY: boolean
  readonly columns: number

  constructor(columns?: number) {
    super()
    this.isTTY = columns !== undefined
    this.columns = columns ?? 0
  }

  write(chunk: string, done?: (error?: Error) => void): boolean {
    if (this.failure === null) this.text += chunk
    done?.(this.failure ?? undefined)
    return this.failure === null
  }
}

function terminalOn(out: Kept, err: Kept, env: NodeJS.ProcessEnv = {}) {
  return openTerminal({ out, err, env } as unknown as TerminalOptions)
}

describe('output', () => {
  test('has colours and a width on a terminal', () => {
    const terminal = terminalOn(new Kept(100), new Kept(100))

    expect(terminal.columns).toBe(100)
    expect(terminal.paint('red', 'no')).toBe('\u001b[31mno\u001b[39m')
  })

  test('has a usual width on a terminal that does not tell', () => {
    expect(terminalOn(new Kept(0), new Kept()).columns).toBe(80)
  })

  test('has neither elsewhere', () => {
    const terminal = terminalOn(new Kept(), new Kept(100), { FORCE_COLOR: '1' })

    expect(terminal.columns).toBeNull()
    expect(terminal.paint('red', 'no')).toBe('no')
  })

  test.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('has no colours under %o', env => {
    expect(terminalOn(new Kept(100), new Kept(), env).paint('red', 'no')).toBe('no')
  })

  test('is dropped when nobody reads it any more, and nothing is an error', async () => {
    const out = new Kept()
    const terminal = terminalOn(out, new Kept())
    await terminal.print('one\n')

    out.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    await terminal.print('two\n')

    expect(terminal.gone.aborted).toBe(true)
    expect(out.text).toBe('one\n')
  })
})

test('output that cannot be written is an error', async () => {
  const out = new Kept()
  out.failure = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })

  await expect(terminalOn(out, new Kept()).print('row\n')).rejects.toThrow('ENOSPC')
})

describe('progress', () => {
  test('is one line on a terminal, gone before anything else is printed', async () => {
    const err = new Kept(20)
    const terminal = terminalOn(new Kept(20), err)

    terminal.progress('reading')
    terminal.progress('reading')
    terminal.progress('a line that is longer than this terminal')
    await terminal.print('row\n')
    terminal.progress('')

    expect(err.text.split('\r\u001b[2K')).toEqual(['', 'reading', 'a line that is long', ''])
  })

  test('is silent elsewhere, but remarks are not', () => {
    const err = new Kept()
    const terminal = terminalOn(new Kept(100), err)

    terminal.progress('reading')
    terminal.remark('read')

    expect(err.text).toBe('read\n')
  })
})
