/**
 * Kafka's own command-line tools, run next to the brokers: as Java processes from the Maven jars, or inside the broker's
 * container. They are the judge that shares no code with the connector.
 */
import type { Readable } from 'node:stream'
import { PassThrough } from 'node:stream'
import { dockerEngine } from './containers.ts'
import { javaCommand, javaHome, kafkaClass, quickStart } from './java-home.ts'
import type { Reach } from './platform.ts'
import { endGroup, spawnReaped } from './reaped.ts'

const tools = {
  'kafka-console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'kafka-consumer-perf-test': 'org.apache.kafka.tools.ConsumerPerformance',
} as const

export type KafkaTool = keyof typeof tools

export interface RunningTool {
  /** What the tool prints; ends when it has ended and all of it was read. Must be read, or the tool stands still. */
  readonly output: Readable
  /** Resolves when the tool has ended, with its exit code (null after a signal) and the end of its complaints. */
  readonly ended: Promise<{ code: number | null; complaints: string }>
  /** Asks it to end (SIGTERM): it still prints what it has, and leaves its group. */
  terminate(): Promise<void>
}

/** Runs a tool against the platform; `--bootstrap-server` is added. Throws when the platform has no place to run it. */
export async function runKafkaTool(reach: Reach, tool: KafkaTool, args: readonly string[]): Promise<RunningTool> {
  if (reach.tools?.via === 'docker')
    return runInContainer(reach.tools.container, [
      `/opt/kafka/bin/${tool}.sh`,
      '--bootstrap-server',
      reach.tools.bootstrap,
      ...args,
    ])
  const home = reach.tools?.home ?? (await toolsOfGivenPlatform())
  return runOnJava([
    ...quickStart,
    ...kafkaClass(home, tools[tool], { heap: '512m' }),
    '--bootstrap-server',
    reach.brokers.join(','),
    ...args,
  ])
}

async function toolsOfGivenPlatform(): Promise<string> {
  return javaHome().catch(error => {
    throw new Error('Kafka’s own consumer is needed beside the given platform: install Java 17 or newer and Maven', {
      cause: error,
    })
  })
}

function runOnJava(args: readonly string[]): RunningTool {
  const child = spawnReaped(javaCommand(), args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const { stdout, stderr } = child
  if (stdout === null || stderr === null) throw new Error('The tool was started without pipes')
  const complaints = lastWords(stderr)
  return {
    output: stdout,
    ended: new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', code => resolve({ code, complaints: complaints() }))
    }),
    terminate: () => endGroup(child, 'SIGTERM'),
  }
}

/** The engine can start a command in a container but not signal it, so the command leaves its process id in a file first. */
async function runInContainer(containerId: string, command: readonly string[]): Promise<RunningTool> {
  const { container: client } = await dockerEngine()
  const container = client.getById(containerId)
  const pidFile = `/tmp/tool-${crypto.randomUUID()}`
  const exec = await container.exec({
    Cmd: ['sh', '-c', `echo $$ > ${pidFile}; exec "$@"`, 'sh', ...command],
    // Its locale is not ours: without this it prints header names as question marks.
    Env: ['KAFKA_OPTS=-Dfile.encoding=UTF-8 -Dstdout.encoding=UTF-8'],
    AttachStdout: true,
    AttachStderr: true,
  })
  const stream = await exec.start({ hijack: true, stdin: false })
  const [output, stderr] = [new PassThrough(), new PassThrough()]
  client.dockerode.modem.demuxStream(stream, output, stderr)
  const complaints = lastWords(stderr)
  const signal = () => client.exec(container, ['sh', '-c', `kill -TERM $(cat ${pidFile})`])
  // If this process is killed the tool goes with the container, which is held already.
  const ended = new Promise<void>((resolve, reject) => {
    stream.once('error', reject)
    stream.once('end', resolve)
    stream.once('close', resolve)
  }).then(async () => {
    output.end()
    stderr.end()
    return { code: (await exec.inspect()).ExitCode, complaints: complaints() }
  })
  return {
    output,
    ended,
    async terminate() {
      await signal()
      await ended
    },
  }
}

function lastWords(stderr: Readable): () => string {
  let said = ''
  stderr.on('data', chunk => {
    said = (said + chunk).slice(-3_000)
  })
  return () => said.trim()
}
