/**
 * Where settings come from: the file, the environment and the secret files it names. Everything is read anew at each call, so that calling
 * again after an authentication failure finds a secret that was changed meanwhile.
 */
import { codeOf } from '../errors.ts'
import { type Need, parseSettings, type Settings, unneededSections } from '../settings.ts'
import { interpolate, type Sources } from './interpolation.ts'
import { readSettingsFile, readTextFile } from './settings-file.ts'

const MAX_SECRET_BYTES = 65_536

/**
 * The settings in the YAML or JSON file at `path`; paths, also those in the file, are relative to the working directory. Only what is
 * needed is checked and interpolated, see `parseSettings`. Values that came from the environment or a file are treated like written ones:
 * shown in complaints, unless the setting is secret or the value holds a secret. Throws `SETTINGS_INVALID`.
 */
export function loadSettings(path: string, needs?: readonly Need[], env: NodeJS.ProcessEnv = process.env): Settings {
  const raw = readSettingsFile(path)
  const { settings, unreadable } = interpolate(raw, unneededSections(needs), sourcesOf(env))
  return parseSettings(settings, needs, unreadable)
}

/** The same again later; settings that cannot be read at that moment say nothing new. */
export function rereadSettings(path: string, needs?: readonly Need[]): Settings | undefined {
  try {
    return loadSettings(path, needs)
  } catch (error) {
    if (codeOf(error) !== 'SETTINGS_INVALID') throw error
    return undefined
  }
}

/** What HTTPS goes through; plain http, which stays on this machine, never takes a proxy. */
export function proxyVariables(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const names = ['HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy']
  return Object.fromEntries(names.flatMap(name => (env[name] === undefined ? [] : [[name, env[name]]])))
}

function sourcesOf(env: NodeJS.ProcessEnv): Sources {
  return {
    variable: name => env[name],
    file: path => {
      const file = readTextFile(path, MAX_SECRET_BYTES)
      return 'text' in file ? { text: file.text.replace(/\r?\n$/, '') } : file
    },
  }
}
