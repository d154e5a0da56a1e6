/**
 * A real Kafka and a real schema registry for tests, demo and bench, on any machine: those that the environment names, else
 * containers, else plain Java processes. Nothing is ever skipped for want of them: a machine that offers none of the three
 * is told what to install.
 */
import { firstWay } from '../first-way.ts'
import { startOnDocker } from './docker.ts'
import { startOnJava } from './java.ts'

export interface StartOptions {
  /** Three brokers replicate every topic threefold with two in sync, for tests that kill some. */
  readonly brokers?: 1 | 3 | undefined
  /** Gives every broker a second listener, on which clients log in with tokens (OAUTHBEARER). */
  readonly logins?: LoginOptions | undefined
  /** Cancels the start; a platform that runs already is ended by `stop`. */
  readonly signal?: AbortSignal | undefined
  /** Hears which platform was chosen, and why others were not. */
  readonly log?: ((line: string) => void) | undefined
}

export interface LoginOptions {
  /** The public keys of whoever signs the tokens, as a JSON Web Key Set. */
  readonly jwks: string
  readonly audience: string
  /** How long a login holds at most, in milliseconds. */
  readonly sessionMs: number
}

/** What is needed to use a platform: plain data, so that it can be handed to another process. */
export interface Reach {
  readonly kind: 'given' | 'docker' | 'java'
  /** Bootstrap addresses, host:port. */
  readonly brokers: string[]
  /** The same brokers where clients log in with tokens; empty unless asked for. */
  readonly loginBrokers?: string[]
  /** Base of the Confluent API, without a slash at its end. */
  readonly registryUrl: string
  /** Where Kafka's own tools run; `bootstrap` is the cluster as seen from there. Without it, Java and Maven must be here. */
  readonly tools?:
    | { readonly via: 'java'; readonly home: string }
    | { readonly via: 'docker'; readonly container: string; readonly bootstrap: string }
}

export interface Platform extends Reach {
  /** One broker, counted from 1, to break and mend. Throws on a platform that was given: it is not ours to break. */
  broker(id: number): BrokerHandle
  /** Ends everything that was started and removes what it wrote. Safe to call twice. Does nothing to a given platform. */
  stop(): Promise<void>
}

export interface BrokerHandle {
  readonly address: string
  /** Resolves when the broker is gone. SIGTERM lets it hand over first. */
  kill(by?: 'SIGKILL' | 'SIGTERM'): Promise<void>
  /** The same broker with the same data; resolves when it answers, which is before its replicas have caught up. */
  start(): Promise<void>
  /** Stops it in its tracks with every connection open, as a machine that hangs; `thaw` lets it go on. */
  freeze(): Promise<void>
  thaw(): Promise<void>
}

/** Starts the first platform that works here; throws one error naming every way that was tried and what it lacked. */
export async function startPlatform(options: StartOptions = {}): Promise<Platform> {
  const given = givenPlatform(process.env)
  if (given === undefined) return startOwnPlatform(options)
  options.log?.(`Kafka at ${given.brokers.join(', ')} and registry at ${given.registryUrl}, as the environment says`)
  return given
}

/** A platform for tests that break it, whatever the environment names. Throws like `startPlatform`. */
export async function startOwnPlatform(options: StartOptions = {}): Promise<Platform> {
  return startFirst({ Docker: startOnDocker, Java: startOnJava }, options)
}

type Start = (options: StartOptions) => Promise<Platform>

/** Tries the ways in order. */
export function startFirst(ways: Readonly<Record<string, Start>>, options: StartOptions): Promise<Platform> {
  const { log = () => {}, signal } = options
  return firstWay(Object.fromEntries(Object.entries(ways).map(([name, start]) => [name, () => start(options)])), {
    remedy,
    signal,
    onLack: (name, reason) => log(`Not on ${name}: ${reason}`),
    onFound: (name, { brokers, registryUrl }) => log(`Kafka at ${brokers.join(', ')} and registry at ${registryUrl}, on ${name}`),
  })
}

const remedy = `No Kafka and schema registry could be started. Do one of these:
- set KAFKA_BROKERS (host:port,...) and SCHEMA_REGISTRY_URL to a Kafka 4.x and a registry with Confluent's API;
- install Docker, with apache/kafka:4.3.1 and quay.io/apicurio/apicurio-registry:3.0.9 present or pullable;
- install Java 17 or newer and Maven.`

/** The platform that the environment names, if it names one. Throws when it names only half of one. */
export function givenPlatform(env: Readonly<Record<string, string | undefined>>): Platform | undefined {
  const { KAFKA_BROKERS: brokers = '', SCHEMA_REGISTRY_URL: registryUrl = '' } = env
  if (brokers === '' && registryUrl === '') return undefined
  if (brokers === '' || registryUrl === '') {
    const [set, missing] =
      registryUrl === '' ? ['KAFKA_BROKERS', 'SCHEMA_REGISTRY_URL'] : ['SCHEMA_REGISTRY_URL', 'KAFKA_BROKERS']
    throw new Error(`${set} is set but ${missing} is not: set both to use a platform of yours, or neither to have one started`)
  }
  return {
    kind: 'given',
    brokers: brokers.split(',').map(broker => broker.trim()),
    registryUrl: registryUrl.replace(/\/+$/, ''),
    broker() {
      throw new Error('A given platform is not ours to break: unset KAFKA_BROKERS and SCHEMA_REGISTRY_URL for this')
    },
    stop: async () => {},
  }
}
