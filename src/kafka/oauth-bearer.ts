/**
 * The SASL exchange of OAUTHBEARER (RFC 7628). kafkajs has one of its own, which does not read the answer: a broker that refuses a token
 * says so in a challenge, kafkajs takes that for a success, and its next request ends the connection for a reason that names nothing.
 */
import kafkajs, { type Mechanism } from 'kafkajs'
import { ConnectorError } from '../errors.ts'

const { KafkaJSNonRetriableError } = kafkajs
const SEPARATOR = '\u0001'
const MAX_REASON_CHARACTERS = 200

/** What kafkajs logs in with; `token` is asked for every connection, and again before a session of it ends. */
export function oauthBearer(token: () => Promise<string>): Mechanism {
  return {
    mechanism: 'oauthbearer',
    authenticationProvider: ({ host, port, saslAuthenticate }) => ({
      async authenticate() {
        const value = await token().catch(final)
        const response = { decode: (bytes: Buffer) => bytes, parse: (bytes: Buffer) => bytes.subarray(4).toString('utf8') }
        const first = sized(`n,,${SEPARATOR}auth=Bearer ${value}${SEPARATOR}${SEPARATOR}`)
        const challenge = await saslAuthenticate({ request: { encode: () => first }, response })
        if (challenge === undefined || challenge === '') return
        // The broker waits for this before it ends the exchange.
        await saslAuthenticate({ request: { encode: () => sized(SEPARATOR) } }).catch(() => undefined)
        final(refusedBy(`${host}:${port}`, challenge))
      },
    }),
  }
}

/** kafkajs repeats what it does not know; ours is repeated by whoever asked, who also minds the time. */
function final(error: unknown): never {
  if (!(error instanceof ConnectorError)) throw error
  throw Object.assign(new KafkaJSNonRetriableError(error.message), { cause: error })
}

function refusedBy(broker: string, challenge: string): ConnectorError {
  const said = challenge.replaceAll(/[^\x21-\x7e]+/g, ' ').slice(0, MAX_REASON_CHARACTERS)
  const check = 'check that the broker trusts the issuer, and its expected audience and scope against kafka.sasl.scope'
  return new ConnectorError('KAFKA_UNAUTHORIZED', `the broker ${broker} refuses the token (${said}); ${check}`)
}

/** kafkajs wants the bytes of an exchange with their length in front. */
function sized(text: string): Buffer {
  const bytes = Buffer.from(text)
  const length = Buffer.alloc(4)
  length.writeInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}
