/** Python with packages from PyPI, in an environment of its own in the cache; everything that comes along is pinned by python-constraints.txt. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fetchedOnce } from './fetched.ts'

const run = promisify(execFile)
const constraints = join(import.meta.dirname, 'python-constraints.txt')
const deadlineMs = 9 * 60_000

/** The interpreter with `requirement` installed (`name[extra]==1.2.3`), fetched first if it is not there. Throws with what to install. */
export async function pythonWith(requirement: string): Promise<string> {
  // An environment is tied to the interpreter that made it.
  const version = await run('python3', ['-c', 'import sys; print(sys.version, sys.executable)']).catch(error => {
    throw new Error('No Python (python3 does not run): install Python 3.10 or newer, with venv', { cause: error })
  })
  const identity = ['python', version.stdout, readFileSync(constraints, 'utf8'), requirement].join('\n')
  const folder = await fetchedOnce(identity, async aside => {
    await run('python3', ['-m', 'venv', aside]).catch(error => {
      throw new Error('Python cannot make an environment: install its venv (Debian: python3-venv)', { cause: error })
    })
    // By the interpreter: the scripts beside it name the folder that is about to be renamed.
    const pip = ['-m', 'pip', 'install', '--quiet', '--constraint', constraints, requirement]
    await run(join(aside, 'bin', 'python'), pip, { timeout: deadlineMs }).catch(error => {
      throw new Error(`pip cannot install ${requirement}`, { cause: error })
    })
  })
  return join(folder, 'bin', 'python')
}
