/**
 * Loaded before the program (`node --import`) where it is the first process of a container: the kernel spares that one every signal it does not
 * listen for, so a stop that comes while the program is still loading would be lost, and half a minute later it would be killed. As long as
 * nobody else listens, a signal ends it as it would end any other process.
 */
import { constants } from 'node:os'

for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.on(signal, () => {
    if (process.listenerCount(signal) === 1) process.exit(128 + constants.signals[signal])
  })
