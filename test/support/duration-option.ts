/** The value of an option `--for <duration>`, in milliseconds. */
import { InvalidArgumentError } from 'commander'
import { DURATION, durationMs } from '../../src/model/units.ts'

/** As in the settings: `90s`, `10m`. */
export function durationOption(text: string): number {
  if (DURATION.test(text)) return durationMs(text)
  throw new InvalidArgumentError('a duration such as 90s or 10m is expected')
}
