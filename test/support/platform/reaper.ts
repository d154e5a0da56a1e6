/**
 * The platform's undertaker, a process of its own: it holds the reading end of a pipe from the process that started a
 * platform. However that process ends (done, Ctrl-C, crash, kill -9), the pipe ends with it, and everything still on the
 * list is then ended too: process groups killed, containers and folders removed. Nothing else can promise this, since a
 * process that is killed runs no more code.
 *
 * Lines on standard input: `hold <kind> <name>` and `drop <kind> <name>`; kinds: group (a process group's id), folder,
 * container, network.
 */
import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const held = new Set<string>()
for await (const line of createInterface({ input: process.stdin })) {
  const [verb = '', kind = '', ...name] = line.split(' ')
  const holding = `${kind} ${name.join(' ')}`
  if (verb === 'hold') held.add(holding)
  else held.delete(holding)
}

const named = (kind: string) =>
  [...held].filter(holding => holding.startsWith(`${kind} `)).map(holding => holding.slice(kind.length + 1))

const groups = named('group').map(Number)
for (const group of groups) signalled(group, 'SIGKILL')
// A process that dies may still be writing into the folder that is to go.
for (let waits = 0; waits < 100 && groups.some(group => signalled(group, 0)); waits++) await sleep(50)
for (const folder of named('folder')) await rm(folder, { recursive: true, force: true, maxRetries: 5 }).catch(() => undefined)

const [containers, networks] = [named('container'), named('network')]
if (containers.length + networks.length > 0) {
  const { getContainerRuntimeClient } = await import('testcontainers')
  const { dockerode } = (await getContainerRuntimeClient()).container
  for (const id of containers)
    await dockerode
      .getContainer(id)
      .remove({ force: true, v: true })
      .catch(() => undefined)
  for (const id of networks)
    await dockerode
      .getNetwork(id)
      .remove()
      .catch(() => undefined)
}

/** Whether the group was there to take the signal; 0 only asks. */
function signalled(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal)
  } catch {
    return false
  }
}
